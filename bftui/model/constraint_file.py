"""Constraints as files: what kind one is follows from how the file is called, or from what is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import Constraint, ConstraintKind
from bftui.trace.stream import read_bounded

_MOST_BYTES = 1 << 20

_KINDS: dict[str, ConstraintKind] = {
    ".regex": "regex",
    ".txt": "regex",
    ".json": "json-schema",
    ".lark": "lark",
}

_RULE = re.compile(r"^\s*\??start\s*:", re.MULTILINE)
"""What a Lark grammar begins with, somewhere."""


def read_constraint(path: Path, start: int = 0) -> Constraint:
    """Read the constraint of a file, for the text from so many tokens after the prompt on.

    Raises InputError for what cannot be read, MissingDependency without the library that reads it.
    """
    return parse_constraint(read_bounded(path, _MOST_BYTES), str(path), start)


def parse_constraint(data: bytes, name: str, start: int = 0) -> Constraint:
    """Make a constraint of a file's bytes; `name` is the file's. Raises as `read_constraint`."""
    from bftui.backends.client.constraint_masks import check_constraint

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8", str(error)) from error
    kind = _KINDS.get(Path(name).suffix.lower()) or _kind(text)
    # The line end of the file's only line is not part of an expression.
    found = Constraint(kind, text.rstrip("\r\n") if kind == "regex" else text, start)
    try:
        check_constraint(found)
    except UsageError as error:
        raise InputError(f"{name}: {error.message}", error.reason, error.hint) from error
    return found


def _kind(text: str) -> ConstraintKind:
    try:
        if isinstance(json.loads(text), dict):
            return "json-schema"
    except (ValueError, RecursionError):
        pass
    return "lark" if _RULE.search(text) else "regex"
