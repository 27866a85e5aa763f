"""One bar a token, in eighths of a cell, with lines over them and a row of signs below. Pure, no Textual.

Bars are what a chart is of; what they are held against are lines: a dotted one is another branch or other texts, a
solid one another model. Bars keep their place while a text grows: they begin as broad as 32 of them fit, and get
narrower only when they fill the width. Of more tokens than there are columns one bar shows 2, 4, 8 … that stand
together, by their highest or their lowest value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from bftui.ui.drawing.chart import Axis
from bftui.ui.drawing.glyphs import Glyphs, glyphs

T = TypeVar("T")

_FEWEST = 32
"""As many tokens fit whatever the text is, where there is room."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800

BAR, MARKED, WEAK, BAND, LEVEL = "bar", "marked", "weak", "band", "level"
"""What a cell shows: a bar, one with a sign, the part of one that its interval holds, what the interval holds above it,
and the level that bars are held against."""

Cell = tuple[str, str, str]
"""Signs, what they are, and what they stand on: a bar behind a line, or ""."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A line over the bars.

    Attributes:
        what: its layer.
        values: by position.
        dotted: whether it is.
        joined: whether a step from one position to the next is drawn, where the signs can.
    """

    what: str
    values: Mapping[int, float]
    dotted: bool = False
    joined: bool = True


