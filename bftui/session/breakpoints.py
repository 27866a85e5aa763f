"""Where playing stops by itself: conditions on the place that a step reached, and their written form."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bftui.core.errors import UsageError

Kind = Literal["entropy", "bf", "token", "text", "fork", "regex"]

FORMS = r"entropy>2.5, bf>8, token:Sure, text:However, fork, regex:\d+"
"""One of each, for hints."""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """One condition on the place that a step reached.

    `entropy` and `bf` look at the choice that comes next, H(P) in nats and BF; `fork` holds where the partner would
    take another token next than the model; `token`, `text` and `regex` look at what the step wrote.

    Attributes:
        kind: what it looks at.
        value: what it is held against, as it was written; "" for a fork.
    """

    kind: Kind
    value: str = ""

    @staticmethod
    def parse(written: str) -> Breakpoint:
        """Reads the form that people write, such as `entropy>2.5`. Raises UsageError that says what is wrong.

        A text may be JSON, for blanks and line ends: `text:"\\n\\n"`.
        """
        found = re.fullmatch(r"\s*([a-z]+)\s*(?:([>:])(.*))?", written, re.DOTALL)
        kind, sign, value = ("", None, None) if found is None else found.groups()
        kinds: tuple[Kind, ...] = get_args(Kind)
        known = next((each for each in kinds if each == kind), None)
        if known is None or sign != _SIGNS.get(known):
            raise UsageError(
                f"{written[:60]!r} is not a condition to stop at", hint=f"such as {FORMS}"
            )
        made = Breakpoint(known, value or "")
        if known == "regex":
            _check_regex(made.value)
        elif sign == ">":
            made = Breakpoint(known, made.value.strip())
            if not made._limit_is_sound():
                raise UsageError(f"{written[:60]!r} takes a number from 0 on")
        elif sign == ":" and not made.text:
            raise UsageError(f"{written[:60]!r} names no text")
        return made

    def _limit_is_sound(self) -> bool:
        try:
            return 0 <= self.limit < math.inf
        except ValueError:
            return False

    @property
    def written(self) -> str:
        """The form that `parse` reads."""
        return f"{self.kind}{_SIGNS.get(self.kind, '')}{self.value}"

    @property
    def limit(self) -> float:
        """The number of `entropy` (nats) and `bf`. Raises ValueError for what is not a number."""
        return float(self.value)

    @property
    def text(self) -> str:
        """The text of `token` and `text`. Raises UsageError for what is not JSON text."""
        if not self.value.startswith('"'):
            return self.value
        try:
            found = json.loads(self.value)
        except ValueError as error:
            raise UsageError(f"{self.value[:60]} is not JSON text", str(error)) from None
        return str(found)


def changed_by(known: Sequence[str], written: str) -> tuple[tuple[str, ...], str]:
    """Returns what is set after a condition was entered, and what that does in words.

    One that is set already goes, any other one comes; `none` takes all away. Raises UsageError as `Breakpoint.parse`.
    """
    if written.strip() == "none":
        return (), "takes all away"
    made = Breakpoint.parse(written).written
    if made in known:
        return tuple(each for each in known if each != made), f"takes {made} away"
    return (*known, made), f"sets {made}"


_SIGNS = {"entropy": ">", "bf": ">", "token": ":", "text": ":", "regex": ":"}


def _check_regex(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        why = str(error) or "it is nested too deeply"
        raise UsageError(f"{pattern[:60]!r} is not a regular expression", why) from error
    if not pattern:
        raise UsageError("'regex:' names no pattern")
