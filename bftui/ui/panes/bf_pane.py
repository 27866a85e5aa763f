"""Entropy or branching factor over the positions of the path, on a fixed scale, so that curves can be compared.

A bar is one position: the distribution that its token was drawn from; the last is the open one. BF is drawn over its
logarithm. A bar ends where its value lies between the ticks, which mark the middle of their lines, and with an arrow
where it goes past them. `path` is exp of the mean H(P~) over the positions that have a token, those of a user's turn
left out, `now` the open position, `rollouts` what continuations drawn from here have, with its interval. Over the bars
a dotted line is another branch: the one that was compared, a marked one, or the one that was left; a solid one is the
partner. The lower edge names them, tells what stands under the cursor, and what the forced text did.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from rich.cells import cell_len
from rich.style import Style

from bftui.core.noise_floor import factor, fine, nats
from bftui.core.sampler import SamplerWindow
from bftui.core.schedule import window_told
from bftui.ui import side_branches
from bftui.ui.drawing.bars import BAR, MARKED, Bars, ChartLine
from bftui.ui.drawing.chart import Fixed, first_in_view
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import LineBuilder, fit, starred
from bftui.ui.panes.curve_pane import axis_step, draw_cells
from bftui.ui.panes.pane import Pane
from bftui.ui.side_branches import Apart
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import Path

_AXIS = 5
"""Cells of the axis."""
_TOKEN = 16
"""Cells of a token that is named."""
_ROWS_WITH_WINDOWS = 4
"""Lines from which on the windows of a schedule have one."""
_THINKS = "═"
"""Under the positions whose tokens think."""
_REVERSE = Style(reverse=True)

OPEN, OLD, BRANCH, PARTNER = "open", "old", "branch", "partner"
"""The open position and the one under the cursor; numbers of another sampler, and of a user's turn; the two lines."""


