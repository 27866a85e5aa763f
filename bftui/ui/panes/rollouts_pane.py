"""Rollouts in numbers and as a curve: BF with its interval, lengths, and how BF goes over the positions.

The bars are cumulative: BF over all tokens up to a position, with the 95 % interval; the line in pieces is windows of
five tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from bftui.core.noise_floor import fine
from bftui.core.text import counted
from bftui.ui.drawing.bars import Bars, ChartLine
from bftui.ui.drawing.chart import Scale
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import fit, how_far
from bftui.ui.panes.bf_pane import interval
from bftui.ui.panes.curve_pane import CurvePane, Part, wrapped
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import hint
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.rollout_series import PathComparison, Rolled
from bftui.workbench.wording import sampling

if TYPE_CHECKING:
    from bftui.core.bf.estimate import CurvePoint

_FRAMED = 12
"""Cells of the upper edge that its heading does not get."""
_NAME = 9
"""Cells that the model's name keeps."""
_AFTER, _AFTER_CELLS = 12, 24
_WINDOW = 5
"""Tokens of a window."""

WINDOWS, CONTROLS = "windows", "controls"
"""The lines over the bars."""

_ESTIMATORS = {"entropy": "entropy estimator", "nll": "likelihood estimator"}


class RolloutsPane(CurvePane):
    """Draws what `show_rolled` was given last."""

    NAME = "rolled"
    HEADING = "rollouts"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        nodes = view.path.nodes[-_AFTER:]
        ids = [token for node in nodes if (token := view.tree.token_id(node)) is not None]
        if len(ids) < _AFTER:
            ids = [*view.tree.prompt_ids(view.root)[-_AFTER:], *ids][-_AFTER:]
        self._after = f"…{view.text(ids)[-_AFTER_CELLS:]}"
        self._rolled: Rolled | None = None
        self._response: ResponseShown | None = None
        self._scale: Scale | None = None

    def show_rolled(self, rolled: Rolled | None, response: ResponseShown | None) -> None:
        """Brings it up to date; `response` is that of the text that was forced before this place."""
        if rolled is self._rolled and response is self._response:
            return
        before = self._rolled
        if before is None or rolled is None or before.settings.horizon != rolled.settings.horizon:
            self._scale = None
        self._rolled, self._response = rolled, response
        if rolled is not None:
            self.HEADING = "sampled again" if rolled.resampled else "rollouts"
        self.replot()

    # The chart -------------------------------------------------------------------------------------------------

    def plot(self) -> tuple[list[list[Part]], Bars | None, list[Part]]:
        rolled, head = self._rolled, self._top()
        if rolled is None or not rolled.curve:
            return head, None, []
        curve = {point.position: point.bf for point in rolled.curve}
        band = {
            p.position: (p.low, p.high)
            for p in rolled.curve
            if p.low is not None and p.high is not None
        }
        windows = {
            position: window.bf
            for window in rolled.windows
            for position in range(window.position, window.position + _WINDOW)
            if position in curve
        }
        horizon = rolled.settings.horizon
        controls = {p.position: p.bf for p in self._controls()[:horizon]}
        highs = [high for _, high in band.values()]
        values = [*curve.values(), *highs, *windows.values(), *controls.values()]
        if self._scale is None:
            self._scale = Scale.around(values)
        # It only ever grows while more comes, so that nothing jumps.
        self._scale = self._scale.including(values)
        lines = (
            ChartLine(WINDOWS, windows, joined=False),
            ChartLine(CONTROLS, controls, dotted=True),
        )
        chart = self.bars(
            self._scale, head, curve, None, lines=lines, band=band, first=0, span=horizon
        )
        return head, chart, self._signs()

    def inks(self) -> Mapping[str, Style]:
        return {**super().inks(), WINDOWS: self.palette.forced, CONTROLS: self.palette.good}

    def _controls(self) -> Sequence[CurvePoint]:
        response = self._response
        if response is None or response.result is None:
            return ()
        return response.result.controls_curve

    # Lines -----------------------------------------------------------------------------------------------------

    def heading(self) -> str:
        view = self.now
        name, sampler = (
            view.model_name,
            " ".join(sampling(view.sampler, mixed=view.mixing is not None).split()),
        )
        room = self.columns - _FRAMED
        long = f"{name} · after {self._after} · {sampler}"
        if cell_len(long) <= room:
            return long
        return f"{fit(name, max(_NAME, room - cell_len(sampler) - 3))} · {sampler}"

    def footing(self) -> str:
        rolled = self._rolled
        if rolled is None:
            return ""
        if rolled.running:
            return how_far("drawing", rolled.share, rolled.left)
        return f"stopped at {rolled.share:.0%}" if rolled.stopped else ""

    def _awaited(self, rolled: Rolled | None) -> str:
        """What there will be to see, and why there is nothing yet."""
        if rolled is not None and rolled.stopped:
            return "stopped before the first token: {rollouts} draws again"
        return (
            "drawing the first tokens … then: BF of what follows from here with its 95 % interval, and how it goes "
            "over the positions"
        )

    def _top(self) -> list[list[Part]]:
        """The lines above the chart, each as (role, text)."""
        rolled = self._rolled
        if rolled is None or rolled.result is None:
            return [[("dim", line)] for line in wrapped(hint(self._awaited(rolled)), self.columns)]
        found = rolled.result
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
        least, median, most = found.lengths
        drawn = (
            f"{rolled.drawn} of {rolled.settings.samples}" if rolled.running else f"{rolled.drawn}"
        )
        lengths = f"lengths {least} to {most}, median {median}"
        if least == most:
            lengths = f"all of length {least}"
        ends = f"{lengths} · {found.ended:.0%} ended"
        horizon = counted(rolled.settings.horizon, "token")
        about = f"{drawn} continuations of at most {horizon} · {ends}"
        short = f"{drawn} × {horizon} · {ends}"
        lines = [main, [("text", about if cell_len(about) <= room else short)]]
        if rolled.compared is not None:
            lines += [[("text", text)] for text in compared(rolled.compared, rolled.drawn, room)]
        return lines

    def _signs(self) -> list[Part]:
        """What each layer is."""
        drawn = glyphs()
        signs = [
            ("accent", "█"),
            ("dim", " BF so far   "),
            ("bar", "█"),
            ("bar_past", "█"),
            ("dim", " 95 %   "),
            ("forced", drawn.legend_solid),
            ("dim", " windows of five tokens   "),
        ]
        if self._controls() and self._response is not None:
            text = self.now.text(self._response.settings.token_ids)
            after = f" after the controls of “{fit(text, 20)}”"
            signs += [("good", drawn.legend_dotted), ("dim", after)]
        return signs


def compared(found: PathComparison, drawn: int, room: int) -> list[str]:
    """The path against the samples, in one line or two."""
    numbers = (
        f"the path of {counted(len(found.path.token_ids), 'token')}: BF {fine(found.bf)} · surprisal "
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
