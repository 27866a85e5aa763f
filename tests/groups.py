"""Tests that one process takes of those that share the work, so that what they have in common is made once."""

from __future__ import annotations

from typing import Any

import pytest

TORCH = pytest.mark.xdist_group("torch")
"""For what runs models with torch: its libraries take seconds to import."""


def one_process(name: str) -> Any:
    """The mark of tests that share something costly, by any name of theirs."""
    return pytest.mark.xdist_group(name)
