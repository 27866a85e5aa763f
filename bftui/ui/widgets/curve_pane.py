"""A pane that is a head, a chart with its axes, and a legend; subclasses say what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.style import Style

from bftui.ui.strips import LineBuilder
from bftui.ui.widgets.chart import Axis, Chart
from bftui.ui.widgets.reading_pane import ReadingPane

LABEL = 6
"""Cells of the axis."""

Part = tuple[str, str]
"""A role of the palette, and a text."""


class CurvePane(ReadingPane):
    """Draws what `plot` makes; nothing in it is selected or scrolled."""

    _head: Sequence[Sequence[Part]] = ()
    _chart: Chart | None = None
    _legend: Sequence[Part] = ()
    _ticks: Mapping[int, str] = MappingProxyType({})

    def plot(self) -> tuple[list[list[Part]], Chart | None, list[Part]]:
        """The lines of the head, the chart where there is anything to draw, and the legend."""
        return [], None, []

    def inks(self) -> Mapping[str, Style]:
        """The chart's layers, the first in front, and how each is drawn."""
        return {}

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
        if chart is None or row > chart.rows + 1:
            return None
        if row < chart.rows:
            self._chart_row(chart, row, line)
        elif row == chart.rows:
            self._axis(chart, line)
        else:
            line.add(" " * LABEL)
            self._parts(self._legend, line)
        return None

    def _parts(self, parts: Sequence[Part], line: LineBuilder) -> None:
        for role, text in parts:
            line.add(text, getattr(self.palette, role))

    def _chart_row(self, chart: Chart, row: int, line: LineBuilder) -> None:
        tick, layers = self._ticks.get(row, ""), self.inks()
        line.add(f"{tick:>{LABEL - 2}} ", self.palette.dim).add(
            "┤" if tick else "│", self.palette.line
        )
        for signs, layer in chart.row(row, list(layers)):
            line.add(signs, layers.get(layer, self.palette.text))

    def _axis(self, chart: Chart, line: LineBuilder) -> None:
        last, columns = chart.scale.last, chart.columns
        line.add(" " * (LABEL - 1)).add("└", self.palette.line)
        start, every = line.at, _step(last, columns)
        for position in range(0, last + 1, every):
            at = start + (round(position / last * (columns - 1)) if last else 0)
            if at >= line.at and at + len(str(position)) <= line.width:
                line.add("─" * (at - line.at), self.palette.line)
                line.add(str(position), self.palette.dim)
        line.add("─" * line.room, self.palette.line)


def _step(last: int, columns: int) -> int:
    """Positions between two labels of the axis."""
    return next(
        (step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if last / step * 6 <= columns),
        max(1, last),
    )
