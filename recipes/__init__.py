"""Recipes: how the models that ship with bftui were made."""
