"""Tests that one process takes of those that share the work, so that what they have in common is made once.

Each process collects every test and runs some: a file that is only collected imports nothing that takes long.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

TORCH = pytest.mark.xdist_group("torch")
"""For what runs models with torch: its libraries take seconds to import."""


def one_process(name: str) -> Any:
    """The mark of tests that share something costly, by any name of theirs."""
    return pytest.mark.xdist_group(name)


STATISTICS = one_process("statistics")
"""For what is held against `scipy.stats`, which takes a second to import."""


def needs(*libraries: str) -> None:
    """Skips the file that is being collected where one of these is not installed; imports none."""
    for library in libraries:
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed", allow_module_level=True)


class Later:
    """A module that is imported when something of it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            # What pytest asks everything for is not there.
            raise AttributeError(name)
        return getattr(import_module(self._name), name)
