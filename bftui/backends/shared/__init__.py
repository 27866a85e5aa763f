"""What several backends share: the cached path, tokens as bytes, checkpoints."""
