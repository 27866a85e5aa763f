"""The sections of a report, one for each kind of result."""
