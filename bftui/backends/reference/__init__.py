"""Llama models in NumPy."""
