"""A file of instructions: JSON Lines, each with content and style, or with one text that is split."""

from __future__ import annotations

from typing import Any

from bftui.core.errors import InputError, UsageError
from bftui.core.pair.instruction_parts import (
    Instruction,
    by_hand,
    by_rule,
    by_separator,
    content_alone,
)
from bftui.trace.prompts_file import check_unicode, json_lines

_FORM = 'write one {"id": "…", "content": "…", "style": "…"} a line'


def parse_instructions(
    data: bytes, name: str, separator: str = ""
) -> tuple[tuple[str, Instruction], ...]:
    """Read the instructions of a file with their names; blank lines are passed over.

    Args:
        data: the file's bytes, UTF-8.
        name: what errors call the file.
        separator: what stands between content and style of an `instruction`; empty to split by rule.

    Raises InputError that names the line, and for no instructions.
    """
    found: dict[str, Instruction] = {}
    for number, fields in json_lines(data, name, _FORM):
        where = f"{name}: line {number}"
        if not isinstance(fields, dict):
            raise InputError(f"{where} is not an object", hint=_FORM)
        named = _text(fields, "id", where)
        if not named:
            raise InputError(f'{where} has no "id"', hint=_FORM)
        if named in found:
            raise InputError(f"{where} has the id {named!r} again")
        try:
            found[named] = _instruction(fields, where, separator)
        except UsageError as error:
            raise InputError(f"{where}: {error.message}", error.reason, error.hint) from error
    if not found:
        raise InputError(f"{name} holds no instructions", hint=_FORM)
    return tuple(found.items())


def _instruction(fields: dict[str, Any], where: str, separator: str) -> Instruction:
    whole = _text(fields, "instruction", where)
    if whole:
        return by_separator(whole, separator) if separator else by_rule(whole)
    content, style = _text(fields, "content", where), _text(fields, "style", where)
    return by_hand(content, style) if style else content_alone(content)


def _text(fields: dict[str, Any], field: str, where: str) -> str:
    value = fields.get(field, "")
    if not isinstance(value, str):
        raise InputError(f'{where}: "{field}" is not a text', hint=_FORM)
    check_unicode(value, where, field)
    return value
