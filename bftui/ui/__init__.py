"""The workbench: a Textual app that draws a session and decides nothing."""
