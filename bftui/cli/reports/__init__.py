"""Results of commands as text for people."""
