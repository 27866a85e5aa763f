"""The first line: what runs, how it samples, how full the context is, and the state in a word.

A click on a part changes it: the model, the partner, temperature and truncation.
"""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip

from bftui.core.text import safe
from bftui.ui.drawing.coloured import ClickableLine
from bftui.ui.drawing.line_builder import LineBuilder, bar, fit
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.snapshot import Beside, Status
from bftui.workbench.wording import sampling_in_short
from bftui.workbench.workbench import Workbench
from bftui.workbench.workbench_state import RECORDED

_BESIDE = "⇄"
"""Stands between the model and its partner."""
_GAUGE = 4
_NAME = 9
"""Cells that a model's name keeps; what is longer gives way to temperature and truncation."""
_NAMES = 27
"""Cells that the name of a model, or two of them, keep against the gauge."""
_PROGRESS = 15
"""Cells kept free for what is being measured, where that costs no more than the runtime."""
_STATE = 5
"""Cells of `ready`: what stands before the state does not move while the model works."""


class StatusBar(ClickableLine):
    """One line, drawn again when what it says changes."""

    DEFAULT_CSS = "StatusBar { height: 1; background: $background; }"

    def __init__(self, palette: Palette, workbench: Workbench) -> None:
        super().__init__(id="status")
        self.palette = palette
        self._workbench = workbench
        self._parts: tuple[str, ...] = ("",) * 7
        self._beside: tuple[str, ...] = ()
        self._gauge = 0.0
        self._word = workbench.now.status

    def show(self, view: View | None) -> None:
        """Brings the line up to date."""
        # Read once: the engine's thread may change it before all is written, or drawn.
        word = self._workbench.now.status
        parts = (
            *self._model(),
            self._own_name(),
            self._runtime(view),
            sampling_in_short(view.sampler, mixed=view.mixing is not None) if view else "",
            self._filling(view),
            self._state(word),
        )
        running = self._measuring()
        if (parts, word, running) != (self._parts, self._word, self._beside):
            self._parts, self._word, self._beside = parts, word, running
            self.refresh()

    def _model(self) -> tuple[str, str]:
        """What runs, long and short; with the partner, or what is with it."""
        workbench, paired = self._workbench, self._workbench.now.paired
        if workbench.now.status is Status.LOADING or workbench.now.model is None:
            return (safe(workbench.now.loading),) * 2
        name, short = safe(workbench.now.model.name), safe(workbench.now.model.info.name)
        if paired.state is Beside.NONE:
            return name, name
        partner = {Beside.LOADING: "…", Beside.FAILED: "partner failed"}.get(paired.state)
        other, brief = safe(paired.name), safe(paired.short)
        return f"{name} {_BESIDE} {partner or other}", f"{short} {_BESIDE} {partner or brief}"

    def _own_name(self) -> str:
        """What one model alone calls itself, where that says more than its name."""
        workbench = self._workbench
        if (
            workbench.now.status is Status.LOADING
            or workbench.now.model is None
            or workbench.now.paired.state is not Beside.NONE
        ):
            return ""
        info = workbench.now.model.info
        return f" ({safe(info.title)})" if info.title and info.title not in info.name else ""

    def _runtime(self, view: View | None) -> str:
        model = self._workbench.now.model
        if model is None or self._workbench.now.status is Status.LOADING:
            return ""
        info = model.info
        template = "" if view is None or view.template == "raw" else f" {view.template}"
        paired = self._workbench.now.paired
        if paired.ready and paired.hand_over:
            template += f" {_BESIDE} {paired.template} by {paired.hand_over}".replace("  ", " ")
        return safe(f"{info.backend} {info.device} {info.dtype}{template}")

    def _filling(self, view: View | None) -> str:
        model = self._workbench.now.model
        if view is None or model is None:
            self._gauge = 0.0
            return ""
        self._gauge = view.length / model.info.n_ctx
        return f"ctx {view.length:,}/{model.info.n_ctx:,}"

    def _measuring(self) -> tuple[str, ...]:
        """What is being measured beside everything else, the longest form first."""
        workbench = self._workbench
        opening = workbench.opening_partner
        jobs = (*workbench.now.paired.running, *workbench.now.measured.running)
        running = [
            (each.name, f"{each.share:4.0%}") for each in ((opening, *jobs) if opening else jobs)
        ]
        if not running:
            return ()
        told = [f"{name}{share}" for name, share in running]
        return (" · ".join(told), told[0], running[0][1])

    def _state(self, word: Status) -> str:
        workbench = self._workbench
        state = f"{word.value:>{_STATE}}"
        if word is Status.REPLAY and workbench.now.played is not None:
            done, count = workbench.now.played
            state += f" {done:,}/{count:,}"
        if word is Status.LOADING and workbench.now.progress is not None:
            state += f" {workbench.now.progress:.0%}"
        if word is Status.BUSY and workbench.now.left:
            state += f" {workbench.now.left:,} left"
        if workbench.now.playing:
            rate = workbench.rates[workbench.now.rate]
            state += f" ▶ {rate:g}/s" if rate > 0 else " ▶ max" if rate != RECORDED else " ▶"
            speed = workbench.speed()
            state += f" {speed:.{0 if speed >= 10 else 1}f} tok/s" if speed else ""
        return state

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        model, short, own, runtime, sampling, context, state = self._parts
        line = LineBuilder(self.size.width, palette.text)
        self.forget_places()
        line.add(" bftui ", palette.accent).add(" ")
        self.place(0, 6, "help")
        # Without temperature and truncation a BF means nothing: runtime, gauge and the end of a long name go first.
        right = cell_len(state) + 1 + (cell_len(context) + 2 if context else 0)
        named = min(cell_len(model), _NAME)
        names = min(cell_len(short), _NAMES)
        gap, sampled = 2, cell_len(sampling) + 3 if sampling else 0
        gauge = bool(context) and names + sampled + gap + right + _GAUGE + 3 <= line.room
        right += _GAUGE + 3 if gauge else 0
        room = line.room - right - gap
        model = model if cell_len(model) <= room - sampled else short
        beside = sampled + (cell_len(runtime) + 3 if runtime else 0) + _PROGRESS
        if own and cell_len(model) + cell_len(own) + beside <= room:
            model += own
        start = line.at
        shown = fitted(model, min(max(0, room), max(named, room - sampled)))
        line.add(shown, palette.title)
        alone, both, _ = shown.partition(f" {_BESIDE} ")
        if alone:
            self.place(start, start + cell_len(alone + both), "open")
            self.place(start + cell_len(alone + both), line.at, "partner")
        room = line.room - right - gap
        if runtime and sampled + cell_len(runtime) + 3 + _PROGRESS <= room:
            line.add("   ").add(runtime, palette.dim)
        if sampling and cell_len(sampling) + 2 <= room:
            line.add(" " * min(3, room - cell_len(sampling)))
            self.place(line.at, line.at + cell_len(sampling), "sampler")
            line.add(sampling, palette.text)
        # It takes what is free, so that nothing moves when it comes and goes.
        room = line.room - right - 2
        measuring = next((form for form in self._beside if cell_len(form) <= room), "")
        line.to(line.width - right - cell_len(measuring) - 2).add(measuring, palette.accent)
        line.to(line.width - right)
        if context:
            line.add(f"{context} ", palette.dim)
        if gauge:
            line.add("▕", palette.line)
            line.add(f"{bar(self._gauge, _GAUGE):<{_GAUGE}}", palette.bar).add("▏ ", palette.line)
        style = {
            Status.LOADING: palette.forced,
            Status.READY: palette.good,
            Status.REPLAY: palette.accent,
            Status.BUSY: palette.accent,
            Status.FAILED: palette.bad,
        }[self._word]
        return line.add(f" {state}" if context else state, style).strip()


def fitted(names: str, cells: int) -> str:
    """One name, or two with the sign between them, in so many cells: of two the longer one gives way first."""
    first, beside, second = names.partition(f" {_BESIDE} ")
    room = cells - cell_len(beside)
    if not beside or room < 2 or cell_len(names) <= cells:
        return fit(names, cells)
    half = room // 2
    if cell_len(second) < room - half:
        half = room - cell_len(second)
    first = fit(first, half)
    return f"{first}{beside}{fit(second, room - cell_len(first))}"
