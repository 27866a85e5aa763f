"""Themes: their files, their styles, their colours."""
