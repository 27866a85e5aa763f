"""`E`: what a forced text did to BF, against each kind of controls, live while they are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from bftui.core.definitions import CONTROLS
from bftui.core.job import duration
from bftui.core.noise_floor import fine, within
from bftui.core.text import counted, label, safe
from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.line_builder import LineBuilder, fit, how_far
from bftui.ui.panes.bf_pane import interval, times
from bftui.ui.panes.curve_pane import wrapped
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.screens.dialog import ReadingScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import key
from bftui.workbench.response_shown import ResponseShown

if TYPE_CHECKING:
    from bftui.results.response_result import ControlsResult
    from bftui.workbench.workbench import Workbench

_TEXTS = 24
"""Cells of one control's text."""
_LONG = 240
"""Characters of it that are looked at."""

Line = tuple[str, str, str]
"""What it is, its text, and a value beside it."""


class ResponsePane(ReadingPane):
    """One response as lines."""

    NAME = "response"
    HEADING = "response to a forced text"
    LEAVE = "esc closes"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._found: ResponseShown | None = None
        self._lines: list[Line] = []

    def heading(self) -> str:
        return self.now.model_name

    def footing(self) -> str:
        goes_on = self._found is None or self._found.running
        return super().footing() + (", measuring goes on" if goes_on else "")

    def show_response(self, found: ResponseShown | None) -> None:
        """Brings it up to date."""
        if found is not self._found:
            self._found = found
            self._wrap()
            self.refresh()

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self._wrap()

    def _wrap(self) -> None:
        found = self._found
        if found is None:
            self._lines = [
                ("dim", "it is about to be measured …", ""),
                *self._paragraph(
                    "Then: BF after the forced text against texts that the model might have written in its place, as a "
                    "factor with its interval: narrows, widens, no effect or undecided.",
                    "dim",
                ),
            ]
            return
        self._lines = [*self._verdict(found), ("", "", "")]
        for each in () if found.result is None else found.result.controls:
            self._lines += self._kind(each)
        asked = found.settings
        self._lines += self._paragraph(
            f"BF is over up to {counted(asked.horizon, 'token')} after each text, in {asked.samples} samples of each, "
            "by the entropy estimator. The factor is BF after the forced text over the "
            "geometric mean of BF after the controls; its interval says where one more text like them would fall.",
            "dim",
        )

    def _verdict(self, found: ResponseShown) -> list[Line]:
        name = f"“{fit(self.now.text(found.settings.token_ids), 40)}”"
        result = found.result
        lines: list[Line] = []
        if result is not None:
            forced = result.forced
            ci = f" {interval(forced.ci)}" if forced.ci else ""
            more = [] if forced.logprob is None else [f"ln P {forced.logprob:z.2f}"]
            more.append(f"{forced.ended:.0%} ended")
            lines.append(("head", f"{name}  BF {fine(forced.bf)}{ci}", " · ".join(more)))
        else:
            lines.append(("head", name, ""))
        if result is not None and result.verdict is not None:
            told: str = result.verdict
            if result.delta is not None and result.delta_ci is not None:
                low, high = map(times, result.delta_ci)
                told = f"{times(result.delta)} [{low}, {high}] against {result.matched} matched controls: {told}"
                if within(result.delta, self.now.noise, found.positions):
                    told += ", within the noise floor"
            lines.append(("verdict", told, ""))
        if result is not None and result.reason is not None:
            lines += self._paragraph(safe(result.reason), "text")
        if found.running:
            measuring = how_far("measuring", found.share, found.left)
            lines.append(("running", f"{measuring}: {found.doing}", ""))
        elif found.paused is not None:
            lines.append(
                (
                    "running",
                    f"about {duration(found.paused)} are left: {key('response')} goes on",
                    "",
                )
            )
        elif found.share < 1:
            lines.append(
                ("running", f"stopped at {found.share:.0%}: {key('response')} begins anew", "")
            )
        return lines

    def _kind(self, each: ControlsResult) -> list[Line]:
        count = counted(len(each.texts), "text")
        value = "none was found"
        if each.bf is not None:
            value = f"BF {fine(each.bf)}" + (f" {interval(each.ci)}" if each.ci else "")
        if each.delta is not None:
            value += f"   {times(each.delta)}"
            if each.delta_ci is not None:
                low, high = map(times, each.delta_ci)
                value += f" [{low}, {high}]"
        texts = "  ".join(
            "nothing" if not text else fit(label(text[:_LONG].encode()), _TEXTS)
            for text in each.texts
        )
        lines: list[Line] = [("kind", f"{safe(each.kind):<8} {count}", value)]
        lines += self._paragraph(CONTROLS.get(each.kind, ""), "dim")
        if texts and each.kind != "free":
            lines += self._paragraph(texts, "text")
        return [*lines, ("", "", "")]

    def _paragraph(self, text: str, role: str) -> list[Line]:
        return [(role, f"  {line}", "") for line in wrapped(text, max(20, self.columns - 2))]

    def count(self) -> int:
        return len(self._lines)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        role, text, value = self._lines[row]
        palette = self.palette
        style = {
            "head": palette.title,
            "verdict": palette.accent,
            "running": palette.forced,
            "kind": palette.title,
            "dim": palette.dim,
        }.get(role, palette.text)
        line.add(fit(text, line.room), style)
        if role == "head" and value:
            line.add(fit(f"  {value}", line.room), palette.dim)
        elif value:
            line.to(max(line.at + 2, min(20, line.width - cell_len(value))))
            line.add(fit(value, line.room), palette.text)
        return None


class ResponseScreen(ReadingScreen):
    """Follows one response."""

    WIDTH, HEIGHT = 108, 40

    BINDINGS = [bound("response", "leave")]  # noqa: RUF012

    def __init__(self, workbench: Workbench, view: View, end: int, palette: Palette) -> None:
        """`end` is the node of the forced text's last token."""
        self._shown = ResponsePane(palette, view)
        super().__init__(self._shown)
        self.shows = view
        self._workbench, self._end = workbench, end

    def on_mount(self) -> None:
        self.news()

    def news(self) -> None:
        """Shows what is known by now."""
        self._shown.show_response(self._workbench.now.measured.responses.get(self._end))