class StripPane(Pane):
    """Draws the part of the path around its cursor, which follows the end until it is moved away."""

    NAME = "strip"
    HEADING = "entropy · BF"
    EMPTY = (
        "how the distribution narrows and widens as the text goes on: a bar for each token, BF or entropy with "
        "{curve}; a dotted line is another branch, a solid one the partner"
    )

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.entropy = False
        self._path = Path()
        self._sums: list[tuple[float, int, int]] = []
        self._summed: Hashable = None
        self._forks: list[int] = []
        self._beside: Apart | None = None
        self._theirs: list[tuple[float, int]] = []
        self._theirs_of: Hashable = None
        self._away: int | None = None
        self._first = 0
        self._chart: Bars | None = None

    def forget(self) -> None:
        self._path, self._sums, self._summed = Path(), [], None
        self._forks, self._beside, self._theirs, self._theirs_of = [], None, [], None
        self._away, self._first, self._chart = None, 0, None

    def toggle(self) -> None:
        """Entropy of P instead of BF, or back."""
        self.entropy = not self.entropy
        self.redraw()

    def state(self) -> Hashable:
        view = self.view
        if view is None:
            return None
        known = view.measured.version, view.paired.version, view.shown.pruned
        return super().state(), self.entropy, known, tuple(view.marks.items()), view.against

    def sync(self) -> None:
        view = self.now
        before = self._path.version
        kept = self._path.follow(view.tree, view.cursor)
        side_branches.forks(view.tree, self._path.nodes, kept, self._forks)
        self._beside = side_branches.beside(view, self._forks)
        if self._away is not None and (
            self._away >= min(kept, len(self._path) - 1)
            or (before != self._path.version and kept < len(self._path) - 1)
        ):
            # What the cursor stood on has gone, or the session went elsewhere: it follows the end again.
            self._away = None
        if (view.recomputed, view.in_force) != self._summed:
            self._summed, kept = (view.recomputed, view.in_force), 0
        # Of the positions whose tokens are at places 1 to i: sum, number, and how many are of another sampler.
        del self._sums[kept:]
        for place in range(kept, len(self._path)):
            total, count, other = self._sums[-1] if self._sums else (0.0, 0, 0)
            before = self._path.nodes[max(0, place - 1)]
            entropies = view.tree.entropies(before) if place else None
            if entropies is not None and not self._given(place):
                total, count = total + entropies[1], count + 1
                other += view.stale(before)
            self._sums.append((total, count, other))
        self._sum_theirs(kept)
        self._plot()

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

    # The chart -------------------------------------------------------------------------------------------------

    def _plot(self) -> None:
        """Makes the bars and lines of the positions that are in view."""
        room, height = self.columns - _AXIS, self.rows - 1 - bool(self._windows)
        if self.view is None or room < 1 or height < 1:
            self._chart = None
            return
        total = len(self._path)
        if self._beside is not None:
            total = max(total, self._beside.first + len(self._beside.nodes))
        first, last = self._window(total, room)
        chosen = int(not self.entropy)
        mine = dict(enumerate(self._path.nodes[first:last], first))
        lines: list[ChartLine] = []
        if self.view.partner is not None:
            theirs = ((place, self._partners(place)) for place in mine)
            known = {place: each[chosen] for place, each in theirs if each is not None}
            lines.append(ChartLine(PARTNER, known))
        if self._beside is not None:
            there = ((place, self._beside.at(place)) for place in range(first, last))
            other = {place: node for place, node in there if node is not None}
            values = self.view.entropies(other, truncated=not self.entropy)
            lines.append(ChartLine(BRANCH, values, dotted=True))
        self._chart = Bars(
            room,
            height,
            Fixed(height, self.entropy),
            self.view.entropies(mine, truncated=not self.entropy),
            None,
            kinds={place: self._kind(place) for place in mine},
            lines=lines,
            first=first,
            count=last - first,
        )

    @property
    def _windows(self) -> tuple[SamplerWindow, ...]:
        """Where the sampler has other settings; they have a row of their own where there is room for it."""
        view = self.view
        return () if view is None or self.rows < _ROWS_WITH_WINDOWS else view.sampler.windows

    def _window(self, total: int, room: int) -> tuple[int, int]:
        """The positions that are in view: all of them, or as many as fit around the cursor."""
        if self._away is None:
            self._first = len(self._path) - room
        self._first = first_in_view(self._first, self.place, total, room)
        return self._first, min(self._first + room, total)

    def _kind(self, place: int) -> str:
        nodes = self._path.nodes
        if self._forced(place + 1):
            return MARKED
        if place == self.place and (self._away is not None or place == len(nodes) - 1):
            return OPEN
        if self._stale(place) or self._given(place + 1):
            return OLD
        return OPEN if place == len(nodes) - 1 else BAR

    def _stale(self, place: int) -> bool:
        """Whether what is drawn at a place of the path is of another sampler: H(P) is of none."""
        return not self.entropy and self.now.stale(self._path.nodes[place])

    def _layers(self) -> dict[str, Style]:
        palette = self.palette
        return {
            BAR: palette.bar,
            MARKED: palette.forced,
            OPEN: palette.accent,
            OLD: palette.bar_past,
            BRANCH: palette.text,
            PARTNER: palette.good,
        }

    # The cursor ------------------------------------------------------------------------------------------------

    @property
    def place(self) -> int:
        """The position under the cursor."""
        last = max(0, len(self._path) - 1)
        return last if self._away is None else min(self._away, last)

    @property
    def away(self) -> bool:
        """Whether the cursor was moved away from the end."""
        return self._away is not None

    @property
    def beside(self) -> Apart | None:
        """The branch that is drawn over the bars."""
        return self._beside

    def target(self) -> int | None:
        """The node after whose token the position under the cursor stands."""
        return self._path.nodes[self.place] if self.view and self._path.nodes else None

    def count(self) -> int:
        return self.rows if self.view else 0

    def reveal(self) -> None:
        self.top = 0

    def select(self, row: int) -> bool:
        """Puts the cursor on a position: positions are what is selected here."""
        before, last = self.place, len(self._path) - 1
        place = max(0, min(row, last))
        self._away = place if place < last else None
        self._plot()
        self.refresh()
        return place != before

    def move(self, by: int) -> bool:
        return self.select(self.place + by)

    def roll(self, by: int) -> None:
        self.move(by)

    def to_last(self) -> None:
        self.select(len(self._path) - 1)

    def point(self, row: int, column: int) -> None:
        if self._chart is not None and column >= _AXIS:
            self.select(self._chart.place(column - _AXIS))

    # Edges -----------------------------------------------------------------------------------------------------

    def footing(self) -> str:
        view = self.view
        if view is None:
            return ""
        room = self.size.width - 6
        if self._away is not None:
            return next((form for form in self._said() if cell_len(form) <= room), "")
        partner, legend = self._of_partner(), self._of_branch()
        extras = [f"{legend} · {partner}"] if legend and partner else []
        extras += [each for each in (partner, legend) if each]
        forms = extras
        if view.responded is not None:
            # Not with the first frame: it needs NumPy.
            from bftui.ui.response_line import told

            response = told(view, view.responded)
            beside = [f"{extra} · {form}" for extra in extras for form in response.whole]
            forms = [*beside, *response.whole, *response.short]
        return next(
            (form for form in forms if cell_len(form) <= room), fit((forms or [""])[-1], room)
        )

    def _of_branch(self) -> str:
        """Names the branch that is drawn over the bars; "" without one."""
        if self._beside is None:
            return ""
        other = not self.entropy and any(map(self.now.stale, self._beside.nodes))
        return f"{glyphs().legend_dotted} {starred(fit(self._beside.name, _TOKEN), other)}"

    def _said(self) -> list[str]:
        """What stands under the cursor, the longest form first."""
        view, place = self.now, self.place
        nodes = self._path.nodes
        values = self._values_at(nodes[place])
        token = fit(view.label(view.tree.token_id(nodes[place + 1]) or 0), _TOKEN)
        source = view.tree.source(nodes[place + 1]).word
        long = f"pos {place:,}: {values} · {token} {source}"
        more = ""
        there = None if self._beside is None else self._beside.at(place)
        if there is not None:
            of = self._values_at(there)
            more += f" · {glyphs().legend_dotted} {of}"
        if view.partner is not None and (theirs := self._partners(place)) is not None:
            more += f" · {glyphs().legend_solid} {self._value(theirs)}"
        return [long + more, long, f"{place:,}: {values}"]

    def _values_at(self, node: int) -> str:
        entropies = self.now.tree.entropies(node)
        if entropies is None:
            return "–"
        return starred(self._value(entropies), not self.entropy and self.now.stale(node))

    def _value(self, entropies: tuple[float, float]) -> str:
        noise = self.now.noise
        if self.entropy:
            return f"H {nats(entropies[0], 2, noise)}"
        return f"BF {factor(math.exp(entropies[1]), noise)}"

    def _of_partner(self) -> str:
        """What the partner has at the open position and along the path; "" without one."""
        view = self.now
        if view.partner is None:
            return ""
        here = self._partners(len(self._path) - 1)
        now = factor(math.exp(here[1])) if here else "…"
        total, count = self._theirs[-1] if self._theirs else (0.0, 0)
        path = f" · path {factor(math.exp(total / count))}" if count else ""
        return f"{glyphs().legend_solid} partner now {now}{path}"

    def heading(self) -> str:
        if self.view is None or not self._path.nodes:
            return ""
        total, count, other = self._sums[-1]
        path = "path –"
        if count:
            path = starred(f"path {factor(math.exp(total / count))}", other > 0)
        following = self.view.next
        now = f"now {factor(following.bf, self.now.noise)}" if following else "now –"
        now = starred(now, self.now.stale(self.now.cursor))
        under = (
            "" if following is None or following.constraint is None else following.constraint.line()
        )
        if self.entropy and following:
            now += f" · H {nats(following.entropy, 2, self.now.noise)} nats"
        drawn = "H(P), nats" if self.entropy else "BF, log scale"
        found = self.view.rolled
        if found is not None and (drawn_here := found.result) is not None:
            path += f" · rollouts {fine(drawn_here.bf)}"
            path += f" {interval(drawn_here.ci)}" if drawn_here.ci else ""
            path += " so far" if found.running else ""
        short = f"{now} · {path}"
        forms = [f"{drawn} · {short}", short]
        if apart := self._apart():
            forms = [f"{drawn} · {short} · {apart}", f"{short} · {apart}", *forms]
        forms = [form.replace(now, f"{now} ({under})", 1) for form in forms if under] + forms
        room = self.size.width - len(self.HEADING or "") - 8
        return next((form for form in forms if cell_len(form) <= room), short)

    def _apart(self) -> str:
        """BF of the thinking, whose positions have a double line, and of the answer; "" where nothing thinks."""
        parts = self.now.thinking
        if parts is None:
            return ""
        return " · ".join(
            f"{name} {factor(part.bf)}"
            for name, part in ((f"{_THINKS} thinking", parts.thinking), ("answer", parts.answer))
            if part is not None
        )

    # Lines -----------------------------------------------------------------------------------------------------

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        chart, palette = self._chart, self.palette
        if chart is None:
            return None
        if row > chart.rows:
            line.add(" " * _AXIS)
            self._spans(chart, line)
            return None
        tick = chart.scale.ticks(chart.rows).get(row, "")
        line.add(f"{tick:>{_AXIS - 2}} ", palette.dim)
        if row < chart.rows:
            line.add("┤", palette.line)
            draw_cells(line, chart.row(row), self._layers(), palette.text)
        else:
            line.add("└", palette.line)
            self._axis(chart, line)
        return None

    def _axis(self, chart: Bars, line: LineBuilder) -> None:
        """Positions, ▲ where a token was forced, a double line where the text thinks, and the cursor."""
        palette, start = self.palette, line.at
        every = max(10, axis_step(chart.last - chart.first, line.room))
        signs: dict[int, tuple[str, Style]] = {}
        for place in range(chart.first, min(chart.last + 1, len(self._path.nodes))):
            if self._forced(place + 1):
                signs[place] = ("▲", palette.forced)
        if self._away is not None:
            sign, style = signs.get(self.place, ("◆", palette.accent))
            signs[self.place] = sign, style + _REVERSE
        columns = {chart.column(place) for place in signs}
        thinks = {
            start + chart.column(place)
            for block in self.now.blocks
            for place in range(max(block.start, chart.first), min(block.stop, chart.last + 1))
        }

        def rule(cells: int) -> None:
            for at in range(line.at, line.at + cells):
                line.add(
                    _THINKS if at in thinks else "─",
                    palette.accent if at in thinks else palette.line,
                )

        for place in range(chart.first, chart.last + 1):
            at = start + chart.column(place)
            if at < line.at:
                continue
            rule(at - line.at)
            name = f"{place}"
            if place in signs:
                line.add(*signs[place])
            elif (
                place % every == 0
                and line.room > len(name)
                and not columns & set(range(at - start, at - start + len(name)))
            ):
                line.add(name, palette.dim)
        rule(line.room)

    def _spans(self, chart: Bars, line: LineBuilder) -> None:
        """The windows of the sampler, each below its positions, with what it changes."""
        begun, palette = line.at, self.palette
        for each in self._windows:
            stop = chart.last + 1 if each.stop is None else min(each.stop, chart.last + 1)
            start = max(each.start, chart.first)
            if start >= stop:
                continue
            first, last = begun + chart.column(start), begun + chart.column(stop - 1)
            line.add(" " * max(0, first - line.at))
            cells = max(1, last - line.at + 1)
            inside = each.holds(self.place)
            text = fit(f"╶{window_told(each)}", cells) if cells > 1 else "╌"
            line.add(text.ljust(cells, "╌"), palette.accent if inside else palette.dim)

    def _given(self, place: int) -> bool:
        """Whether the token at this place of the path is of a user's turn."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.of_prompt(nodes[place])

    def _forced(self, place: int) -> bool:
        """Whether the token at this place of the path was forced."""
        nodes = self._path.nodes
        return place < len(nodes) and self.now.tree.source(nodes[place]).word == "forced"


def interval(ci: tuple[float, float]) -> str:
    """A 95 % interval of a branching factor."""
    return f"[{fine(ci[0])}, {fine(ci[1])}]"
