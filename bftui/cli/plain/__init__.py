"""`bftui run --plain`: the workbench on lines of text."""
