"""Chat templates, rendered in a process with limits."""
