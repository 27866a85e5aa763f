"""What each number on the screen means."""
