"""A session as records: kept, played back, resumed, replayed, replicated and checked."""
