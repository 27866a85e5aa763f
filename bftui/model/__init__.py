"""A loaded model: prompts, templates, turns, and pairs of models."""
