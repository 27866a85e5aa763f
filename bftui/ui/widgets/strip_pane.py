"""Entropy or branching factor over the positions of the path, on a fixed scale, so that curves can be compared.

One column is one position: the distribution that its token was drawn from; the last is the open one. BF is drawn over
its logarithm. A bar ends where its value lies between the ticks, which mark the middle of their lines, and with an
arrow where it goes past them. `path` is exp of the mean H(P~) over the positions that have a token, those of a user's
turn left out, `now` the open position, `rollouts` what continuations drawn from here have, with its interval. Behind
the bars the branch that was left is a dotted line; a solid one is the partner, drawn where it differs. The lower edge
tells what the partner says, and what the forced text did.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from rich.cells import cell_len
from rich.style import Style

from bftui.ui.measured import Responded
from bftui.ui.strips import LineBuilder, factor, fine, fit
from bftui.ui.themes import Palette
from bftui.ui.view import View
from bftui.ui.widgets.pane import Pane
from bftui.ui.widgets.path import Path

_BLOCKS = " ▁▂▃▄▅▆▇█"
_BF_TICKS = tuple((math.log(t), str(t)) for t in (1, 5, 25, 125))
_H_TICKS = tuple((t, f"{t:g}") for t in (0.0, 1.6, 3.2, 4.8))
_FEW_ROWS = 3
"""Up to so many lines the scale ends a tick earlier."""
_EVERY = 10
_PAST = "↑"
"""Ends a bar that is longer than the scale."""
_LEFT, _THEIRS = "┄", "─"
"""Draw the branch that was left, and the partner."""


class StripPane(Pane):
    """Draws the end of the path that fits; nothing in it is selected."""

    NAME = "strip"
    HEADING = "entropy · BF"
    EMPTY = "how the distribution narrows and widens as the text goes on"

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.entropy = False
        self._path = Path()
        self._sums: list[tuple[float, int]] = []
        self._restated = -1
        self._left: list[int] = []
        self._theirs: list[tuple[float, int]] = []
        self._theirs_of: Hashable = None

    def forget(self) -> None:
        self._path, self._sums, self._restated = Path(), [], -1
        self._left, self._theirs, self._theirs_of = [], [], None

    def toggle(self) -> None:
        """Entropy of P instead of BF, or back."""
        self.entropy = not self.entropy
        self.redraw()

    def state(self) -> Hashable:
        known = (self.view.measured.version, self.view.paired.version) if self.view else None
        return super().state(), self.entropy, known

    def sync(self) -> None:
        view = self.now
        last = self._path.nodes[-1] if self._path.nodes else None
        left = last not in (None, view.cursor, view.tree.parent(view.cursor))
        before = list(self._path.nodes) if left else []
        kept = self._path.follow(view.tree, view.cursor)
        if left:
            self._left = branch_left(self._left, before, kept)
        if view.restated != self._restated:
            self._restated, kept = view.restated, 0
        # The sum and the number of the positions whose tokens are at places 1 to i.
        del self._sums[kept:]
        for place in range(kept, len(self._path)):
            total, count = self._sums[-1] if self._sums else (0.0, 0)
            entropies = view.tree.entropies(self._path.nodes[place - 1]) if place else None
            if entropies is not None and not self._given(place):
                total, count = total + entropies[1], count + 1
            self._sums.append((total, count))
        self._sum_theirs(kept)

    def _sum_theirs(self, kept: int) -> None:
        """The same sums of the partner, as far along the path as it was read under the sampler in force."""
        view = self.now
        of = id(view.partner), view.in_force
        if of != self._theirs_of:
            self._theirs_of, kept = of, 0
        del self._theirs[kept:]
        for place in range(len(self._theirs), len(self._path)):
            total, count = self._theirs[-1] if self._theirs else (0.0, 0)
            if place and not self._given(place):
                entropies = self._partners(place - 1)
                if entropies is None:
                    return
                total, count = total + entropies[1], count + 1
            self._theirs.append((total, count))

    def _partners(self, place: int) -> tuple[float, float] | None:
        """H(P) and H(P~) of the partner at a position; None where it has none, or of another sampler."""
        view = self.now
        found = view.partnered(self._path.nodes[place])
        if found is None or found.next is None or found.sampler != view.in_force:
            return None
        return found.next.entropy, found.next.entropy_truncated

    def count(self) -> int:
        return self.rows if self.view else 0

    def footing(self) -> str:
        view = self.view
        if view is None:
            return ""
        found, partner = view.responded, self._of_partner()
        responses = told(view, found) if found is not None else ()
        beside = [f"{partner} · {form}" for form in responses] if partner else []
        forms = [*beside, *(responses or [partner])]
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), fit(forms[-1], room))

    def _of_partner(self) -> str:
        """What the partner has at the open position and along the path; "" without one."""
        view = self.now
        if view.partner is None:
            return ""
        here = self._partners(len(self._path) - 1)
        now = factor(math.exp(here[1])) if here else "…"
        total, count = self._theirs[-1] if self._theirs else (0.0, 0)
        path = f" · path {factor(math.exp(total / count))}" if count else ""
        return f"{_THEIRS * 2} partner now {now}{path}"

    def heading(self) -> str:
        if self.view is None or not self._path.nodes:
            return ""
        total, count = self._sums[-1]
        path = f"path {factor(math.exp(total / count))}" if count else "path –"
        following = self.view.next
        now = f"now {factor(following.bf)}" if following else "now –"
        if self.entropy and following:
            now += f" · H {following.entropy:.2f} nats"
        drawn = "H(P), nats" if self.entropy else "BF, log scale"
        found = self.view.rolled
        if found is not None and found.estimate is not None:
            estimate = found.estimate
            path += f" · rollouts {fine(estimate.bf)}"
            path += f" {interval(estimate.ci)}" if estimate.ci else ""
            path += " so far" if found.running else ""
        whole = f"{drawn} · {now} · {path}"
        room = self.size.width - len(self.HEADING or "") - 8
        return whole if cell_len(whole) <= room else f"{now} · {path}"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        height = self.rows - 1
        line.add(self._tick(height - 1 - row, height), self.palette.dim)
        width = line.room
        first = max(0, len(self._path) - width)
        if row < height:
            line.add("┤", self.palette.line)
            self._curve(line, height - 1 - row, height, first)
        else:
            line.add("└", self.palette.line)
            self._axis(line, first)
        return None

    @property
    def _ticks(self) -> tuple[tuple[float, str], ...]:
        return _H_TICKS if self.entropy else _BF_TICKS

    def _lines(self, value: float, height: int) -> float:
        """How many lines a bar of this many nats takes; the outer ticks are the middles of the outer ones."""
        top = self._ticks[2 if height <= _FEW_ROWS else 3][0]
        return 0.5 + value / top * (height - 1)

    def _tick(self, level: int, height: int) -> str:
        """The label of the axis for a line, counted from below."""
        names = [
            name
            for value, name in self._ticks
            if level >= 0 and round(self._lines(value, height) - 0.5, 6) == level
        ]
        return f"{names[0] if names else '':>3} "

    def _curve(self, line: LineBuilder, level: int, height: int, first: int) -> None:
        view, palette = self.now, self.palette
        nodes = self._path.nodes
        start = line.at
        for place in range(first, len(nodes)):
            entropies = view.tree.entropies(nodes[place])
            if entropies is None:
                continue
            value = entropies[0] if self.entropy else entropies[1]
            lines = self._lines(value, height)
            eighths = round(lines * 8) - level * 8
            style = palette.accent if place == len(nodes) - 1 else palette.bar
            if self._forced(place + 1):
                style = palette.forced
            if view.stale(nodes[place]) or self._given(place + 1):
                style = palette.bar_past
            past = level == height - 1 and lines > height
            block = _PAST if past else _BLOCKS[max(0, min(eighths, 8))]
            if self._their_line(place, height) == level and not 0 < eighths <= 8:
                # Behind a bar it is drawn on the bar.
                ground = Style(bgcolor=style.color) if block == "█" else Style()
                block, style = _THEIRS, palette.good + ground
            elif block == " " and self._left_line(place, height) == level:
                block, style = _LEFT, palette.dim
            line.add(block, style)
        line.to(start + len(nodes) - first)
        for place in range(len(nodes), min(len(nodes) + line.room, len(self._left))):
            line.add(_LEFT if self._left_line(place, height) == level else " ", palette.dim)

    def _their_line(self, place: int, height: int) -> int | None:
        """The line in which the partner stands; None where nobody knows."""
        if self.now.partner is None or (entropies := self._partners(place)) is None:
            return None
        value = entropies[0] if self.entropy else entropies[1]
        return min(height - 1, int(self._lines(value, height)))

    def _left_line(self, place: int, height: int) -> int | None:
        """The line in which the top of the branch that was left stands; None where it has none."""
        if place >= len(self._left) or self._left[place] == self._path.at(place):
            return None
        entropies = self.now.tree.entropies(self._left[place])
        if entropies is None:
            return None
        value = entropies[0] if self.entropy else entropies[1]
        return min(height - 1, int(self._lines(value, height)))

    def _axis(self, line: LineBuilder, first: int) -> None:
        palette = self.palette
        start = line.at
        for place in range(first, first + line.room):
            if line.at > start + place - first:
                continue
            if self._forced(place + 1):
                line.add("▲", palette.forced)
            elif (
                place % _EVERY == 0
                and line.room > 3
                and not any(self._forced(p + 1) for p in range(place, place + 4))
            ):
                line.add(f"{place}", palette.dim)
            else:
                line.add("─", palette.line)

    def _given(self, place: int) -> bool:
        """Whether the token at this place of the path is of a user's turn."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.of_prompt(nodes[place])

    def _forced(self, place: int) -> bool:
        """Whether the token at this place of the path was forced."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.source(nodes[place]).word == "forced"


def branch_left(known: list[int], before: list[int], kept: int) -> list[int]:
    """The branch that was left: the path before, unless that only went along the one that was left earlier.

    Args:
        known: the one that was left earlier.
        before: the path as it was, its first `kept` nodes being those of the path now.
    """
    if not kept:
        # Another prompt: its positions are others.
        return []
    if kept == len(before):
        return known
    along = len(known) >= len(before) and known[len(before) - 1] == before[-1]
    return known if along else before


def interval(ci: tuple[float, float]) -> str:
    """A 95 % interval of a branching factor."""
    return f"[{fine(ci[0])}, {fine(ci[1])}]"


def times(delta: float) -> str:
    """A difference of ln BF as a factor."""
    value = math.exp(delta)
    return f"×{value:.2f}" if value < 99.5 else f"×{value:,.0f}"


def told(view: View, found: Responded) -> Sequence[str]:
    """A response in a line, the longest form first."""
    text = fit(view.text(found.token_ids), 24)
    name = f"“{text}”"
    if found.verdict is not None:
        if found.reason is not None:
            return (f"{name}: undecided, {found.reason}", f"{name}: undecided, too few controls")
        more = f" · measuring more {found.share:.0%}" if found.running else ""
        if found.delta is None or found.delta_ci is None:
            return (f"{name}: {found.verdict}",)
        low, high = map(times, found.delta_ci)
        whole = f"{times(found.delta)} [{low}, {high}] {found.verdict}"
        line = f"{name} against {found.matched} matched: {whole}"
        return (f"{line}{more} · E details", f"{line}{more}", line, f"{name} {whole}", whole)
    planned = f"{name} against {found.planned} matched"
    if found.paused is not None:
        seconds = f"takes {found.paused:.0f} s more"
        return (f"{planned}: {seconds}, E goes on", f"{name}: {seconds}, E goes on")
    if found.running:
        return (f"{planned}: measuring {found.share:4.0%}", f"{name}: measuring {found.share:4.0%}")
    return (f"{planned}: stopped at {found.share:.0%}, E begins anew", f"{name}: stopped")
