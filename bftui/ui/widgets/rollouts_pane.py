"""Rollouts in numbers and as a curve: BF with its interval, lengths, and how BF goes over the positions.

The curve is cumulative: BF over all tokens up to a position, with its 95 % band; the points are windows of five tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from bftui.ui.measured import Compared, Responded, Rolled
from bftui.ui.sampling import sampling
from bftui.ui.strips import LineBuilder, counted, fine, fit
from bftui.ui.themes import Palette
from bftui.ui.view import View
from bftui.ui.widgets.chart import Chart, Scale
from bftui.ui.widgets.reading_pane import ReadingPane
from bftui.ui.widgets.strip_pane import interval

if TYPE_CHECKING:
    from bftui.core.branching import CurvePoint

_WIDE = 90
"""Cells from which the head says after which text."""
_AFTER, _AFTER_CELLS = 12, 24

_LABEL = 6
"""Cells of the axis."""

_LAYERS = ("curve", "windows", "controls", "band")

_ESTIMATORS = {"entropy": "entropy estimator", "nll": "likelihood estimator"}


class RolloutsPane(ReadingPane):
    """Draws what `show_rolled` was given last."""

    NAME = "rolled"
    HEADING = "rollouts"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette)
        self.view = view
        nodes = view.path.nodes[-_AFTER:]
        ids = [token for node in nodes if (token := view.tree.token_id(node)) is not None]
        if len(ids) < _AFTER:
            ids = [*view.tree.prompt_ids(view.root)[-_AFTER:], *ids][-_AFTER:]
        self._after = f"…{view.text(ids)[-_AFTER_CELLS:]}"
        self._rolled: Rolled | None = None
        self._response: Responded | None = None
        self._scale: Scale | None = None
        self._chart: Chart | None = None
        self._ticks: dict[int, str] = {}
        self._top: list[list[tuple[str, str]]] = []
        self.can_focus = False

    def show_rolled(self, rolled: Rolled | None, response: Responded | None) -> None:
        """Brings it up to date; `response` is that of the text that was forced before this place."""
        if rolled is self._rolled and response is self._response:
            return
        before = self._rolled
        if before is None or rolled is None or before.horizon != rolled.horizon:
            self._scale = None
        self._rolled, self._response = rolled, response
        if rolled is not None:
            self.HEADING = "sampled again" if rolled.resampled else "rollouts"
        self._plot()
        self.refresh()

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self._plot()

    # The chart -------------------------------------------------------------------------------------------------

    def _plot(self) -> None:
        rolled = self._rolled
        self._chart = None
        self._top = self._head()
        if rolled is None or not rolled.curve:
            return
        curve = [(point.position, point.bf) for point in rolled.curve]
        low = [(p.position, p.bf if p.low is None else p.low) for p in rolled.curve]
        high = [(p.position, p.bf if p.high is None else p.high) for p in rolled.curve]
        windows = [(window.position + 2.0, window.bf) for window in rolled.windows]
        controls = [(p.position, p.bf) for p in self._controls()[: rolled.horizon]]
        values = [value for _, value in (*curve, *low, *high, *windows, *controls)]
        if self._scale is None:
            self._scale = Scale.around(values, rolled.horizon - 1)
        # It only ever grows while more comes, so that nothing jumps.
        self._scale = self._scale.including(values)
        self._ticks = self._scale.ticks(self._height)
        self._chart = Chart(self.columns - _LABEL, self._height, self._scale)
        self._chart.band("band", low, high)
        self._chart.curve("controls", controls, dashed=True)
        self._chart.points("windows", windows)
        self._chart.curve("curve", curve)

    def _controls(self) -> Sequence[CurvePoint]:
        return self._response.controls if self._response is not None else ()

    @property
    def _height(self) -> int:
        """Rows of the chart: what the head, the axis and the legend leave."""
        return max(2, self.rows - len(self._top) - 2)

    # Lines -----------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return self.rows

    def move(self, by: int) -> bool:
        return False

    def heading(self) -> str:
        view = self.now
        sampler = " ".join(sampling(view.sampler).split())
        return f"after {self._after} · {sampler}" if self.columns >= _WIDE else sampler

    def footing(self) -> str:
        rolled = self._rolled
        if rolled is None:
            return ""
        if rolled.running:
            return f"drawing {rolled.share:4.0%}"
        return f"stopped at {rolled.share:.0%}" if rolled.stopped else ""

    def _head(self) -> list[list[tuple[str, str]]]:
        """The lines above the chart, each as (role, text)."""
        rolled = self._rolled
        if rolled is None or rolled.estimate is None:
            return [[("dim", "drawing the first tokens …")]]
        found = rolled.estimate
        room = self.columns
        main = [("title", f"BF {fine(found.bf)}")]
        if found.ci is not None:
            main.append(("accent", f" {interval(found.ci)}"))
        notes = [" 95 %" if found.ci is not None else "", _ESTIMATORS.get(found.estimator, "")]
        other = found.bf_entropy if found.estimator == "nll" else found.bf_nll
        if other is not None:
            notes.append(f"{'entropy' if found.estimator == 'nll' else 'likelihood'} {fine(other)}")
        notes.append(f"full {fine(found.bf_full)}")
        used = sum(cell_len(text) for _, text in main)
        main.append(("dim", fit(" · ".join(notes), max(0, room - used))))
        least, median, most = rolled.lengths
        drawn = f"{rolled.drawn} of {rolled.asked}" if rolled.running else f"{rolled.drawn}"
        lengths = f"lengths {least} to {most}, median {median}"
        if least == most:
            lengths = f"all of length {least}"
        ends = f"{lengths} · {found.ended:.0%} ended"
        about = f"{drawn} continuations of at most {counted(rolled.horizon, 'token')} · {ends}"
        short = f"{drawn} × {counted(rolled.horizon, 'token')} · {ends}"
        lines = [main, [("text", about if cell_len(about) <= room else short)]]
        if rolled.compared is not None:
            lines += [[("text", text)] for text in compared(rolled.compared, rolled.drawn, room)]
        return lines

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, head = self.palette, self._top
        styles = {
            "title": palette.title,
            "accent": palette.accent,
            "dim": palette.dim,
            "text": palette.text,
        }
        if row < len(head):
            for role, text in head[row]:
                line.add(text, styles[role])
            return None
        row -= len(head)
        height = self._height
        if self._chart is None or row > height + 1:
            return None
        if row < height:
            self._chart_row(row, line)
        elif row == height:
            self._axis(line)
        else:
            self._legend(line)
        return None

    def _chart_row(self, row: int, line: LineBuilder) -> None:
        assert self._chart is not None
        palette = self.palette
        tick = self._ticks.get(row, "")
        line.add(f"{tick:>{_LABEL - 2}} ", palette.dim).add("┤" if tick else "│", palette.line)
        styles = {
            "curve": palette.accent,
            "windows": palette.forced,
            "controls": palette.good,
            "band": palette.bar_past,
            "": palette.text,
        }
        for signs, layer in self._chart.row(row, _LAYERS):
            line.add(signs, styles[layer])

    def _axis(self, line: LineBuilder) -> None:
        assert self._chart is not None
        last, columns = self._chart.scale.last, self._chart.columns
        line.add(" " * (_LABEL - 1)).add("└", self.palette.line)
        start, every = line.at, _step(last, columns)
        for position in range(0, last + 1, every):
            at = start + (round(position / last * (columns - 1)) if last else 0)
            if at >= line.at and at + len(str(position)) <= line.width:
                line.add("─" * (at - line.at), self.palette.line)
                line.add(str(position), self.palette.dim)
        line.add("─" * line.room, self.palette.line)

    def _legend(self, line: LineBuilder) -> None:
        palette = self.palette
        line.add(" " * _LABEL)
        line.add("━", palette.accent).add(" BF so far   ", palette.dim)
        line.add("⢕⢕", palette.bar_past).add(" 95 %   ", palette.dim)
        line.add("⠒", palette.forced).add(" five tokens   ", palette.dim)
        if self._controls() and self._response is not None:
            text = self.now.text(self._response.token_ids)
            controls = f" after the controls of “{fit(text, 20)}”"
            line.add("╌", palette.good).add(fit(controls, line.room), palette.dim)


def compared(found: Compared, drawn: int, room: int) -> list[str]:
    """The path against the samples, in one line or two."""
    numbers = (
        f"the path of {counted(len(found.token_ids), 'token')}: BF {fine(found.bf)} · surprisal "
        f"{found.surprisal:.2f} nats a token, samples {found.sampled:.2f} ({found.low:.2f} to {found.high:.2f})"
    )
    *some, whole_path = found.shared
    parts = [
        f"{count} share its first {'token' if tokens == 1 else f'{tokens} tokens'}"
        for tokens, count in some
    ]
    shared = " · ".join([f"of {drawn} samples {whole_path[1]} are the path", *parts])
    whole = f"{numbers} · {shared}"
    if cell_len(whole) <= room:
        return [whole]
    short = (
        f"path: BF {fine(found.bf)} · {found.surprisal:.2f} nats a token, samples "
        f"{found.sampled:.2f} ({found.low:.2f} to {found.high:.2f})"
    )
    return [numbers if cell_len(numbers) <= room else fit(short, room), fit(shared, room)]


def _step(last: int, columns: int) -> int:
    """Positions between two labels of the axis."""
    return next(
        (step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if last / step * 6 <= columns),
        max(1, last),
    )
