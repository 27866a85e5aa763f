"""Running text as wrapped lines of token pieces, kept up from the last change on. Pure: no Textual, no colours.

Widths are terminal cells. Every piece is safe to draw: spaces are `·`, line ends `⏎`, what could move a cursor or hide
is a visible mark. A character that is split over tokens stands at the token that completes it.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from rich.cells import cell_len

from bftui.core.text import NEWLINE, SPACE, safe

FORCED, NUDGED = "▲", "◇"
"""Stand before what was forced, and before what the partner wrote."""

_KEEP = 24
"""A word of more cells than this is broken rather than moved whole to the next line."""

_DECODER = codecs.getincrementaldecoder("utf-8")


class TextPiece(NamedTuple):
    """A token, or a part of it: `offset` characters of the token's safe text stand before `text`."""

    token: int
    offset: int
    text: str


@dataclass(slots=True)
class TextLine:
    """One line on the screen; `token` and `offset` say where it starts."""

    token: int
    offset: int
    pieces: list[TextPiece] = field(default_factory=list)
    cells: int = 0

    def add(self, piece: TextPiece) -> None:
        """Appends a piece."""
        self.pieces.append(piece)
        self.cells += cell_len(piece.text)


class TextLayout:
    """Lines for a list of tokens at a width; tokens are only ever changed from some place on."""

    def __init__(self, width: int) -> None:
        self._width = max(1, width)
        self._data: list[bytes] = []
        self._marks: list[str] = []
        self._hidden: list[bool] = []
        self._texts: list[str] = []
        self._pending: list[bytes] = []
        self.lines: list[TextLine] = [TextLine(0, 0)]

    def __len__(self) -> int:
        """How many tokens there are."""
        return len(self._data)

    def data(self, tokens: range) -> list[bytes]:
        """The bytes of some tokens."""
        return self._data[tokens.start : tokens.stop]

    def resize(self, width: int) -> None:
        """Wraps at another width."""
        if max(1, width) != self._width:
            self._width = max(1, width)
            self._wrap_from(0)

    def replace(
        self,
        start: int,
        tokens: Iterable[bytes],
        marks: Mapping[int, str] | None = None,
        hidden: Container[int] = (),
    ) -> None:
        """Forgets the tokens from `start` on and goes on with these; a mark stands before the ones that have one.

        Of those that are hidden nothing else is drawn.
        """
        self._data[start:] = tokens
        found = marks or {}
        self._marks[start:] = [found.get(number, "") for number in range(start, len(self._data))]
        self._hidden[start:] = [number in hidden for number in range(start, len(self._data))]
        # A character that was cut short before `start` may be completed, or not any more.
        first = max(0, min(start, len(self._texts)) - 1)
        while first and self._pending[first - 1]:
            first -= 1
        del self._texts[first:], self._pending[first:]
        decoder = _DECODER("replace")
        for number in range(first, len(self._data)):
            decoded = decoder.decode(self._data[number])
            text = "" if self._hidden[number] else visible(decoded)
            self._texts.append(self._marks[number] + text)
            self._pending.append(decoder.getstate()[0])
        if self._pending and self._pending[-1]:
            self._texts[-1] += visible(decoder.decode(b"", final=True))
        self._wrap_from(first)

    def line_of(self, token: int) -> int:
        """The line where a token starts."""
        return max(
            0, bisect_right(self.lines, (token, 0), key=lambda line: (line.token, line.offset)) - 1
        )

    def first_cell(self, token: int) -> tuple[int, int]:
        """Line and column where a token starts; of one that shows nothing, where the text goes on."""
        number = self.line_of(token)
        line, column = self.lines[number], 0
        for piece in line.pieces:
            if piece.token >= token:
                break
            column += cell_len(piece.text)
        return number, column

    def token_at(self, number: int, column: int) -> int:
        """The token that is drawn in a cell, or the nearest to its left."""
        pieces = self.lines[number].pieces
        if not pieces:
            return max(0, len(self) - 1)
        for piece in pieces:
            column -= cell_len(piece.text)
            if column < 0:
                return piece.token
        return pieces[-1].token

    def find(self, query: str) -> list[range]:
        """The tokens of each place where the text contains this, whatever its case."""
        wanted = _lower(visible(query))
        texts = [
            _lower(text[len(mark) :]) for text, mark in zip(self._texts, self._marks, strict=True)
        ]
        starts = list(accumulate(map(len, texts), initial=0))
        whole, found = "".join(texts), []
        place = whole.find(wanted) if wanted else -1
        while place >= 0:
            first = bisect_right(starts, place) - 1
            found.append(range(first, bisect_right(starts, place + len(wanted) - 1)))
            place = whole.find(wanted, place + len(wanted))
        return found

    def _wrap_from(self, token: int) -> None:
        # One line more than the one that held the token before: its last word may have moved on because of what came.
        at = max(0, self.line_of(token - 1) - 1) if token else 0
        first, offset = (self.lines[at].token, self.lines[at].offset) if at else (0, 0)
        del self.lines[at:]
        line = self._open(first, offset)
        for number in range(first, len(self._texts)):
            place = offset if number == first else 0
            for word in _words(self._texts[number], place):
                line = self._put(line, TextPiece(number, place, word))
                place += len(word)
                if word.endswith(NEWLINE):
                    line = self._open(number, place)

    def _put(self, line: TextLine, piece: TextPiece) -> TextLine:
        """Adds a piece of a word; with what it completes it goes to the next line where it does not fit."""
        cells = cell_len(piece.text)
        if line.cells + cells <= self._width:
            line.add(piece)
            return line
        word = _unfinished(line)
        if line.cells and sum(cell_len(p.text) for p in word) + cells <= min(_KEEP, self._width):
            for part in word:
                line.cells -= cell_len(part.text)
            del line.pieces[len(line.pieces) - len(word) :]
            line = self._open(*(word or [piece])[0][:2])
            for part in [*word, piece]:
                line.add(part)
            return line
        return self._break(line, piece)

    def _break(self, line: TextLine, piece: TextPiece) -> TextLine:
        """Adds a piece to a line and to as many new ones as it needs."""
        room, start = self._width - line.cells, 0
        for place, character in enumerate(piece.text):
            size = cell_len(character)
            if size > room and (line.cells or place > start):
                if place > start:
                    line.add(TextPiece(piece.token, piece.offset + start, piece.text[start:place]))
                line = self._open(piece.token, piece.offset + place)
                room, start = self._width, place
            room -= size
        line.add(TextPiece(piece.token, piece.offset + start, piece.text[start:]))
        return line

    def _open(self, token: int, offset: int) -> TextLine:
        line = TextLine(token, offset)
        self.lines.append(line)
        return line


def _unfinished(line: TextLine) -> list[TextPiece]:
    """The pieces of the word that a line ends with; none where the word is all there is."""
    count = 0
    for piece in reversed(line.pieces):
        if piece.text.endswith(SPACE):
            break
        count += 1
    return line.pieces[-count:] if 0 < count < len(line.pieces) else []


def _lower(text: str) -> str:
    """Lower case with every character in its place: a few grow when they change."""
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def visible(text: str) -> str:
    """Safe text with visible spaces."""
    return safe(text).replace(" ", SPACE)


def _words(text: str, start: int) -> Iterator[str]:
    """Pieces after which a line may end: at spaces and line ends."""
    begin = start
    for place in range(start, len(text)):
        if text[place] in (SPACE, NEWLINE):
            yield text[begin : place + 1]
            begin = place + 1
    if begin < len(text):
        yield text[begin:]
