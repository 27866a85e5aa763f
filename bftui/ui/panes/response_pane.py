"""One response as a page: BF now, the answer, how far it is, the looks, and BF after every text on one axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import set_cell_size

from bftui.core.bf.looks import horizons
from bftui.core.definitions import CONTROLS
from bftui.core.job import duration
from bftui.core.noise_floor import fine, within
from bftui.core.text import counted, label, safe
from bftui.results.response_words import gap, sentence
from bftui.ui import response_line as words
from bftui.ui.drawing.chart import Scale
from bftui.ui.drawing.dot_rows import DotRows, Part
from bftui.ui.drawing.line_builder import fit
from bftui.ui.panes.curve_pane import wrapped
from bftui.ui.panes.pane import LinesPane
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import hint
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.settings import ResponsePlan
from bftui.workbench.wording import sampling

if TYPE_CHECKING:
    from bftui.results.response_result import ControlsResult, ResponseResult
    from bftui.workbench.words_shown import PartnerShown

_LABEL = 9
"""Cells of what a line at the top is about."""
_LEFT = 33
"""Cells of the left half of the table."""
_TABLE = 74
"""Cells from which on its halves stand side by side."""
_VALUE = 7
"""Cells of a BF beside its row."""
_LONG = 240
"""Characters of a control's text that are looked at."""

Line = Sequence[Part]


