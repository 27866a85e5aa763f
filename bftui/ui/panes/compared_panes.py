"""Two paths side by side: their numbers and curves on one axis, and both texts, what they share dimmed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.cells import cell_len
from rich.style import Style

from bftui.core.noise_floor import factor, fine, nats
from bftui.core.text import counted
from bftui.ui.drawing.bars import BAR, MARKED, Bars, ChartLine
from bftui.ui.drawing.chart import Fixed, first_in_view
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import OTHER_SAMPLER, LineBuilder, fit, starred
from bftui.ui.drawing.text_layout import FORCED, NUDGED, TextLayout
from bftui.ui.panes.curve_pane import LABEL, CurvePane, Part, wrapped
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.panes.text_shading import SURPRISAL_TOP, Shading, token_style
from bftui.ui.path_comparison import BranchPair, BranchSide
from bftui.ui.themes.theme_styles import RAMP_TOP, Palette
from bftui.ui.view import View
from bftui.workbench.keys import hint

TOGETHER, OTHER, CURSOR = "together", "other", "cursor"
"""Bars that both have, the line of the second path, and the bar under the cursor."""

SHADINGS = (Shading.ENTROPY, Shading.SURPRISAL, Shading.AUTHOR)

_NAME = 18
_TOKEN = 14
"""Cells of a token that is named."""
_ROOMY = 100
_SHARED = 200
"""Tokens before the parting that are shown; of a prompt as many."""
_HERE, _END = "▮", "■"
_OTHERS_FORCED = "△"
_BY = {"nudged": "partner", "prompt": "given"}


class ComparedPane(CurvePane):
    """The numbers of both, and BF or entropy over the positions: bars for the first path, dots for the other."""

    NAME = "compared"
    HEADING = "compare"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.entropy = False
        self.place = 0
        self.pair: BranchPair | None = None
        self._first = 0

    def show_pair(self, pair: BranchPair | None, place: int) -> None:
        """Brings it up to date; `place` is the position under the cursor."""
        self.pair, self.place = pair, place
        self.replot()

    def point(self, row: int, column: int) -> None:
        if self._chart is not None and column >= LABEL:
            self.place = self._chart.place(column - LABEL)

    def heading(self) -> str:
        if self.pair is None:
            return self.now.model_name
        drawn = "H(P), nats" if self.entropy else "BF, log scale"
        whole = f"{self.now.model_name} · {drawn}"
        return whole if cell_len(whole) <= self.columns - 14 else drawn

    def plot(self) -> tuple[list[list[Part]], Bars | None, list[Part]]:
        pair, view = self.pair, self.now
        if pair is None:
            return self._empty(), None, []
        head = [self._parting(pair), *self._table(pair)]
        rows = self.chart_rows(head)
        first, last = self._window(pair.positions)
        nodes = (dict(enumerate(side.nodes[first:last], first)) for side in pair.sides)
        mine, other = (view.entropies(each, truncated=not self.entropy) for each in nodes)
        signs = {
            place: sign
            for side, sign in zip(reversed(pair.sides), (_OTHERS_FORCED, FORCED), strict=True)
            for place in range(first, min(last, len(side.nodes) - 1))
            if view.tree.source(side.nodes[place + 1]).word == "forced"
        }
        kinds = {
            place: CURSOR if place == self.place else (TOGETHER if place < pair.parted else BAR)
            for place in mine
        }
        after = {place: value for place, value in other.items() if place >= pair.parted}
        chart = self.bars(
            Fixed(rows, self.entropy),
            head,
            mine,
            signs | {self.place: "◆"},
            kinds=kinds,
            lines=(ChartLine(OTHER, after, dotted=True),),
            first=first,
            count=last - first,
        )
        return head, chart, self._legend_of(pair)

    def _empty(self) -> list[list[Part]]:
        forms = (
            "Two branches side by side: where they part, both texts, and BF along each.",
            "",
            "There is one path so far. Leave this with esc, then go back with {back} and sample again with {step},",
            "or force a text with {force}: every branch stays, and {compare} compares them.",
            "A place that is marked with {mark} is what {compare} compares with.",
        )
        found: list[list[Part]] = []
        for form in forms:
            found += [[("dim", line)] for line in wrapped(hint(form), self.columns)]
        return found

    def _window(self, positions: int) -> tuple[int, int]:
        """The positions that are in view: all, or as many as fit around the cursor."""
        room = max(1, self.columns - LABEL)
        self._first = first_in_view(self._first, self.place, positions, room)
        return self._first, min(self._first + room, positions)

    def inks(self) -> Mapping[str, Style]:
        palette = self.palette
        return {
            **super().inks(),
            BAR: palette.bar,
            TOGETHER: palette.bar_past,
            CURSOR: palette.accent,
            OTHER: palette.text,
            MARKED: palette.forced,
        }

    # Words -----------------------------------------------------------------------------------------------------

    def _parting(self, pair: BranchPair) -> list[Part]:
        if not pair.parted:
            return [("text", fit("two prompts: the paths have nothing in common", self.columns))]
        names = [self._token(side, pair.parted) for side in pair.sides]
        shared = pair.parted - 1
        begin = (
            f"together for {counted(shared, 'token')}, then "
            if shared
            else "from the first token on "
        )
        if pair.parted >= min(len(side.nodes) for side in pair.sides):
            ended = [side.name for side in pair.sides if len(side.nodes) <= pair.parted]
            told = (
                f"{ended[0]} is at its end"
                if len(ended) == 1
                else "both are at their end: one text"
            )
            return [("text", fit(f"{begin}{told}", self.columns))]
        told = f"{begin}{names[0]} against {names[1]}"
        return [("text", fit(told, self.columns))]

    def _token(self, side: BranchSide, depth: int) -> str:
        if depth >= len(side.nodes):
            return "nothing"
        token = self.now.tree.token_id(side.nodes[depth])
        return "a prompt" if token is None else f"“{fit(self.now.label(token), _TOKEN)}”"

    def _table(self, pair: BranchPair) -> list[list[Part]]:
        """A line of headings, and one for each path; columns that do not fit are left out from the right."""
        wide = self.columns >= _ROOMY
        rows = [
            ("", "BF since", "mean H(P~)", "BF path", "tokens", "by, since" if wide else "by"),
            *(self._numbers(side) for side in pair.sides),
        ]
        keys = (("", ""), ("bar", "█ "), ("text", f"{glyphs().legend_dotted} "))
        widths = (_NAME + 4 if wide else _NAME, 10, 12, 9, 8)
        lines = []
        for number, (row, (role, sign)) in enumerate(zip(rows, keys, strict=True)):
            plain = "dim" if number == 0 else "text"
            line: list[Part] = [(role or "dim", sign.ljust(3))]
            line.append((plain, fit(row[0], widths[0] - 1).ljust(widths[0])))
            used = 3 + widths[0]
            for place, (text, width) in enumerate(zip(row[1:], widths[1:], strict=False)):
                if used + width > self.columns:
                    break
                bold = "title" if number and place == 0 else plain
                line.append((bold, text.rjust(width)))
                used += width
            else:
                line.append(("dim", fit(f"   {row[-1]}", max(0, self.columns - used))))
            lines.append(line)
        return lines

    def _numbers(self, side: BranchSide) -> tuple[str, ...]:
        since, whole = side.since, side.whole
        by = ", ".join(f"{count:,} {_BY.get(word, word)}" for word, count in side.authors.items())
        notes = [by or "nothing", _END + " ended" if side.ended else ""]
        if side.stale:
            notes.append(f"{OTHER_SAMPLER} {side.stale:,} of another sampler")
        return (
            side.name,
            starred(fine(since.bf), side.stale_since) if since else "–",
            starred(f"{since.entropy:.3f}", side.stale_since) + " nats" if since else "–",
            starred(fine(whole.bf), side.stale > 0) if whole else "–",
            f"{side.tokens:,}",
            " · ".join(note for note in notes if note),
        )

    def _legend_of(self, pair: BranchPair) -> list[Part]:
        mine, other = (fit(side.name, _NAME) for side in pair.sides)
        return [
            *(("bar", "█"), ("dim", f" {mine}   ")),
            *(("text", glyphs().legend_dotted), ("dim", f" {other}   ")),
            *(("bar_past", "█"), ("dim", " both   ")),
            *(("forced", f"{FORCED} {_OTHERS_FORCED}"), ("dim", " forced")),
        ]

    def footing(self) -> str:
        pair = self.pair
        if pair is None:
            return ""
        parts = [f"pos {self.place:,}"]
        for sign, side in zip(("█", glyphs().legend_dotted), pair.sides, strict=True):
            parts.append(f"{sign} {self._at(side)}")
        whole = " · ".join(parts)
        return whole if cell_len(whole) <= self.columns else fit(whole, self.columns)

    def _at(self, side: BranchSide) -> str:
        """What one path has at the cursor."""
        if self.place >= len(side.nodes):
            return "past its end"
        entropies = self.now.tree.entropies(side.nodes[self.place])
        if entropies is None:
            return f"{_END} the text ends"
        other = self.now.stale(side.nodes[self.place])
        noise = self.now.noise
        bf = starred(f"BF {factor(math.exp(entropies[1]), noise)}", other)
        value = f"H {nats(entropies[0], 2, noise)}" if self.entropy else bf
        drawn = self._token(side, self.place + 1) if self.place + 1 < len(side.nodes) else "open"
        if self.place + 1 < len(side.nodes):
            word = self.now.tree.source(side.nodes[self.place + 1]).word
            drawn += f" {_BY.get(word, word)}"
        return f"{value} {drawn}"


class BranchPane(ReadingPane, can_focus=False):
    """The text of one path: what both have is dimmed, the rest shaded; its cursor is the chart's."""

    def __init__(self, palette: Palette, view: View, name: str) -> None:
        self.NAME = self.HEADING = name
        super().__init__(palette, view)
        self.shading = Shading.ENTROPY
        self._side: BranchSide | None = None
        self._parted = 0
        self.place = 0
        self._start = 0
        self._lead = 0
        self._layout = TextLayout(1)

    def show_side(self, side: BranchSide | None, parted: int, place: int) -> None:
        """Brings it up to date; `place` is the position under the cursor."""
        fresh = side != self._side or parted != self._parted
        self._side, self._parted, self.place = side, parted, place
        self.HEADING = self.NAME if side is None else fit(side.name, _NAME)
        if fresh:
            self._wrap()
        self._follow()
        self.refresh()

    def shade_by(self, shading: Shading) -> None:
        """Shades by something else from now on."""
        self.shading = shading
        self.refresh()

    def point(self, row: int, column: int) -> None:
        if self._side is not None and 0 <= row < self.count():
            token = self._layout.token_at(row, column)
            self.place = max(0, token - self._lead + self._start - 1)

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self._wrap()
        self._follow()

    def _wrap(self) -> None:
        side, view = self._side, self.now
        # A cell is left for the sign at the end.
        self._layout = TextLayout(max(1, self.columns - 1))
        if side is None:
            return
        self._start = max(1, self._parted - _SHARED)
        lead: list[bytes] = []
        if self._start == 1:
            ids = view.tree.prompt_ids(side.nodes[0])[-_SHARED:]
            lead = [view.session.model.token_bytes(token) for token in ids]
        self._lead = len(lead)
        nodes = side.nodes[self._start :]
        marks = {
            self._lead + i: FORCED if node in view.session.state.force_starts else NUDGED
            for i, node in enumerate(nodes)
            if node in view.session.state.force_starts or view.begins_nudge(node)
        }
        self._layout.replace(0, [*lead, *(view.bytes(node) for node in nodes)], marks)

    def _token(self, place: int) -> int:
        """The token of the layout that stands at a place of the path."""
        return self._lead + place - self._start

    def _follow(self) -> None:
        """Scrolls so that the token at the cursor is in view, with what comes before it."""
        if self._side is None or not len(self._layout):
            return
        token = max(0, min(self._token(self.place + 1), len(self._layout) - 1))
        row = self._layout.line_of(token)
        if not self.top <= row < self.top + self.rows:
            self.top = row - self.rows // 2
        self.top = max(0, min(self.top, self.count() - self.rows))

    def count(self) -> int:
        return len(self._layout.lines) if self._side else 0

    def heading(self) -> str:
        return "" if self._side is None else counted(self._side.tokens, "token")

    def footing(self) -> str:
        forms = {
            Shading.ENTROPY: f"shade: H 0 to {RAMP_TOP:g} nats",
            Shading.SURPRISAL: f"shade: surprisal 0 to {SURPRISAL_TOP:g} nats",
            Shading.AUTHOR: "▲ forced · ◇ partner · greedy: slanted",
        }
        return fit(forms.get(self.shading, ""), max(0, self.columns - 2))

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        side = self._side
        if side is None:
            return None
        at = self._token(self.place + 1)
        for piece in self._layout.lines[row].pieces:
            style = self._style(side, piece.token)
            line.add(piece.text, style + Style(reverse=True) if piece.token == at else style)
        if row == self.count() - 1:
            style = self.palette.accent
            if self.place == len(side.nodes) - 1:
                style += Style(reverse=True)
            line.add(_END if side.ended else _HERE, style)
        return None

    def _style(self, side: BranchSide, token: int) -> Style:
        view, palette = self.now, self.palette
        place = token - self._lead + self._start
        if token < self._lead or place < self._parted or view.tree.of_prompt(side.nodes[place]):
            return palette.dim
        node, before = side.nodes[place], side.nodes[place - 1]
        return token_style(view, palette, self.shading, before, node)
