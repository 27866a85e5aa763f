"""A text that two models write: how sure the base is along it, and what the partner would write next."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.style import Style

from bftui.core.text import label, safe
from bftui.ui.paired import Nudged
from bftui.ui.strips import counted, fine, fit
from bftui.ui.themes import Palette
from bftui.ui.view import View
from bftui.ui.widgets.chart import Chart, Linear
from bftui.ui.widgets.curve_pane import CurvePane, Part
from bftui.ui.widgets.text_layout import NUDGED

_STOPS = {
    "partner": "the partner ended the text",
    "repeat": "stopped: the same words again and again",
    "rounds": "stopped after as many rounds as allowed",
    "length": "stopped at its length",
    "context": "stopped: a context is full",
    "moved": "stopped: the session went elsewhere",
    "stopped": "stopped",
}

_PARADOX = "above 20 % by the partner: such pairs tend to fail (arXiv 2606.11201)"

_MOST = 400
"""Positions that are drawn: the end of a longer path."""


class SurePane(CurvePane):
    """P of the base's best token along the visible path, with gamma, and the numbers of the nudged text."""

    NAME = "sure"
    HEADING = "nudge"

    def __init__(self, palette: Palette, view: View, gamma: float) -> None:
        super().__init__(palette)
        self.view = view
        self.gamma = gamma
        self.can_focus = False

    def heading(self) -> str:
        view = self.now
        name = f"{view.model_name}"
        if view.partner is not None:
            name += f" nudged by {safe(view.paired.name)}"
        return fit(name, max(0, self.size.width - 16))

    def footing(self) -> str:
        return fit(
            "16 tokens ahead · at most 256 tokens, 150 rounds · published γ 0.3 to 0.4",
            self.size.width - 6,
        )

    def inks(self) -> Mapping[str, Style]:
        palette = self.palette
        return {"below": palette.forced, "gamma": palette.good, "sure": palette.accent}

    def plot(self) -> tuple[list[list[Part]], Chart | None, list[Part]]:
        view = self.now
        nodes = view.path.nodes[-_MOST:]
        first = len(view.path) - len(nodes)
        points = [
            (float(first + i), sure)
            for i, node in enumerate(nodes)
            if (sure := view.sure(node)) is not None
        ]
        head = [self._state(points), *self._numbers()]
        if not points:
            return head, None, []
        chart = self.chart(Linear(1.0, max(1, first + len(nodes) - 1)), head)
        chart.curve(
            "gamma", [(0.0, self.gamma), (float(chart.scale.last), self.gamma)], dashed=True
        )
        chart.curve("sure", points)
        chart.points("below", [point for point in points if point[1] < self.gamma])
        legend = [
            *(("accent", "━"), ("dim", " P of the base's best token   ")),
            *(("forced", "⠒"), ("dim", " below γ   ")),
            *(("good", "╌"), ("dim", f" γ {self.gamma:.2f}")),
        ]
        return head, chart, legend

    def _state(self, points: list[tuple[float, float]]) -> list[Part]:
        view = self.now
        drawn = points[:-1] if view.next is not None else points
        below = sum(sure < self.gamma for _, sure in drawn)
        told = f"γ {self.gamma:.2f}"
        dry = f" · the partner would be asked at {below:,} of {counted(len(drawn), 'token')} of the path"
        sure = view.sure(view.cursor)
        parts: list[Part] = [("title", told), ("text", dry)]
        if sure is not None:
            asked = sure < self.gamma
            now = f" · now {sure:.2f}, the {'partner' if asked else 'base'}'s turn"
            if cell_len(told + dry + now) <= self.columns:
                parts.append(("forced" if asked else "dim", now))
        return parts

    def _numbers(self) -> list[list[Part]]:
        """What came of the text that was nudged last."""
        found = self.now.paired.nudged
        if found is None:
            return []
        line: list[Part] = []
        share = found.share_nudged
        if share is not None:
            tokens, rounds = counted(found.tokens, "token"), counted(found.rounds, "round")
            line.append(("accent", f"{NUDGED} {share:.1%} by the partner"))
            line.append(("dim", f" ({found.tokens_nudged:,} of {tokens}, {rounds})"))
        said = found.doing if found.running else _STOPS.get(found.stop or "", found.stop or "")
        used = sum(cell_len(text) for _, text in line)
        line.append(("text", fit(f"{' · ' if line else ''}{safe(said)}", self.columns - used)))
        lines = [line]
        if found.bf_nudged is not None:
            lines.append(self._factors(found, found.bf_nudged))
        if found.warning:
            long, short = f"! {safe(found.warning)}", f"! {_PARADOX}"
            lines.append([("bad", long if cell_len(long) <= self.columns else short)])
        return lines

    def _factors(self, found: Nudged, bf: float) -> list[Part]:
        """BF of the base along the text, and what it is held against."""
        others = (
            (found.bf_base, "base alone"),
            (found.bf_base_written, "where the base wrote"),
            (found.bf_partner, "partner alone"),
        )
        first = f"BF {fine(bf)} nudged"
        rest = "".join(f" · {fine(each)} {name}" for each, name in others if each is not None)
        return [("title", first), ("dim", fit(rest, self.columns - cell_len(first)))]


def drafted(view: View, room: int) -> list[Part]:
    """What the partner would write next, its first word apart."""
    paired = view.paired
    if view.partner is None:
        return [
            ("dim", fit("no partner: this is a dry run, O (after esc) opens a second model", room))
        ]
    if paired.error:
        return [("bad", fit(safe(paired.error), room))]
    draft = paired.draft
    if paired.nudged is not None and paired.nudged.running:
        return [("dim", "both write …")]
    if view.session.ended:
        return [("accent", "■ the text ends here"), ("dim", ": ← goes back")]
    if draft is None or draft.node != view.cursor:
        return [("dim", "the partner looks ahead …")]
    if draft.reason:
        return [("dim", fit(safe(draft.reason), room))]
    if not draft.words:
        return [("accent", "■ the partner ends the text here")]
    first, *rest = (label(word) for word in draft.words)
    shown = fit("".join(rest), max(0, room - cell_len(first) - 20))
    return [
        ("dim", "the partner: "),
        ("accent", f"{NUDGED}{fit(first, room - 14)}"),
        ("text", shown),
    ]
