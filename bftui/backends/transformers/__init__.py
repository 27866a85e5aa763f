"""Models through transformers and torch."""
