"""The recipe of the practice models: their grammar, its exact truth, and their training."""
