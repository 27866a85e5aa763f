"""What another package adds to bftui: a backend, a measurement and an action."""
