"""A result as a trace holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result that belongs to a node, as plain data for JSON."""

    kind: str
    node: int
    settings: dict[str, Any]
    result: dict[str, Any]
