"""The panes, one file each, and the pure models that they draw."""
