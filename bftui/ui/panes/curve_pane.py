"""A pane that is a head, a chart with its axes, and a legend; subclasses say what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.cells import cell_len
from rich.style import Style

from bftui.ui.drawing.bars import BAND, BAR, LEVEL, MARKED, WEAK, Bars, Cell
from bftui.ui.drawing.chart import Axis
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.themes.theme_styles import Palette

LABEL = 6
"""Cells of the axis."""

Part = tuple[str, str]
"""A role of the palette, and a text."""


class CurvePane(ReadingPane, can_focus=False):
    """Draws what `plot` makes; nothing in it is selected or scrolled."""

    _head: Sequence[Sequence[Part]] = ()
    _chart: Bars | None = None
    _legend: Sequence[Part] = ()
    _ticks: Mapping[int, str] = MappingProxyType({})

    def plot(self) -> tuple[list[list[Part]], Bars | None, list[Part]]:
        """The lines of the head, the chart where there is anything to draw, and the legend."""
        return [], None, []

    def inks(self) -> Mapping[str, Style]:
        """How each layer of the chart is drawn."""
        return inks(self.palette)

    def replot(self) -> None:
        """Makes all of it again."""
        if self.size.height:
            self._head, self._chart, self._legend = self.plot()
        self._ticks = self._chart.scale.ticks(self._chart.rows) if self._chart else {}
        self.refresh()

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self.replot()

    def bars(
        self,
        scale: Axis,
        head: Sequence[object],
        values: Mapping[int, float],
        signs: Mapping[int, str] | None,
        **how: Any,
    ) -> Bars:
        """A chart for what the head, the axis, the legend, and the row of signs, if any, leave."""
        rows = self.chart_rows(head, signs=signs is not None)
        return Bars(self.columns - LABEL, rows, scale, values, signs, **how)

    def chart_rows(self, head: Sequence[object], *, signs: bool = True) -> int:
        """The rows of such a chart."""
        return max(2, self.rows - len(head) - (3 if signs else 2))

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
        if chart.signed:
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

    def _chart_row(self, chart: Bars, row: int, line: LineBuilder) -> None:
        tick = self._ticks.get(row, "")
        line.add(f"{tick:>{LABEL - 2}} ", self.palette.dim).add(
            "┤" if tick else "│", self.palette.line
        )
        draw_cells(line, chart.row(row), self.inks(), self.palette.text)

    def _axis(self, chart: Bars, line: LineBuilder) -> None:
        line.add(" " * (LABEL - 1)).add("└", self.palette.line)
        start, every = line.at, axis_step(chart.last - chart.first, chart.columns)
        for position in range(-(-chart.first // every) * every, chart.last + 1, every):
            at = start + chart.column(position)
            if at >= line.at and at + len(str(position)) <= line.width:
                line.add("─" * (at - line.at), self.palette.line)
                line.add(str(position), self.palette.dim)
        line.add("─" * line.room, self.palette.line)


_FILLS = (BAR, MARKED, WEAK, BAND)
"""What fills a part of its cell; all else is a sign that may stand on it."""

_TURNED = Style(reverse=True)


def inks(palette: Palette) -> dict[str, Style]:
    """How the layers of every chart are drawn; the names are those of `bars.py`, and roles of the palette."""
    return {
        BAR: palette.accent,
        MARKED: palette.forced,
        WEAK: palette.bar,
        BAND: palette.bar_past,
        LEVEL: palette.good,
    }


def draw_cells(
    line: LineBuilder, cells: Iterable[Cell], layers: Mapping[str, Style], blank: Style
) -> None:
    """Draws a row of a chart."""
    for signs, what, ground in cells:
        style = layers.get(what, blank)
        if ground and what in _FILLS:
            style += Style(bgcolor=layers[ground].color)
        elif ground:
            # No two colours that are readable on the background are sure to be so on each other.
            style = layers[ground] + _TURNED
        line.add(signs, style)


def axis_step(span: int, columns: int) -> int:
    """Positions between two labels of an axis over so many."""
    return next(
        (step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if span / step * 6 <= columns),
        max(1, span),
    )


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines of at most so many cells."""
    lines = [""]
    for word in text.split():
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [fit(line, width) for line in lines]
