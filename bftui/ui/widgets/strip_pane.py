"""Entropy or branching factor over the positions of the path, on a fixed scale, so that curves can be compared.

One column is one position: the distribution that its token was drawn from; the last is the open one. BF is drawn over
its logarithm. A bar ends where its value lies between the ticks, which mark the middle of their lines, and with an
arrow where it goes past them. `path` is exp of the mean H(P~) over the positions that have a token, those of a user's
turn left out, `now` the open position.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from rich.style import Style

from bftui.ui.strips import LineBuilder, factor
from bftui.ui.themes import Palette
from bftui.ui.widgets.pane import Pane
from bftui.ui.widgets.path import Path

_BLOCKS = " ▁▂▃▄▅▆▇█"
_BF_TICKS = tuple((math.log(t), str(t)) for t in (1, 5, 25, 125))
_H_TICKS = tuple((t, f"{t:g}") for t in (0.0, 1.6, 3.2, 4.8))
_FEW_ROWS = 3
"""Up to so many lines the scale ends a tick earlier."""
_EVERY = 10
_PAST = "↑"
"""Ends a bar that is longer than the scale."""


class StripPane(Pane):
    """Draws the end of the path that fits; nothing in it is selected."""

    NAME = "strip"
    HEADING = "entropy · BF"
    EMPTY = "how the distribution narrows and widens as the text goes on"

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.entropy = False
        self._path = Path()
        self._sums: list[tuple[float, int]] = []
        self._restated = -1

    def forget(self) -> None:
        self._path, self._sums, self._restated = Path(), [], -1

    def toggle(self) -> None:
        """Entropy of P instead of BF, or back."""
        self.entropy = not self.entropy
        self.redraw()

    def state(self) -> Hashable:
        return super().state(), self.entropy

    def sync(self) -> None:
        view = self.now
        kept = self._path.follow(view.tree, view.cursor)
        if view.restated != self._restated:
            self._restated, kept = view.restated, 0
        # The sum and the number of the positions whose tokens are at places 1 to i.
        del self._sums[kept:]
        for place in range(kept, len(self._path)):
            total, count = self._sums[-1] if self._sums else (0.0, 0)
            entropies = view.tree.entropies(self._path.nodes[place - 1]) if place else None
            if entropies is not None and not self._given(place):
                total, count = total + entropies[1], count + 1
            self._sums.append((total, count))

    def count(self) -> int:
        return self.rows if self.view else 0

    def footing(self) -> str:
        return ""

    def heading(self) -> str:
        if self.view is None or not self._path.nodes:
            return ""
        total, count = self._sums[-1]
        path = f"path {factor(math.exp(total / count))}" if count else "path –"
        following = self.view.next
        now = f"now {factor(following.bf)}" if following else "now –"
        if self.entropy and following:
            now += f" · H {following.entropy:.2f} nats"
        drawn = "H(P), nats" if self.entropy else "BF, log scale"
        return f"{drawn} · {now} · {path}"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        height = self.rows - 1
        line.add(self._tick(height - 1 - row, height), self.palette.dim)
        width = line.room
        first = max(0, len(self._path) - width)
        if row < height:
            line.add("┤", self.palette.line)
            self._curve(line, height - 1 - row, height, first)
        else:
            line.add("└", self.palette.line)
            self._axis(line, first)
        return None

    @property
    def _ticks(self) -> tuple[tuple[float, str], ...]:
        return _H_TICKS if self.entropy else _BF_TICKS

    def _lines(self, value: float, height: int) -> float:
        """How many lines a bar of this many nats takes; the outer ticks are the middles of the outer ones."""
        top = self._ticks[2 if height <= _FEW_ROWS else 3][0]
        return 0.5 + value / top * (height - 1)

    def _tick(self, level: int, height: int) -> str:
        """The label of the axis for a line, counted from below."""
        names = [
            name
            for value, name in self._ticks
            if level >= 0 and round(self._lines(value, height) - 0.5, 6) == level
        ]
        return f"{names[0] if names else '':>3} "

    def _curve(self, line: LineBuilder, level: int, height: int, first: int) -> None:
        view, palette = self.now, self.palette
        nodes = self._path.nodes
        for place in range(first, len(nodes)):
            entropies = view.tree.entropies(nodes[place])
            if entropies is None:
                continue
            value = entropies[0] if self.entropy else entropies[1]
            lines = self._lines(value, height)
            eighths = round(lines * 8) - level * 8
            style = palette.accent if place == len(nodes) - 1 else palette.bar
            if self._forced(place + 1):
                style = palette.forced
            if view.stale(nodes[place]) or self._given(place + 1):
                style = palette.bar_past
            past = level == height - 1 and lines > height
            line.add(_PAST if past else _BLOCKS[max(0, min(eighths, 8))], style)

    def _axis(self, line: LineBuilder, first: int) -> None:
        palette = self.palette
        start = line.at
        for place in range(first, first + line.room):
            if line.at > start + place - first:
                continue
            if self._forced(place + 1):
                line.add("▲", palette.forced)
            elif (
                place % _EVERY == 0
                and line.room > 3
                and not any(self._forced(p + 1) for p in range(place, place + 4))
            ):
                line.add(f"{place}", palette.dim)
            else:
                line.add("─", palette.line)

    def _given(self, place: int) -> bool:
        """Whether the token at this place of the path is of a user's turn."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.of_prompt(nodes[place])

    def _forced(self, place: int) -> bool:
        """Whether the token at this place of the path was forced."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.source(nodes[place]).word == "forced"
