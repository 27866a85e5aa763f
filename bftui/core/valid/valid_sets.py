"""A set of valid answers: strings, all of them equally wanted (arXiv 2605.11128, section 3).

Not for: tokens; `token_trie` has those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from bftui.core.errors import UsageError
from bftui.core.text import counted

LIMIT = 10_000
"""As many answers as are walked one by one; a larger set is sampled."""


@dataclass(frozen=True, slots=True)
class ValidSet:
    """The valid answers V*.

    Attributes:
        name: what people call it.
        answers: each of them once, none empty. A sequence that makes them when they are asked for, where there are
            many: its length, its elements and `in` are known without writing it out.
        notes: what people should know of how it was made, in words.
    """

    name: str
    answers: Sequence[str] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of valid answers |V*|."""
        return len(self.answers)

    def draw(self, u: float) -> str:
        """Returns one answer, all alike probable, for `u` in [0, 1)."""
        # Whole numbers: a float64 has no room for the places of a large set.
        return self.answers[int(u * 2**53) * self.count >> 53]

    def all(self) -> tuple[str, ...]:
        """Returns every answer; raises UsageError for more than LIMIT."""
        if self.count > LIMIT:
            raise UsageError(
                f"{self.name} has {self.count:,} answers",
                f"{LIMIT:,} at most are walked one by one",
            )
        return tuple(self.answers)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Valid answers that cannot be written out one by one.

    Attributes:
        name: what people call it.
        kind, source: a regular expression, or the JSON of a schema.
        notes: as of `ValidSet`.
    """

    name: str
    kind: Literal["regex", "schema"]
    source: str = field(repr=False)
    notes: tuple[str, ...] = ()


Valid = ValidSet | Grammar
"""What can be asked of a model: a set that is listed, or a grammar."""


def valid_set(name: str, answers: Iterable[str]) -> ValidSet:
    """Makes a set of the texts that somebody lists; one that comes again is dropped, which the notes say.

    Raises UsageError for no answers, for an empty one, and for text that is not Unicode.
    """
    listed = list(answers)
    found = tuple(dict.fromkeys(listed))
    if not found:
        raise UsageError(f"{name} has no valid answers")
    for answer in found:
        if not answer:
            raise UsageError(f"{name} holds an empty answer")
        try:
            answer.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{name}: {answer!r} is not Unicode", str(error)) from error
    return ValidSet(name, found, _repeated(listed))


def _repeated(listed: Sequence[str]) -> tuple[str, ...]:
    seen, again = set[str](), dict[str, None]()
    for answer in listed:
        if answer in seen:
            again[answer] = None
        seen.add(answer)
    if not again:
        return ()
    shown = ", ".join(repr(answer) for answer in islice(again, 3)) + (
        ", …" if len(again) > 3 else ""
    )
    return (f"{counted(len(listed) - len(seen), 'answer')} that came again were left out: {shown}",)
