"""The workbench's screen and the ones that open over it."""
