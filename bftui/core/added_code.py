"""Code of other packages that an entry point names; apart, since backends and measurements are both added so."""

from __future__ import annotations

from contextlib import redirect_stdout
from importlib.metadata import EntryPoint
from io import StringIO
from typing import Any


def load_added(entry: EntryPoint) -> Any:
    """Return what an entry point names; raises Exception of any kind, and ImportError where the import would exit.

    What is printed meanwhile is dropped: standard output is for results.
    """
    try:
        with redirect_stdout(StringIO()):
            return entry.load()
    except SystemExit as error:
        raise ImportError(f"{entry.module} ends the program when it is imported") from error
