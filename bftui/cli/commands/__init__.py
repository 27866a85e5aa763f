"""The commands, one file each, named for the command."""
