"""`bftui diversity`: how different the outputs of a model are, and which of them are correct."""
