"""Nudging: texts that two models write."""
