"""BF along the weight of a mixture, a line for each weight: its interval on an axis from 1, numbers, what is said."""

from __future__ import annotations

from rich.style import Style

from bftui.core.noise_floor import fine
from bftui.core.text import counted, label
from bftui.results.dial_result import DialPoint
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import LineBuilder, fit, how_far
from bftui.ui.panes.bf_pane import interval
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.dial_shown import DialShown

_WEIGHT, _NUMBERS, _ENTROPY = 9, 22, 9
_LEAST_AXIS, _MOST_AXIS = 12, 60
_TEXT = 16


class DialPane(Pane):
    """A list over the points of a `DialShown`; the weight in force has a mark."""

    NAME = "dialled"
    HEADING = "BF along the weight"
    EMPTY = (
        "BF of continuations from here at each weight of the mixture, the same draws at every one: {dial} measures, "
        "{enter} sets a weight"
    )

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._shown: DialShown | None = None
        self._weight = view.sampler.weight

    @property
    def ready(self) -> bool:
        return self._shown is not None and bool(self._shown.result.weights)

    def show_dial(self, shown: DialShown | None, weight: float) -> None:
        """Brings it up to date; `weight` is the one in force."""
        if shown is self._shown and weight == self._weight:
            return
        arrived = self._shown is None or not self._shown.whole
        self._shown, self._weight = shown, weight
        if arrived and shown is not None and shown.whole:
            # The nearest to where the weight stands.
            near = sorted((abs(each.weight - weight), n) for n, each in enumerate(self._points))
            self.selected = near[0][1]
        self.reveal()
        self.refresh()

    def chosen(self) -> DialPoint | None:
        """The selected point."""
        points = self._points
        return points[self.selected] if self.selected < len(points) else None

    @property
    def _points(self) -> tuple[DialPoint, ...]:
        return () if self._shown is None else self._shown.result.weights

    def count(self) -> int:
        return len(self._points)

    def heading(self) -> str:
        if self._shown is None:
            return ""
        asked = self._shown.settings
        size = f"{counted(asked.samples, 'continuation')} × {counted(asked.horizon, 'token')}"
        return f"{self.now.model_name} · {size}"

    def footing(self) -> str:
        shown = self._shown
        if shown is None:
            return ""
        if shown.running:
            return how_far("drawing", shown.share, None)
        return super().footing() if shown.whole else f"stopped at {shown.share:.0%}"

    @property
    def _high(self) -> float:
        """Where the axis ends, which begins at 1."""
        ends = [each.ci[1] if each.ci else each.bf for each in self._points]
        return max(*ends, *(each.bf for each in self._points), 1.5)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, each = self.palette, self._points[row]
        here = each.weight == self._weight
        line.add("→ " if here else "  ", palette.accent)
        line.add(f"w {each.weight:<{_WEIGHT - 2}g}", palette.title if here else palette.text)
        room = self.columns - 2 - _WEIGHT - _NUMBERS - _ENTROPY
        cells = max(0, min(_MOST_AXIS, room - _TEXT if room > _LEAST_AXIS + _TEXT else room))
        if cells >= _LEAST_AXIS:
            self._axis(each, cells, line)
        numbers = f" {fine(each.bf)} {interval(each.ci)}" if each.ci else f" {fine(each.bf)}"
        line.add(f"{fit(numbers, _NUMBERS):<{_NUMBERS}}", palette.text)
        line.add(f"H {each.entropy:.2f}".ljust(_ENTROPY), palette.dim)
        if line.room > 3:
            line.add(fit(label(each.text.encode()), line.room), palette.dim)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _axis(self, each: DialPoint, cells: int, line: LineBuilder) -> None:
        """The interval and the value on the axis."""
        high, drawn = self._high, glyphs()

        def cell(value: float) -> int:
            return round(min(max((value - 1) / (high - 1), 0.0), 1.0) * (cells - 1))

        low, top = each.ci or (each.bf, each.bf)
        start, stop, at = cell(low), cell(top), cell(each.bf)
        line.add(" " * start)
        line.add(drawn.solid * (at - start), self.palette.bar)
        line.add(drawn.dot, self.palette.accent)
        line.add(drawn.solid * (stop - at), self.palette.bar)
        line.add(" " * (cells - 1 - max(stop, at)))
