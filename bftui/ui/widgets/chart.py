"""Curves over positions as braille: two by four dots a cell, an axis with round ticks. Pure, no Textual.

Layers differ by pattern and not only by colour: a curve is solid, a band is every other dot, points stand alone, and
a curve that is compared is dashed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800
_DASH = 6
"""Dots of a dash and the gap after it."""
_LEAST = 1.5
"""The axis spans at least this factor."""
_MARGIN = 1.05

_TOPS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Where an even axis may end."""

_ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)

Points = Sequence[tuple[float, float]]
"""(position, value) in the order of positions."""


class Axis(Protocol):
    """Where values and positions stand: positions from 0 to `last`."""

    @property
    def last(self) -> int: ...

    def share(self, value: float) -> float:
        """Where a value stands between the ends of the axis, in [0, 1]."""
        ...

    def ticks(self, rows: int) -> dict[int, str]:
        """Round values by the row from above in which they stand."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Values from 0 to `high` on an even axis, positions from 0 to `last`.

    Attributes:
        past: whether values are larger than that, which stand at the end.
    """

    high: float
    last: int
    past: bool = False

    def share(self, value: float) -> float:
        """Where a value stands between the ends of the axis, in [0, 1]."""
        return min(max(value, 0.0), self.high) / self.high

    def ticks(self, rows: int) -> dict[int, str]:
        """Both ends and the middle, by the row from above in which they stand."""
        values = (0.0, self.high) if rows < 5 else (0.0, self.high / 2, self.high)
        named = {value: f"{value:g}" for value in values}
        named[self.high] += "+" if self.past else ""
        return {rows - 1 - min(rows - 1, int(self.share(v) * rows)): named[v] for v in values}

    @staticmethod
    def around(values: Sequence[float], last: int) -> Linear:
        """An axis for these values, ending at a round one, and at 8 where some are larger or infinite."""
        most = max(values)
        high = next((top for top in _TOPS if most <= top), _TOPS[-1])
        return Linear(high, last, most > high)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on a logarithmic axis, positions from 0 to `last`."""

    low: float
    high: float
    last: int

    def including(self, values: Sequence[float]) -> Scale:
        """A scale that also holds these values, which are not below 1; it never shrinks."""
        low = min([self.low, *(value / _MARGIN for value in values)])
        high = max([self.high, *(value * _MARGIN for value in values)])
        return Scale(max(1.0, low), high, self.last)

    @staticmethod
    def around(values: Sequence[float], last: int) -> Scale:
        """A scale for these values, at least one of them, and as many positions."""
        low, high = max(1.0, min(values) / _MARGIN), max(values) * _MARGIN
        if high / low < _LEAST:
            middle = math.sqrt(low * high)
            low = max(1.0, middle / math.sqrt(_LEAST))
            high = low * _LEAST
        return Scale(low, high, last)

    def share(self, value: float) -> float:
        """Where a value stands between the ends of the axis, in [0, 1]."""
        inside = min(max(value, self.low), self.high)
        return math.log(inside / self.low) / math.log(self.high / self.low)

    def ticks(self, rows: int) -> dict[int, str]:
        """Round values by the row from above in which they stand, never two in rows that touch."""
        found: dict[int, str] = {}
        for value in _rounds(self.low, self.high):
            row = rows - 1 - min(rows - 1, int(self.share(value) * rows))
            if not {row - 1, row, row + 1} & set(found):
                found[row] = f"{value:g}"
        return found


def _rounds(low: float, high: float) -> Iterator[float]:
    """Round values in a range, the roundest first, so that they get the rows."""
    every = [
        value
        for power in range(7)
        for step in _ROUND
        if low <= (value := round(step * 10**power, 6)) <= high
    ]
    for chosen in ((1, 2, 5), _ROUND):
        yield from (
            value
            for value in every
            if round(value / 10 ** math.floor(math.log10(value)), 6) in chosen
        )


class Chart:
    """A grid of cells; each layer's dots are kept apart, so that a cell has the colour of its first layer."""

    def __init__(self, columns: int, rows: int, scale: Axis) -> None:
        self.columns, self.rows = max(1, columns), max(1, rows)
        self.scale = scale
        self._layers: dict[str, dict[tuple[int, int], int]] = {}

    @property
    def _across(self) -> int:
        return 2 * self.columns

    @property
    def _up(self) -> int:
        return 4 * self.rows

    def _x(self, position: float) -> int:
        if self.scale.last <= 0:
            return 0
        return min(self._across - 1, int(position / self.scale.last * (self._across - 1) + 0.5))

    def column(self, position: int) -> int:
        """The cell over which a position stands at the axis."""
        last = self.scale.last
        return round(position / last * (self.columns - 1)) if last else 0

    def _y(self, value: float) -> int:
        """Counted from below."""
        return min(self._up - 1, int(self.scale.share(value) * (self._up - 1) + 0.5))

    def _dot(self, layer: str, x: int, y: int) -> None:
        row, column = self.rows - 1 - y // 4, x // 2
        cells = self._layers.setdefault(layer, {})
        bit = _DOTS[3 - y % 4][x % 2]
        cells[row, column] = cells.get((row, column), 0) | bit

    def curve(self, layer: str, points: Points, *, dashed: bool = False) -> None:
        """A line through points."""
        for x, y, before in self._along(points):
            if dashed and x % _DASH >= _DASH // 2:
                continue
            for between in range(min(before, y), max(before, y) + 1):
                # A steep step is drawn as far as the middle from either side.
                if before == y or abs(between - y) <= abs(between - before):
                    self._dot(layer, x, between)

    def _along(self, points: Points) -> Iterator[tuple[int, int, int]]:
        """Each dot column with the height there, and the height before."""
        before: tuple[int, int] | None = None
        for position, value in points:
            x, y = self._x(position), self._y(value)
            if before is None:
                yield x, y, y
            else:
                x0, y0 = before
                last = y0
                for step in range(x0 + 1, x + 1):
                    height = round(y0 + (y - y0) * (step - x0) / (x - x0))
                    yield step, height, last
                    last = height
            before = x, y

    def band(self, layer: str, low: Points, high: Points) -> None:
        """Every other dot between two lines."""
        ends = {x: y for x, y, _ in self._along(low)}
        for x, top, _ in self._along(high):
            for y in range(ends.get(x, top), top + 1):
                if (x + y) % 2 == 0:
                    self._dot(layer, x, y)

    def points(self, layer: str, points: Points) -> None:
        """Two dots side by side for each point."""
        for position, value in points:
            x, y = self._x(position) & ~1, self._y(value)
            self._dot(layer, x, y)
            self._dot(layer, x + 1, y)

    def row(self, row: int, layers: Sequence[str]) -> Iterator[tuple[str, str]]:
        """A row as (signs, layer), from left to right; a cell's layer is the first in `layers` with a dot there."""
        found = [(layer, self._layers.get(layer, {})) for layer in layers]
        cells = []
        for column in range(self.columns):
            bits, top = 0, ""
            for layer, dots in found:
                mine = dots.get((row, column), 0)
                bits |= mine
                top = top or (layer if mine else "")
            cells.append((top, chr(_EMPTY + bits) if bits else " "))
        for layer, group in groupby(cells, key=itemgetter(0)):
            yield "".join(sign for _, sign in group), layer
