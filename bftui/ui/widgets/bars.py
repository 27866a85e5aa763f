"""One bar a token, in eighths of a cell, with a row of signs below: levels of a text, token by token. Pure, no Textual.

Bars keep their place while a text grows: they begin as broad as 32 of them fit, and get narrower only when they fill
the width. Of more tokens than there are columns one bar shows 2, 4, 8 … that stand together, by their highest or their
lowest value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from bftui.ui.widgets.chart import Linear

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PAST = "↑"
"""Ends a bar that is longer than the axis."""
_LEVEL = "╌"
_FEWEST = 32
"""As many tokens fit whatever the text is, where there is room."""

BAR, MARKED, LEVEL, OVER_BAR, OVER_MARKED = "bar", "marked", "level", "over bar", "over marked"
"""What a cell shows: a bar, one with a sign, the level that bars are held against, and that level where it crosses."""


class Bars:
    """Bars of values by position, on an even axis.

    Attributes:
        columns, rows: cells; the row of signs is not among them.
        scale: where values stand.
        first, last: the positions at both ends of the axis, whether anything is drawn there or not.
        together: how many positions one bar stands for.
    """

    def __init__(
        self,
        columns: int,
        rows: int,
        scale: Linear,
        values: Mapping[int, float],
        signs: Mapping[int, str],
        *,
        level: float | None = None,
        choose: Callable[[Sequence[float]], float] = max,
    ) -> None:
        """`values` and `signs` by position, at least one value; of several positions the value that `choose` takes.

        `level` is drawn across. Of several positions the first sign of the mapping's order is shown.
        """
        self.columns, self.rows, self.scale = max(1, columns), max(1, rows), scale
        self.first = min(values)
        count = max(values) - self.first + 1
        widest = max(1, self.columns // _FEWEST)
        self._width = next((w for w in range(widest, 1, -1) if w * count <= self.columns), 1)
        self.together = 1
        while count > self.together * self.columns:
            self.together *= 2
        self.last = self.first + self.columns // self._width * self.together - 1
        self._level = level
        self._choose = choose
        self._found: dict[int, list[float]] = {}
        for position, value in values.items():
            self._found.setdefault(self._bar(position), []).append(value)
        self._signs: dict[int, str] = {}
        for position, sign in signs.items():
            self._signs.setdefault(self._bar(position), sign)

    def _bar(self, position: int) -> int:
        return (position - self.first) // self.together

    def column(self, position: int) -> int:
        """The first cell of the bar that shows a position."""
        return self._bar(position) * self._width

    def _height(self, value: float) -> int:
        """Eighths of a cell; a value of 0 is still seen."""
        return max(1, round(self.scale.share(value) * self.rows * 8))

    @property
    def _level_row(self) -> int | None:
        """The row of the level, counted from below."""
        if self._level is None:
            return None
        return min(self.rows - 1, int(self.scale.share(self._level) * self.rows))

    def row(self, row: int) -> Iterator[tuple[str, str]]:
        """A row as (signs, what they are), from left to right."""
        from_below = self.rows - 1 - row
        crossed = from_below == self._level_row
        filled = max(1, self._width - 1)
        cells: list[tuple[str, str]] = []
        for bar in range(self.columns // self._width):
            values = self._found.get(bar)
            gap = (_LEVEL, LEVEL) if crossed else (" ", "")
            block, what = gap
            if values is not None:
                value = self._choose(values)
                eighths = max(0, min(8, self._height(value) - 8 * from_below))
                marked = bar in self._signs
                if eighths:
                    block, what = _BLOCKS[eighths], MARKED if marked else BAR
                    if crossed and eighths == 8:
                        block, what = _LEVEL, OVER_MARKED if marked else OVER_BAR
                    elif value > self.scale.high and from_below == self.rows - 1:
                        block = _PAST
            cells += [(what, block)] * filled + [(gap[1], gap[0])] * (self._width - filled)
        for what, group in groupby(cells, key=itemgetter(0)):
            yield "".join(sign for _, sign in group), what

    def signs(self) -> str:
        """The row below the bars: a sign under each bar that has one."""
        return "".join(
            self._signs.get(bar, " ").ljust(self._width)
            for bar in range(self.columns // self._width)
        )
