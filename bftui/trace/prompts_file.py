"""A prompts file: JSON Lines, one `{"id", "prompt"}` a line, with optional fields; a file of examples.

Further fields are left to whoever needs them. Data in, data out: nothing is rendered here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bftui.core.errors import InputError


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One line of a prompts file.

    Attributes:
        id: its name in results, unlike all others of the file.
        prompt: the text.
        system: the system text, None where the line has none.
        answer: an answer that is not to be written any more, not empty; None where the line has none.
        valid: its valid answers, or what names them; None where the line has none.
    """

    id: str
    prompt: str
    system: str | None = None
    answer: str | None = None
    valid: str | tuple[str, ...] | None = None


def parse_prompts(data: bytes, name: str) -> tuple[PromptLine, ...]:
    """Reads the lines of a prompts file; blank ones are passed over.

    Args:
        data: the file's bytes, UTF-8.
        name: what errors call the file.

    Raises InputError that names the line, for what is not such a file, for an id that comes twice, and for no prompts.
    """
    found: dict[str, tuple[int, PromptLine]] = {}
    for number, fields in json_lines(data, name, _FORM):
        where = f"{name}: line {number}"
        line = _line(fields, where)
        if line.id in found:
            first = found[line.id][0]
            raise InputError(f"{where} has the id {line.id!r} again", f"line {first} has it too")
        found[line.id] = number, line
    if not found:
        raise InputError(f"{name} holds no prompts", hint=_FORM)
    return tuple(line for _, line in found.values())


def parse_examples(data: bytes, name: str) -> tuple[tuple[str, str], ...]:
    """Reads the queries and answers of a file of examples: JSON Lines, one `{"prompt", "answer"}` a line.

    Args:
        data, name: as of `parse_prompts`.

    Raises InputError that names the line: for what is not such a file, for no examples, and for a text that would end
    an answer early.
    """
    found = []
    for number, fields in json_lines(data, name, _EXAMPLE):
        where = f"{name}: line {number}"
        texts = []
        for field in ("prompt", "answer"):
            value = fields.get(field) if isinstance(fields, dict) else None
            if not isinstance(value, str) or not value.strip():
                raise InputError(f'{where} has no "{field}"', hint=_EXAMPLE)
            stop = next((each for each in ("```", "# Query") if each in value), None)
            if stop is not None:
                raise InputError(f'{where}: "{field}" holds {stop}', "which ends an answer")
            check_unicode(value, where, field)
            texts.append(value.strip())
        found.append((texts[0], texts[1]))
    if not found:
        raise InputError(f"{name} holds no examples", hint=_EXAMPLE)
    return tuple(found)


_FORM = 'write one {"id": "…", "prompt": "…"} a line'
_EXAMPLE = 'write one {"prompt": "…", "answer": "…"} a line'


def json_lines(data: bytes, name: str, form: str) -> Iterator[tuple[int, Any]]:
    """Yields what stands in each line that is not blank, with its number, from 1.

    Args:
        data, name: as of `parse_prompts`.
        form: how a line is written, for errors.

    Raises InputError that names a line which is not JSON.
    """
    # Only line ends end a line: other separators may stand inside a JSON string.
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        where = f"{name}: line {number}"
        try:
            text = raw.decode().strip()
        except UnicodeDecodeError as error:
            raise InputError(f"{where} is not UTF-8", str(error)) from error
        if not text:
            continue
        try:
            yield number, json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where} is not JSON", _why(error), form) from error


def check_unicode(text: str, where: str, field: str) -> None:
    """Raises InputError for half of a character, as JSON can write it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f'{where}: "{field}" is not Unicode', str(error)) from error


def _why(error: Exception) -> str:
    """What keeps a line from being read; what Python says of its own limits helps nobody."""
    if isinstance(error, json.JSONDecodeError):
        return str(error)
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
    )


def _line(fields: Any, where: str) -> PromptLine:
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not an object", hint=_FORM)
    for field in ("id", "prompt"):
        if field not in fields:
            raise InputError(f'{where} has no "{field}"', hint=_FORM)
    for field in ("id", "prompt", "system", "answer"):
        value = fields.get(field)
        if not isinstance(value, str) and (field in ("id", "prompt") or value is not None):
            raise InputError(f'{where}: "{field}" is not a text', hint=_FORM)
        if field == "answer" and value == "":
            raise InputError(f'{where}: "answer" is empty', hint="leave it out, or give a text")
        check_unicode(value or "", where, field)
    return PromptLine(
        fields["id"],
        fields["prompt"],
        fields.get("system"),
        fields.get("answer"),
        _valid(fields.get("valid"), where),
    )


def _valid(value: Any, where: str) -> str | tuple[str, ...] | None:
    if value is None or isinstance(value, str):
        check_unicode(value or "", where, "valid")
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f'{where}: "valid" is neither a list of texts nor the name of a set')
    for each in value:
        check_unicode(each, where, "valid")
    return tuple(value)