class ResponsePane(LinesPane):
    """Draws what `show_response` was given last; lines stay where they are while numbers change."""

    NAME = "response"
    HEADING = "response to a forced text"

    def __init__(self, palette: Palette, view: View, node: int, end: int, of: str) -> None:
        """Shows the response to the text called `of`, forced after a node, that ends at another."""
        super().__init__(palette, view)
        self._node, self._end, self._of = node, end, of
        self._found: ResponseShown | None = None
        self._plan, self._speed = ResponsePlan(), 0.0
        self._beside: PartnerShown | None = None
        self._scale: Scale | None = None

    def heading(self) -> str:
        sampler = " ".join(sampling(self.now.sampler, mixed=self.now.mixing is not None).split())
        return f"{self.now.model_name} · {sampler}"

    def show_response(
        self,
        found: ResponseShown | None,
        plan: ResponsePlan,
        speed: float | None,
        beside: PartnerShown | None = None,
    ) -> None:
        """Brings it up to date; `plan` and `speed` say what a response that did not begin would be, and take."""
        given = found, plan, speed or 0.0, beside
        if given != (self._found, self._plan, self._speed, self._beside) or not self.lines:
            self._found, self._plan, self._speed, self._beside = given
            self.renew()

    # Lines -----------------------------------------------------------------------------------------------------

    def make(self) -> list[Line]:
        lines, found = [*self._head(), []], self._found
        if found is not None and found.result is not None:
            lines += [*self._table(found), []]
            lines += self._chart(found.result, running=found.running)
        return [*lines, *self._notes()]

    def _head(self) -> Iterator[Line]:
        view, found = self.now, self._found
        before, after = words.now(view, self._node), words.now(view, self._end)
        exact = f" before {self._of}, {after} after it: exact, one token ahead"
        yield [("dim", f"{'now':<{_LABEL}}"), ("title", f"BF {before}"), ("text", exact)]
        if found is None:
            yield from self._planned()
            return
        yield from self._answer(found)
        yield from self._partner()
        done = words.progress(found)
        if not done:
            samples, tokens = found.wanted
            done = (
                f"measured: {samples} samples of up to {counted(tokens, 'token')} after each text"
            )
        yield self._about("work", done, "forced" if found.running or found.paused else "dim")
        yield from self._match(found)

    def _about(self, what: str, text: str, role: str) -> Line:
        return [("dim", f"{what:<{_LABEL}}"), (role, fit(text, self.columns - _LABEL))]

    def _paragraph(self, what: str, text: str, role: str, least: int = 1) -> Iterator[Line]:
        """A text behind what it is about, in as many lines as it takes, or some more."""
        lines = wrapped(text, max(20, self.columns - _LABEL))
        for place in range(max(least, len(lines))):
            yield self._about(what if place == 0 else "", "".join(lines[place : place + 1]), role)

    def _planned(self) -> Iterator[Line]:
        """What there will be, before it began."""
        plan = self._plan
        each = f"{plan.samples} samples of up to {counted(plan.horizon, 'token')}"
        yield from self._paragraph(
            "then",
            f"{each} after {self._of} and after each of 12 openings like it: is BF after it smaller or larger, and by "
            "more than such openings differ?",
            "text",
        )
        takes = "how long it takes is known when some were drawn"
        if self._speed:
            takes = f"at most {duration(13 * plan.samples * plan.horizon / self._speed)}"
        yield self._about("work", hint(f"{{response}} begins · {takes}"), "forced")

    def _answer(self, found: ResponseShown) -> Iterator[Line]:
        told = words.answer(self.now, found)
        result = found.result
        if result is not None and within(result.delta, self.now.noise, found.positions):
            told += ", within the noise floor of this model"
        # As many lines as the longest answer has: nothing below moves.
        yield from self._paragraph("then", told, "accent", 2 if self.columns >= 90 else 3)

    def _partner(self) -> Iterator[Line]:
        """What the same text does in the partner, at the same place of its own text."""
        beside = self._beside
        if beside is None:
            return
        told = f"in {safe(beside.model)} "
        if beside.why:
            told += f"it is not measured: {safe(beside.why)}"
        elif beside.result is None:
            told += "nothing is drawn yet"
        else:
            told += sentence(beside.result, self._of.strip("“”"))
            if within(beside.result.delta, self.now.partner_noise, beside.positions):
                told += ", within the noise floor of that model"
        yield from self._paragraph("partner", told, "text", 2)

    def _match(self, found: ResponseShown) -> Iterator[Line]:
        """How probable the openings are beside the forced text."""
        result = found.result
        if result is None or result.match is None:
            yield self._about("like it", "openings that the model might have written here", "dim")
            return
        own = "–" if result.forced.logprob is None else f"{result.forced.logprob:z.2f}"
        match, count = result.match, counted(found.planned, "opening")
        told = (
            f"ln P {own} of {self._of}, {match.low:z.2f} to {match.high:z.2f} of the {count}, nats"
        )
        yield self._about("like it", told, "text")
        if warning := gap(result):
            yield from self._paragraph("", warning, "bad")

    # The table -------------------------------------------------------------------------------------------------

    def _table(self, found: ResponseShown) -> Iterator[Line]:
        """The factor over the first tokens, and the looks, side by side where there is room."""
        factors, looks = list(self._factors(found)), list(self._looks(found))
        if self.columns < _TABLE:
            yield from ([each] for each in (*factors, *looks))
            return
        blank = "text", ""
        for (role, text), right in zip_longest(factors, looks, fillvalue=blank):
            yield [(role, set_cell_size(text, _LEFT)), right]

    def _factors(self, found: ResponseShown) -> Iterator[Part]:
        yield "dim", "factor [95 % by sampling noise]"
        result = found.result
        known = {} if result is None else {each.tokens: each for each in result.by_horizon}
        for tokens in horizons(max(found.settings.horizon, found.wanted[1])):
            each = known.get(tokens)
            told = "…"
            if each is not None:
                told = words.times(math.log(each.ratio))
                if each.noise_ci is not None:
                    told += f" {words.between(each.noise_ci)}"
            yield "text" if each else "dim", f"first {tokens:>3} {told}"

    def _looks(self, found: ResponseShown) -> Iterator[Part]:
        """What was judged, what will be, and what was added without being judged."""
        result, asked = found.result, found.settings
        looks = () if result is None else result.looks
        level = looks[0].level if looks else 1 - 0.05 / max(1, len(asked.looks))
        yield "dim", f"looks [one opening like it, {level:.1%}]"
        planned = asked.looks or (asked.samples,)
        for place, samples in enumerate(planned):
            name = f"{samples:>3} samples"
            if place < len(looks):
                each = looks[place]
                ratio = "" if each.delta is None else f"{words.times(each.delta)} "
                ci = (
                    "" if each.delta_ci is None else f"{words.between(_factors_of(each.delta_ci))} "
                )
                yield "title", f"{name} {ratio}{ci}{each.verdict}"
            elif found.decided:
                yield "dim", f"{name} not needed"
            else:
                yield "dim", f"{name} …"
        extended = None if result is None else result.extended
        if extended is not None:
            ratio = words.times(extended.delta)
            ci = (
                ""
                if extended.delta_ci is None
                else f" {words.between(_factors_of(extended.delta_ci))}"
            )
            yield "text", f"{extended.samples:>3} × {extended.horizon:<5} {ratio}{ci} extended"

    # The chart -------------------------------------------------------------------------------------------------

    def _chart(self, result: ResponseResult, *, running: bool) -> Iterator[Line]:
        """BF after the forced text and after each control, on one axis."""
        forced = result.forced
        values = [forced.bf, *(forced.ci or ())]
        for kind in result.controls:
            values += [*kind.bfs, *(kind.ci or ())]
        # While more comes it only grows, so that nothing jumps; at rest it follows from the numbers alone.
        before = self._scale if running else None
        self._scale = Scale.around(values) if before is None else before.including(values)
        name = self._text_cells
        rows = DotRows(self._scale, max(8, self.columns - name - _VALUE - 1), forced.bf)
        samples, tokens = result.size
        title = (
            f"BF after each text, over {counted(tokens, 'token')} in {counted(samples, 'sample')}"
        )
        yield [("title", fit(title, self.columns))]
        yield [("dim", f"{'':<{name}}{'BF':>{_VALUE}} "), ("dim", rows.axis())]
        yield self._row(rows, self._of, forced.bf, forced.ci, "forced")
        for kind in result.controls:
            yield from self._kind(rows, kind)

    @property
    def _text_cells(self) -> int:
        """Cells of a text beside its row."""
        return max(14, min(34, self.columns * 3 // 10))

    def _row(
        self, rows: DotRows, name: str, bf: float, ci: tuple[float, float] | None, role: str
    ) -> Line:
        text = set_cell_size(fit(name, self._text_cells - 1), self._text_cells)
        return [(role, text), ("text", f"{fine(bf):>{_VALUE}} "), *rows.row(bf, ci, role=role)]

    def _kind(self, rows: DotRows, kind: ControlsResult) -> Iterator[Line]:
        matched = kind.kind == "matched"
        if not matched:
            yield []
            yield from self._of_kind(kind)
        elif kind.bf is not None:
            mean = f"{counted(len(kind.texts), 'opening')} like it"
            yield self._row(rows, mean, kind.bf, kind.ci, "good")
        for text, bf in zip(kind.texts, kind.bfs, strict=False):
            shown = label(text[:_LONG].encode()) if text else "nothing forced"
            yield self._row(rows, f"  {shown}", bf, None, "accent" if matched else "dim")

    def _of_kind(self, kind: ControlsResult) -> Iterator[Line]:
        """What texts of another kind are, and the factor against them."""
        told = "none was found"
        if kind.delta is not None:
            told = words.times(kind.delta)
            if kind.delta_ci is not None:
                by = "by noise" if len(kind.texts) == 1 else f"among {len(kind.texts)}"
                told += f" {words.between(_factors_of(kind.delta_ci))} {by}"
        yield from self._paragraph(
            safe(kind.kind), f"{told} · {CONTROLS.get(kind.kind, '')}", "title"
        )

    def _notes(self) -> Iterator[Line]:
        found = self._found
        if found is None or found.result is None:
            return
        yield []
        text = (
            "The factor is BF after the forced text over the geometric mean of BF after the openings like it. The "
            "interval of a look is where that factor lies for one such opening among others like it, as often as its "
            "percentage says; bars in the chart are 95 % by sampling, of the openings' mean by their spread. ┊ is the "
            "forced text. What was added after the looks makes no verdict."
        )
        for line in wrapped(text, max(20, self.columns)):
            yield [("dim", line)]


def _factors_of(ci: tuple[float, float]) -> tuple[float, float]:
    return math.exp(ci[0]), math.exp(ci[1])
