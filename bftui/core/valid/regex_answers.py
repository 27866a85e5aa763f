"""Every text that a regular expression matches as a whole, where they can be written out.

The expression is read by Python's own parser and never run, so that no expression takes for ever: sets of texts are
joined from left to right, what comes again is dropped at once, and both their number and the work have a limit. `\\d`,
`\\w` and `\\s` are those of ASCII.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from bftui.core.errors import NotEnumerable
from bftui.core.valid.valid_sets import LIMIT

_WORK = 20_000_000
"""Characters that are written at most on the way to the answers: a second or two."""

_PARSER: Any = import_module("re._parser")
"""There is no public way to the parsed form."""

_CATEGORIES: Mapping[str, str] = {
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_WORD": "".join(chr(code) for code in range(128) if re.match(r"\w", chr(code))),
    "CATEGORY_SPACE": " \t\n\r\f\v",
}

_NOT_REGULAR: Mapping[str, str] = {
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a condition on a group",
    "ASSERT": "a look ahead or behind",
    "ASSERT_NOT": "a look ahead or behind",
    "FAILURE": "a look ahead or behind",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}

_BEGINNING = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_END = ("AT_END", "AT_END_STRING")


def regex_answers(pattern: str, limit: int = LIMIT) -> tuple[str, ...]:
    """Returns every text that `pattern` matches from its first character to its last, in the order of the pattern.

    Raises NotEnumerable, which says why: for what cannot be read, goes on for ever, has more than `limit`
    answers or too long ones, or has parts that are not written out.
    """
    try:
        with warnings.catch_warnings():
            # What a later Python may read otherwise is none of a user's business here.
            warnings.simplefilter("ignore")
            parsed = _PARSER.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise NotEnumerable(f"{pattern!r} is not a regular expression", why) from error
    if parsed.state.flags & re.IGNORECASE:
        raise _refused(pattern, "it asks for any case")
    try:
        return tuple(_Answers(pattern, limit).sequence(parsed, True, True))
    except RecursionError:
        raise _refused(pattern, "it is nested too deeply") from None


def _refused(pattern: str, why: str) -> NotEnumerable:
    return NotEnumerable(f"the answers of {pattern!r} cannot be written out", why)


_Texts = dict[str, None]
"""A set in the order in which it was found."""


class _Answers:
    """The texts of one expression; `work` is what may still be written."""

    def __init__(self, pattern: str, limit: int) -> None:
        self._pattern, self._limit, self._work = pattern, limit, _WORK

    def sequence(self, items: Iterable[tuple[Any, Any]], first: bool, last: bool) -> _Texts:
        """The texts of items that follow each other; `first` and `last` say whether the whole begins or ends there."""
        parts = list(items)
        opening = next((n for n, each in enumerate(parts) if not _at(each, _BEGINNING)), len(parts))
        closing = next(
            (n for n, each in enumerate(reversed(parts)) if not _at(each, _END)), len(parts)
        )
        found: _Texts = {"": None}
        for number, part in enumerate(parts):
            begins, ends = first and number <= opening, last and number >= len(parts) - closing - 1
            found = self._joined(found, self._item(part, begins, ends))
        return found

    def _item(self, item: tuple[Any, Any], first: bool, last: bool) -> _Texts:
        name, value = str(item[0]), item[1]
        if name == "LITERAL":
            return {chr(value): None}
        if name == "IN":
            return self._characters(value)
        if name in ("ANY", "NOT_LITERAL"):
            raise self._refused("a part stands for nearly any character")
        if name == "BRANCH":
            return self._united(self.sequence(each, first, last) for each in value[1])
        if name == "SUBPATTERN":
            if value[1] & re.IGNORECASE:
                raise self._refused("it asks for any case")
            return self.sequence(value[3], first, last)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeated(*value)
        if name == "AT":
            where = str(value)
            if (where in _BEGINNING and first) or (where in _END and last):
                return {"": None}
            raise self._refused("it asks what stands beside a place inside it")
        raise self._refused(f"it has {_NOT_REGULAR.get(name, name.lower())}")

    def _characters(self, members: Sequence[tuple[Any, Any]]) -> _Texts:
        found: _Texts = {}
        for kind, value in members:
            name = str(kind)
            if name == "LITERAL":
                found[chr(value)] = None
            elif name == "RANGE":
                if value[1] - value[0] >= self._limit:
                    raise self._too_many()
                found |= dict.fromkeys(map(chr, range(value[0], value[1] + 1)))
            elif name == "CATEGORY" and str(value) in _CATEGORIES:
                found |= dict.fromkeys(_CATEGORIES[str(value)])
            else:
                raise self._refused("a part stands for nearly any character")
        if len(found) > self._limit:
            raise self._too_many()
        return found

    def _repeated(self, least: int, most: Any, items: Iterable[tuple[Any, Any]]) -> _Texts:
        once = self.sequence(items, False, False)
        if once.keys() <= {""}:
            return {"": None}
        if most == _PARSER.MAXREPEAT:
            raise self._refused("a part may be repeated for ever")
        power: _Texts = {"": None}
        for _ in range(least):
            power = self._joined(power, once)
        found = dict(power)
        for _ in range(most - least):
            power = self._joined(power, once)
            found = self._united((found, power))
        return found

    def _joined(self, left: _Texts, right: _Texts) -> _Texts:
        # Each side is at most as large as both together, so that what is too large now stays so.
        if max(len(left), len(right)) > self._limit:
            raise self._too_many()
        found: _Texts = {}
        for head in left:
            for tail in right:
                text = head + tail
                self._work -= len(text) + 1
                found[text] = None
            if self._work < 0:
                raise self._refused("there are too many ways to write them, or they are too long")
            if len(found) > self._limit:
                raise self._too_many()
        return found

    def _united(self, sets: Iterable[_Texts]) -> _Texts:
        found: _Texts = {}
        for each in sets:
            found |= each
            if len(found) > self._limit:
                raise self._too_many()
        return found

    def _too_many(self) -> NotEnumerable:
        return self._refused(f"there are more than {self._limit:,}")

    def _refused(self, why: str) -> NotEnumerable:
        return _refused(self._pattern, why)


def _at(item: tuple[Any, Any], places: Sequence[str]) -> bool:
    return str(item[0]) == "AT" and str(item[1]) in places