class Bars:
    """Bars of values by position, on an axis.

    Attributes:
        columns, rows: cells; the row of signs is not among them.
        scale: where values stand.
        first, last: the positions at both ends of the axis, whether anything is drawn there or not.
        together: how many positions one bar stands for.
        signed: whether there is a row of signs below, be it empty.
    """

    def __init__(
        self,
        columns: int,
        rows: int,
        scale: Axis,
        values: Mapping[int, float],
        signs: Mapping[int, str] | None,
        *,
        kinds: Mapping[int, str] | None = None,
        lines: Sequence[ChartLine] = (),
        band: Mapping[int, tuple[float, float]] | None = None,
        level: float | None = None,
        choose: Callable[[Sequence[float]], float] = max,
        first: int | None = None,
        count: int | None = None,
        span: int | None = None,
        signs_of: Glyphs | None = None,
    ) -> None:
        """`values` and `signs` by position; of several positions the value that `choose` takes, and the first sign.

        `signs` are None for a chart without that row. `kinds` are the layers of bars; without them bars with a sign are
        marked. `band` is an interval of each value, `level` is drawn across; lines that come first stand in front.
        The axis begins at `first`, by default with the first value, and has room for `count` positions at least;
        `span` of them take the whole width, without gaps between bars.
        """
        self.columns, self.rows, self.scale = max(1, columns), max(1, rows), scale
        self._glyphs = signs_of or glyphs()
        places = [*values, *(place for line in lines for place in line.values)]
        self.first = min(places, default=0) if first is None else first
        count = count or span or max(places, default=0) - self.first + 1
        self.together = 1
        if span is None:
            most = max(1, self.columns // _FEWEST)
            width = next((w for w in range(most, 1, -1) if w * count <= self.columns), 1)
            while count > self.together * self.columns:
                self.together *= 2
            bars = self.columns // width
            self._bars = [column // width for column in range(bars * width)]
            self._gaps = {c for c in range(bars * width) if width > 1 and c % width == width - 1}
        else:
            self.together = -(-count // self.columns)
            bars = -(-count // self.together)
            self._bars = [column * bars // self.columns for column in range(self.columns)]
            self._gaps = set()
        self.last = self.first + bars * self.together - 1
        self._starts = {bar: c for c, bar in reversed(list(enumerate(self._bars)))}
        self._level = None if level is None else self._row_of(level)
        found: dict[int, list[float]] = {}
        for place, value in values.items():
            found.setdefault(self._bar(place), []).append(value)
        self._values = {bar: choose(several) for bar, several in found.items()}
        self.signed = signs is not None
        self._signs = self._by_bar(signs or {})
        named = dict.fromkeys(signs or {}, MARKED) if kinds is None else kinds
        self._kinds = self._by_bar(named)
        self._band = self._by_bar(band or {})
        self._dots: dict[tuple[int, int], tuple[int, str]] = {}
        for line in lines:
            self._draw(line)

    def _by_bar(self, named: Mapping[int, T]) -> dict[int, T]:
        found: dict[int, T] = {}
        for place, each in named.items():
            found.setdefault(self._bar(place), each)
        return found

    def _bar(self, place: int) -> int:
        return (place - self.first) // self.together

    def column(self, place: int) -> int:
        """The first cell of the bar that shows a position."""
        bar = self._bar(place)
        return self._starts.get(bar, 0 if bar < 0 else self.columns)

    def place(self, column: int) -> int:
        """The first position that a cell shows, or the nearest one."""
        bar = self._bars[max(0, min(column, len(self._bars) - 1))]
        return self.first + bar * self.together

    def _height(self, value: float) -> int:
        """Eighths of a cell; a value of 0 is still seen."""
        return max(1, round(self.scale.share(value) * self.rows * 8))

    def _row_of(self, value: float) -> int:
        """The row of a value, counted from below."""
        return min(self.rows - 1, int(self.scale.share(value) * self.rows))

    # Lines -----------------------------------------------------------------------------------------------------

    def _draw(self, line: ChartLine) -> None:
        heights: dict[int, int] = {}
        for place, value in line.values.items():
            height = min(4 * self.rows - 1, int(self.scale.share(value) * 4 * self.rows))
            heights.setdefault(self._bar(place), height)
        for column, bar in enumerate(self._bars):
            y = heights.get(bar)
            if y is None:
                continue
            if not self._glyphs.braille:
                self._dots.setdefault((y // 4, column), (int(line.dotted), line.what))
                continue
            self._dot(column, 0, y, line.what)
            if not line.dotted:
                self._dot(column, 1, y, line.what)
            before = heights.get(bar - 1)
            if line.joined and before is not None and column == self._starts[bar]:
                step = 2 if line.dotted else 1
                for between in range(min(before, y) + step, max(before, y), step):
                    self._dot(column, 0, between, line.what)

    def _dot(self, column: int, side: int, y: int, what: str) -> None:
        at = y // 4, column
        bits, first = self._dots.get(at, (0, what))
        self._dots[at] = bits | _DOTS[3 - y % 4][side], first

    def _line_sign(self, bits: int) -> str:
        if self._glyphs.braille:
            return chr(_EMPTY + bits)
        return self._glyphs.dotted if bits else self._glyphs.solid

    # Rows ------------------------------------------------------------------------------------------------------

    def row(self, row: int) -> Iterator[Cell]:
        """A row as (signs, what they are, what they stand on), from left to right."""
        from_below = self.rows - 1 - row
        cells = (self._cell(column, bar, from_below) for column, bar in enumerate(self._bars))
        for (what, ground), group in groupby(cells, key=lambda cell: cell[1:]):
            yield "".join(sign for sign, _, _ in group), what, ground

    def _cell(self, column: int, bar: int, from_below: int) -> Cell:
        sign, what, ground, eighths = " ", "", "", 0
        if bar in self._values and column not in self._gaps:
            sign, what, ground, eighths = self._bar_cell(bar, from_below)
        behind = what if eighths >= 8 else ""
        line = self._dots.get((from_below, column))
        if line is not None and (eighths <= 0 or eighths >= 8):
            return self._line_sign(line[0]), line[1], behind
        if from_below == self._level and (eighths <= 0 or eighths >= 8):
            return self._glyphs.level, LEVEL, behind
        return sign, what, ground

    def _bar_cell(self, bar: int, from_below: int) -> tuple[str, str, str, int]:
        """The same, with the eighths of the cell that the bar takes."""
        value, blocks = self._values[bar], self._glyphs.blocks
        what = self._kinds.get(bar, BAR)
        eighths = self._height(value) - 8 * from_below
        if eighths >= 1 and value > self.scale.high and from_below == self.rows - 1:
            return self._glyphs.past, what, "", 1
        interval = self._band.get(bar)
        if interval is None:
            return (
                (blocks[min(eighths, 8)], what, "", eighths) if eighths >= 1 else (" ", "", "", 0)
            )
        low, high = (self._height(end) - 8 * from_below for end in interval)
        if eighths < 1:
            return (blocks[min(high, 8)], BAND, "", 0) if high >= 1 else (" ", "", "", 0)
        if eighths >= 8:
            if low <= 0 or low >= 8:
                return blocks[8], what if low >= 8 else WEAK, "", eighths
            return blocks[low], what, WEAK, eighths
        return blocks[eighths], what if low >= eighths else WEAK, BAND if high >= 8 else "", eighths

    def signs(self) -> str:
        """The row below the bars: a sign under each bar that has one."""
        found, column = "", 0
        for bar, start in sorted(self._starts.items()):
            if (sign := self._signs.get(bar)) is not None and start >= column:
                found += " " * (start - column) + sign
                column = start + 1
        return found
