"""What people typed: kept from becoming control tokens while a template runs, and found again in what it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from bftui.core.errors import InputError

Message = Mapping[str, str]
"""`role` (system, user or assistant) and `content`."""

# Unicode promises that the first never stand for a character; the second are for a text that holds all of those.
_STAND_INS = (range(0xFDD0, 0xFDF0), range(0xF0000, 0xFFFFE))


@dataclass(frozen=True, slots=True)
class Said:
    """Words that must come out.

    Attributes:
        name: what people call them.
        hidden: as the template sees them.
        probe: the same between two marks.
    """

    name: str
    hidden: str
    probe: str

    def in_text(self, text: str) -> bool:
        """Whether they are in a text, but for white space around them."""
        return self.hidden.strip() in text


class StandIns:
    """Keeps text that people typed from becoming control tokens.

    Attributes:
        mark: a character that stands in none of the texts.
    """

    def __init__(self, spellings: Sequence[str], texts: Sequence[str]) -> None:
        used = "".join(texts)
        try:
            used.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "the text is not valid Unicode", "it holds half a character"
            ) from error
        self._free = (c for c in map(chr, chain(*_STAND_INS)) if c not in used)
        self._spellings = spellings
        self.mark = next(self._free)
        self._hidden: dict[str, str] = {}

    def said(self, name: str, text: str) -> Said:
        """Words under a name, with marks of their own around the probe."""
        hidden = self.hide(text)
        return Said(name, hidden, f"{next(self._free)}{hidden}{next(self._free)}")

    def value(self, value: Any) -> Any:
        """Return an argument of a template with its texts hidden where they spell a control token as a whole.

        Parts of one stay: templates compare such texts with their own.
        """
        if isinstance(value, str):
            return self._replaced(value, _spelled)
        if isinstance(value, Mapping):
            return {key: self.value(each) for key, each in value.items()}
        return list(map(self.value, value)) if isinstance(value, list | tuple) else value

    def hide(self, text: str) -> str:
        """Return the text with stand-ins where it spells a control token, by itself or with what may be beside it."""
        return self._replaced(text, _touched)

    def _replaced(self, text: str, places: Callable[[str, str], Iterator[int]]) -> str:
        characters = list(text)
        for spelling in self._spellings:
            for at in places(text, spelling):
                character = text[at]
                if character not in self._hidden:
                    self._hidden[character] = next(self._free)
                characters[at] = self._hidden[character]
        return "".join(characters)

    def show(self, text: str) -> str:
        """Return the text as it was typed."""
        return text.translate({ord(hidden): shown for shown, hidden in self._hidden.items()})

    def messages(self, messages: Iterable[Message]) -> list[Message]:
        """Return the same conversation with its contents hidden."""
        return [{**message, "content": self.hide(message["content"])} for message in messages]


def _spelled(text: str, spelling: str) -> Iterator[int]:
    """The places in a text where a spelling begins."""
    at = text.find(spelling)
    while at >= 0:
        yield at
        at = text.find(spelling, at + 1)


def _touched(text: str, spelling: str) -> Iterator[int]:
    """The places in a text that must change so that it takes no part in a spelling, whatever stands around it."""
    yield from _spelled(text, spelling)
    said = text.strip()
    if not said:
        return
    start = len(text) - len(text.lstrip())
    if said in spelling:
        yield start
    for size in range(1, len(spelling)):
        if said.startswith(spelling[size:]):
            yield start
        if said.endswith(spelling[:size]):
            yield start + len(said) - size


def strings(value: Any) -> Iterator[str]:
    """Yield every text within plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from (str(key), *strings(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)
