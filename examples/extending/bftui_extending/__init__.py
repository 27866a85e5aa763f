"""What another package adds to bftui: a backend and an action."""
