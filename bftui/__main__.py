"""`python -m bftui`."""

from bftui.cli import main

main()
