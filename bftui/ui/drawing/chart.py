"""Axes of values: where a value stands between the ends, and which values are written beside. Pure, no Textual."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_MARGIN = 1.05
_LEAST = 2.0
"""A logarithmic axis goes up to at least this."""

_TOPS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Where an even axis may end."""

_ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)

_FEW_ROWS = 3
"""Up to so many lines a fixed scale ends a tick earlier."""
_MANY_ROWS = 10
"""From so many lines on it has finer ticks."""


def first_in_view(first: int, at: int, total: int, room: int) -> int:
    """The first of `total` places that is drawn where there is room for some: near `first`, and `at` is among them."""
    return max(0, min(max(min(first, at), at - room + 1), total - room))


class Axis(Protocol):
    """Where values stand; larger ones than `high` are past the end."""

    @property
    def high(self) -> float: ...

    def share(self, value: float) -> float:
        """Where a value stands between the ends of the axis, in [0, 1]."""
        ...

    def ticks(self, rows: int) -> dict[int, str]:
        """Round values by the row from above in which they stand."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Values from 0 to `high` on an even axis.

    Attributes:
        past: whether values are larger than that, which stand at the end.
    """

    high: float
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
    def around(values: Sequence[float]) -> Linear:
        """An axis for these values, ending at a round one, and at 8 where some are larger or infinite."""
        most = max(values)
        high = next((top for top in _TOPS if most <= top), _TOPS[-1])
        return Linear(high, most > high)


@dataclass(frozen=True, slots=True)
class Scale:
    """Branching factors from 1 to `high` on a logarithmic axis."""

    high: float

    def including(self, values: Sequence[float]) -> Scale:
        """A scale that also holds these values; it never shrinks."""
        return Scale(max([self.high, *(value * _MARGIN for value in values)]))

    @staticmethod
    def around(values: Sequence[float]) -> Scale:
        """A scale for these values."""
        return Scale(_LEAST).including(values)

    def share(self, value: float) -> float:
        """Where a value stands between the ends of the axis, in [0, 1]."""
        return math.log(min(max(value, 1.0), self.high)) / math.log(self.high)

    def ticks(self, rows: int) -> dict[int, str]:
        """Round values by the row from above in which they stand, never two in rows that touch."""
        found: dict[int, str] = {}
        for value in _rounds(1.0, self.high):
            row = rows - 1 - min(rows - 1, int(self.share(value) * rows))
            if not {row - 1, row, row + 1} & set(found):
                found[row] = f"{value:g}"
        return found

    def labels(self, columns: int) -> dict[int, str]:
        """Round values by the column in which they stand, with two blanks between two of them at least."""
        found: dict[int, str] = {}
        taken: set[int] = set()
        for value in _rounds(1.0, self.high):
            name, column = f"{value:g}", self.column(value, columns)
            cells = range(column, column + len(name))
            if cells.stop <= columns and not taken & set(range(column - 2, cells.stop + 2)):
                found[column] = name
                taken |= set(cells)
        return found

    def column(self, value: float, columns: int) -> int:
        """The column in which a value stands, from the left."""
        return min(columns - 1, int(self.share(value) * columns))


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


Ticks = tuple[tuple[float, str], ...]

_BF_TICKS: Ticks = tuple((math.log(t), str(t)) for t in (1, 5, 25, 125))
_BF_FINER: Ticks = tuple((math.log(t), str(t)) for t in (2, 10, 50))
_H_TICKS: Ticks = tuple((t, f"{t:g}") for t in (0.0, 1.6, 3.2, 4.8))
_H_FINER: Ticks = tuple((t, f"{t:g}") for t in (0.8, 2.4, 4.0))


@dataclass(frozen=True, slots=True)
class Fixed:
    """Entropies in nats on a scale that never changes, so that curves can be compared; BF over its logarithm.

    A tick marks the middle of its line, the outer ticks those of the outer lines.

    Attributes:
        rows: lines of the chart.
        entropy: whether the ticks say entropies, and not branching factors.
    """

    rows: int
    entropy: bool

    @property
    def _ticks(self) -> Ticks:
        ticks = _H_TICKS if self.entropy else _BF_TICKS
        return ticks[:-1] if self.rows <= _FEW_ROWS else ticks

    def _lines(self, nats: float) -> float:
        return 0.5 + nats / self._ticks[-1][0] * (self.rows - 1)

    @property
    def high(self) -> float:
        """The end of the uppermost line, in nats."""
        return self._ticks[-1][0] * (self.rows - 0.5) / max(1, self.rows - 1)

    def share(self, value: float) -> float:
        """Where so many nats stand, in [0, 1]."""
        return min(max(self._lines(value) / self.rows, 0.0), 1.0)

    def ticks(self, rows: int) -> dict[int, str]:
        """Values by the row from above in which they stand; finer ones where there are many rows."""
        found = {self._row(value): name for value, name in self._ticks}
        if rows >= _MANY_ROWS:
            for value, name in _H_FINER if self.entropy else _BF_FINER:
                row = self._row(value)
                if not {row - 1, row, row + 1} & set(found):
                    found[row] = name
        return found

    def _row(self, value: float) -> int:
        return self.rows - 1 - round(self._lines(value) - 0.5)
