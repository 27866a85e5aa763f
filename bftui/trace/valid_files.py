"""What people name as a valid set: a name, words, a regular expression, or a file of answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bftui.core.errors import InputError, NotEnumerable, UsageError
from bftui.core.valid.named_sets import NAMED, named_set
from bftui.core.valid.regex_answers import regex_answers
from bftui.core.valid.valid_sets import Grammar, Valid, ValidSet, valid_set
from bftui.trace.stream import read_bounded

REGEX, SCHEMA = "regex:", "schema:"

MOST_BYTES = 64 << 20
"""Of a file of answers, which is held in memory as a whole."""

_FORM = 'write one answer a line, or {"valid": ["…"]}'


def parse_valid(text: str, read: Callable[[str], bytes]) -> Valid:
    """Makes the set that a text names: one of `NAMED`, `regex:PATTERN`, `schema:FILE`, or a file of answers.

    An expression whose answers cannot be written out, because they are too many or go on for ever, is a grammar, and
    so is a JSON schema.

    Args:
        text: what was written; a name goes before a file that is called so.
        read: returns the bytes of a file; its errors pass.

    Raises UsageError for no such set, InputError for a damaged file.
    """
    if text.startswith(REGEX):
        return _expression(text)
    if text.startswith(SCHEMA):
        path = text.removeprefix(SCHEMA)
        schema = _unicode(read(path), path)
        try:
            json.loads(schema)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON", str(error)) from error
        return Grammar(text, "schema", schema)
    named = named_set(text)
    if named is not None:
        return named
    try:
        data = read(text)
    except InputError as error:
        if os.sep in text or "." in text:
            raise
        raise UsageError(
            f"{text or repr(text)} is neither a valid set nor a file",
            hint=f"sets are {', '.join(NAMED)}, {REGEX}PATTERN, {SCHEMA}FILE",
        ) from error
    return parse_answers(data, text)


def _expression(text: str) -> Valid:
    pattern = text.removeprefix(REGEX)
    try:
        return valid_set(text, regex_answers(pattern))
    except NotEnumerable as error:
        return Grammar(text, "regex", pattern, (error.line(),))


def _unicode(data: bytes, name: str) -> str:
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8", str(error)) from error


def read_answers(path: str) -> bytes:
    """Reads a file of answers for `parse_valid`. Raises InputError, also above `MOST_BYTES`."""
    return read_bounded(Path(path), MOST_BYTES)


def parse_answers(data: bytes, name: str) -> ValidSet:
    """Reads a file of answers: one a line, without blanks around it, or JSON, `{"valid": […]}`, which keeps them.

    Args:
        data: the file's bytes, UTF-8.
        name: what errors and results call the file.

    Raises InputError for what is not such a file, and for no answers.
    """
    text = _unicode(data, name)
    if text.lstrip().startswith("{"):
        try:
            return valid_answers(json.loads(text).get("valid"), name)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, json.JSONDecodeError) else "it holds too much"
            raise InputError(f"{name} is not JSON", why, _FORM) from error
    if _is_list(text):
        raise InputError(f"{name} is a JSON list alone", hint=_FORM)
    # Only line ends end a line: other separators may stand inside an answer.
    return valid_answers([line.strip() for line in text.split("\n") if line.strip()], name)


def _is_list(text: str) -> bool:
    """Whether a whole text is a list in JSON, whose brackets and quotes would become answers."""
    try:
        return text.lstrip().startswith("[") and isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def valid_answers(answers: Any, name: str) -> ValidSet:
    """Makes a set of a list of texts that a file holds. Raises InputError for what is none, is empty, or no Unicode."""
    if not isinstance(answers, list) or not all(isinstance(each, str) for each in answers):
        raise InputError(f'{name}: "valid" is not a list of texts', hint=_FORM)
    try:
        return valid_set(name, answers)
    except UsageError as error:
        raise InputError(error.message, error.reason, _FORM) from error
