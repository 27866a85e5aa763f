"""A pane that is a head, a chart with its axes, and a legend; subclasses say what is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rich.style import Style

from bftui.ui.strips import LineBuilder
from bftui.ui.widgets.bars import BAR, LEVEL, MARKED, OVER_BAR, OVER_MARKED, Bars
from bftui.ui.widgets.chart import Axis, Chart, Linear
from bftui.ui.widgets.reading_pane import ReadingPane

LABEL = 6
"""Cells of the axis."""

Part = tuple[str, str]
"""A role of the palette, and a text."""


class CurvePane(ReadingPane):
    """Draws what `plot` makes; nothing in it is selected or scrolled."""

    _head: Sequence[Sequence[Part]] = ()
    _chart: Chart | Bars | None = None
    _legend: Sequence[Part] = ()
    _ticks: Mapping[int, str] = MappingProxyType({})

    def plot(self) -> tuple[list[list[Part]], Chart | Bars | None, list[Part]]:
        """The lines of the head, the chart where there is anything to draw, and the legend."""
        return [], None, []

    def inks(self) -> Mapping[str, Style]:
        """The layers of a chart, the first in front, and how each is drawn; those of bars by default."""
        palette = self.palette
        return {
            BAR: palette.accent,
            MARKED: palette.forced,
            LEVEL: palette.good,
            OVER_BAR: palette.good + Style(bgcolor=palette.accent.color),
            OVER_MARKED: palette.good + Style(bgcolor=palette.forced.color),
        }

    def replot(self) -> None:
        """Makes all of it anew."""
        if self.size.height:
            self._head, self._chart, self._legend = self.plot()
        self._ticks = self._chart.scale.ticks(self._chart.rows) if self._chart else {}
        self.refresh()

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self.replot()

    def chart(self, scale: Axis, head: Sequence[object]) -> Chart:
        """An empty chart for what the head, the axis and the legend leave."""
        return Chart(self.columns - LABEL, max(2, self.rows - len(head) - 2), scale)

    def bars(
        self,
        scale: Linear,
        head: Sequence[object],
        values: Mapping[int, float],
        signs: Mapping[int, str],
        *,
        level: float | None = None,
        choose: Callable[[Sequence[float]], float] = max,
    ) -> Bars:
        """One bar a token, for what the head, the signs, the axis and the legend leave."""
        rows = max(2, self.rows - len(head) - 3)
        return Bars(self.columns - LABEL, rows, scale, values, signs, level=level, choose=choose)

    def count(self) -> int:
        return self.rows

    def move(self, by: int) -> bool:
        return False

    def footing(self) -> str:
        return ""

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        if row < len(self._head):
            self._parts(self._head[row], line)
            return None
        row -= len(self._head)
        chart = self._chart
        if chart is None:
            return None
        if row < chart.rows:
            self._chart_row(chart, row, line)
            return None
        row -= chart.rows
        if isinstance(chart, Bars):
            if row == 0:
                line.add(" " * (LABEL - 1)).add("│", self.palette.line)
                line.add(chart.signs(), self.palette.forced)
            row -= 1
        if row == 0:
            self._axis(chart, line)
        elif row == 1:
            line.add(" " * LABEL)
            self._parts(self._legend, line)
        return None

    def _parts(self, parts: Sequence[Part], line: LineBuilder) -> None:
        for role, text in parts:
            line.add(text, getattr(self.palette, role))

    def _chart_row(self, chart: Chart | Bars, row: int, line: LineBuilder) -> None:
        tick, layers = self._ticks.get(row, ""), self.inks()
        line.add(f"{tick:>{LABEL - 2}} ", self.palette.dim).add(
            "┤" if tick else "│", self.palette.line
        )
        drawn = chart.row(row) if isinstance(chart, Bars) else chart.row(row, list(layers))
        for signs, layer in drawn:
            line.add(signs, layers.get(layer, self.palette.text))

    def _axis(self, chart: Chart | Bars, line: LineBuilder) -> None:
        first, last = (
            (chart.first, chart.last) if isinstance(chart, Bars) else (0, chart.scale.last)
        )
        line.add(" " * (LABEL - 1)).add("└", self.palette.line)
        start, every = line.at, _step(last - first, chart.columns)
        for position in range(-(-first // every) * every, last + 1, every):
            at = start + chart.column(position)
            if at >= line.at and at + len(str(position)) <= line.width:
                line.add("─" * (at - line.at), self.palette.line)
                line.add(str(position), self.palette.dim)
        line.add("─" * line.room, self.palette.line)


def _step(span: int, columns: int) -> int:
    """Positions between two labels of an axis over so many."""
    return next(
        (step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if span / step * 6 <= columns),
        max(1, span),
    )
