"""Constraints as people give them: a file, whose kind follows from its name or from what is in it, or an expression."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import FREE, Constraint, ConstraintKind
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


def read_constraint(path: Path) -> Constraint:
    """Read the constraint of a file, and check it.

    Raises InputError for what cannot be read, MissingDependency without the library that reads it.
    """
    from bftui.backends.client.constraint_masks import check_constraint

    found = _parsed(read_bounded(path, _MOST_BYTES), str(path))
    try:
        check_constraint(found)
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", error.reason, error.hint) from error
    return found


def typed_constraint(text: str) -> Constraint:
    """Make a constraint of what was typed: a file that is there, `none`, or a regular expression; it is not checked.

    Raises InputError for a file that cannot be read, or that is called like one and is not there.
    """
    if text.strip() == "none":
        return FREE
    path = Path(text.strip()).expanduser()
    if path.suffix in (".json", ".lark", ".regex") or _is_file(path):
        return _parsed(read_bounded(path, _MOST_BYTES), str(path))
    return Constraint("regex", text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # Expressions may be too long for a path, or hold what none may.
        return False


def _parsed(data: bytes, name: str) -> Constraint:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8", str(error)) from error
    kind = _KINDS.get(Path(name).suffix.lower()) or _kind(text)
    # The line end of the file's only line is not part of an expression.
    return Constraint(kind, text.rstrip("\r\n") if kind == "regex" else text)


def _kind(text: str) -> ConstraintKind:
    try:
        if isinstance(json.loads(text), dict):
            return "json-schema"
    except (ValueError, RecursionError):
        pass
    return "lark" if _RULE.search(text) else "regex"
