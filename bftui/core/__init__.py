"""Mathematics and data: distributions, draws, the token tree, safe text, errors.

Nothing here reads or writes, starts a thread or knows a model.
"""
