"""The terminal: what it can show, and how it is heard."""
