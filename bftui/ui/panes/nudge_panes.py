"""A text that two models write: how sure the base is along it, and what the partner would write next."""

from __future__ import annotations

from rich.cells import cell_len

from bftui.core.noise_floor import fine
from bftui.core.text import counted, label, safe
from bftui.ui.drawing.bars import Bars
from bftui.ui.drawing.chart import Linear
from bftui.ui.drawing.line_builder import fit
from bftui.ui.drawing.text_layout import NUDGED
from bftui.ui.panes.curve_pane import CurvePane, Part
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import hint
from bftui.workbench.paired_results import NudgingShown

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

_MOST, _PART = 400, 100
"""Positions that are drawn: the end of a longer path, from a multiple of so many on, so that bars keep their place."""
_ROOMY = 100
"""Cells from which on the numbers of a run are spelt out."""
_BELOW = "▼"
"""Stands under a token that the partner would be asked for."""
_ASKED = {"nudged", "greedy"}
"""What tokens of a nudged text came from."""


class SurePane(CurvePane):
    """P of the base's best token along the visible path, with gamma, and the numbers of the nudged text."""

    NAME = "sure"
    HEADING = "nudge"

    def __init__(self, palette: Palette, view: View, gamma: float) -> None:
        super().__init__(palette, view)
        self.gamma = gamma

    def heading(self) -> str:
        view = self.now
        name = f"{view.model_name}"
        if view.partner is not None:
            name += f" nudged by {safe(view.paired.name)}"
        return fit(name, max(0, self.size.width - 16))

    def footing(self) -> str:
        forms = (
            "a partner that is asked writes whole words until the base agrees or is sure; near its end, "
            "all that is left · K",
            "once asked it writes whole words, until the base agrees or is sure · K",
        )
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), forms[-1])

    def plot(self) -> tuple[list[list[Part]], Bars | None, list[Part]]:
        view = self.now
        nodes = view.path.nodes
        first = max(0, -(-(len(nodes) - _MOST) // _PART) * _PART)
        values = {
            place: sure
            for place in range(first, len(nodes))
            if (sure := view.sure(nodes[place])) is not None
        }
        head = [self._state(values), *self._numbers()]
        if not values:
            return head, None, []
        below = {place: _BELOW for place, sure in values.items() if sure < self.gamma}
        scale = Linear(1.0)
        bars = self.bars(scale, head, values, below, level=self.gamma, choose=min)
        many = f", least of {bars.together} tokens" if bars.together > 1 else ""
        legend = [
            *(("accent", "█"), ("dim", f" P of the base's best token{many}   ")),
            *(("forced", f"█ {_BELOW}"), ("dim", " below γ   ")),
            *(("good", "╌"), ("dim", f" γ {self.gamma:.2f}")),
        ]
        return head, bars, legend

    def _state(self, values: dict[int, float]) -> list[Part]:
        """Where the partner would be asked along the path, and what it wrote of it."""
        view = self.now
        nodes = view.path.nodes
        drawn = [sure for place, sure in values.items() if place < len(nodes) - 1 or not view.next]
        below = sum(sure < self.gamma for sure in drawn)
        wrote = sum(
            view.tree.source(node).word == "nudged" for node in nodes[1 + min(values, default=0) :]
        )
        told = f"γ {self.gamma:.2f}"
        rest = f" · the partner would be asked at {below:,} of {counted(len(drawn), 'token')}"
        if wrote:
            rest = f" · the partner would be asked at {below:,} of {len(drawn):,} tokens, wrote {wrote:,} of them"
        parts: list[Part] = [("title", told), ("text", rest)]
        sure = view.sure(view.cursor)
        if sure is not None:
            asked = sure < self.gamma
            whose = "" if ended(view) else f", the {'partner' if asked else 'base'}'s turn"
            now = f" · now {sure:.2f}{whose}"
            if cell_len(told + rest + now) <= self.columns:
                parts.append(("forced" if asked and whose else "dim", now))
        return parts

    def _holds(self, found: NudgingShown) -> bool:
        """Whether the numbers of a run are those of the visible text and of gamma as it is."""
        tree, nodes = self.now.tree, self.now.path.nodes
        start = len(nodes) - 1 - found.result.tokens
        if found.running:
            return True
        return (
            start >= 0
            and nodes[start] == found.start
            and all(tree.source(node).word in _ASKED for node in nodes[start + 1 :])
            and abs(found.result.gamma - self.gamma) < 0.005
        )

    def _numbers(self) -> list[list[Part]]:
        """What came of the text that was nudged last: dim as soon as the text is another, or gamma."""
        found = self.now.paired.nudged
        if found is None:
            return []
        which = "this run" if found.running else "last run"
        depth = self.now.tree.depth(found.start)
        wide = self.columns >= _ROOMY
        line: list[Part] = [("dim", f"{which}, γ {found.result.gamma:.2f}, from token {depth:,}: ")]
        if found.result.share_nudged is not None:
            of, rounds = (
                f"{found.result.tokens_nudged:,} of {found.result.tokens:,}",
                counted(found.result.rounds, "round"),
            )
            line.append(("accent", f"{NUDGED} {found.result.share_nudged:.1%}"))
            line.append(
                (
                    "dim",
                    f" by the partner ({of} tokens, {rounds})" if wide else f" ({of}), {rounds}",
                )
            )
        stop = found.stop
        said = _STOPS.get(stop, stop) if wide else f"stop: {stop}"
        said = safe(found.doing if found.running else said)
        used = sum(cell_len(text) for _, text in line)
        joint = " · " if found.result.share_nudged is not None else ""
        line.append(("text", fit(f"{joint}{said}", max(0, self.columns - used))))
        lines = [line]
        if found.result.bf_nudged is not None:
            lines.append(self._factors(found, found.result.bf_nudged))
        if found.result.warning:
            long, short = f"! {safe(found.result.warning)}", f"! {_PARADOX}"
            lines.append([("bad", long if cell_len(long) <= self.columns else short)])
        if self._holds(found):
            return lines
        return [[("dim", text) for _, text in each] for each in lines]

    def _factors(self, found: NudgingShown, bf: float) -> list[Part]:
        """BF of the base along the text, and what it is held against."""
        others = (
            (found.result.bf_base, "base alone"),
            (found.result.bf_base_written, "where the base wrote"),
            (found.result.bf_partner, "partner alone"),
        )
        first = f"BF {fine(bf)} nudged"
        rest = "".join(f" · {fine(each)} {name}" for each, name in others if each is not None)
        return [("title", first), ("dim", fit(rest, self.columns - cell_len(first)))]


def ended(view: View) -> bool:
    """Whether the partner was asked at the cursor and ends the text there."""
    draft = view.paired.draft
    if view.partner is None or draft is None or draft.node != view.cursor:
        return False
    return not draft.words and not draft.reason


def drafted(view: View, room: int, *, replay: bool = False) -> list[Part]:
    """What the partner would write next, its first word apart."""
    paired = view.paired
    if view.partner is None:
        return [
            (
                "dim",
                fit(
                    hint(
                        "no partner: this is a dry run, {partner} (after esc) opens a second model"
                    ),
                    room,
                ),
            )
        ]
    if paired.error:
        return [("bad", fit(safe(paired.error), room))]
    if replay:
        return [("dim", fit("a replay: what the partner would write here was not recorded", room))]
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
