"""`bftui measure`: samples of many prompts."""
