"""Which models are on this machine, what they are and what they need."""
