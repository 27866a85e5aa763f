"""What the commands share: options, opening models, progress, tables."""
