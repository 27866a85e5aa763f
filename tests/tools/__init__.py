"""Scripts that measure the project itself."""
