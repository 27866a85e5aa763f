"""Where a person's files lie: settings, kept sessions, caches. Names only; nothing is made or read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

Kind = Literal["config", "state", "cache"]

NOWHERE = Path(os.devnull) / "bftui"
"""Stands for a home that nobody knows: nothing is there, and nothing can be made there."""


def user_folder(kind: Kind, program: str = "bftui") -> Path:
    """Returns a person's folder for one kind of a program's files; it need not be there.

    A home that cannot be found ends nothing: `NOWHERE` holds nothing, like a home that is not a folder.
    """
    import platformdirs

    found = {
        "config": platformdirs.user_config_path,
        "state": platformdirs.user_state_path,
        "cache": platformdirs.user_cache_path,
    }
    try:
        path = found[kind](program)
    except RuntimeError:
        return NOWHERE
    return path if path.is_absolute() else NOWHERE


def user_home() -> Path | None:
    """Returns the person's home; None where nobody knows it."""
    path = Path(os.path.expanduser("~"))
    return path if path.is_absolute() else None
