"""The valid ways on from the cursor: P of each, its rank, and the share of valid answers behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.style import Style

from bftui.results.calibration_words import share
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import LineBuilder, bar, fit, probability
from bftui.ui.panes.pane import Pane
from bftui.workbench.valid_shown import UNKNOWN_END

if TYPE_CHECKING:
    from bftui.core.valid.node_reading import NodeReading
    from bftui.core.valid.token_trie import Edge
    from bftui.ui.panes.valid_pane import ValidHere
    from bftui.ui.themes.theme_styles import Palette
    from bftui.ui.view import View
    from bftui.workbench.valid_shown import ValidShown

_WORD = 16
_WIDE = 90
"""Cells of a line that has room for words about the shares."""
_MUCH = 2.0
"""From so many times its share on a way on is told to have too much."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way on.

    Attributes:
        token_ids: its tokens, the best first.
        completions: valid answers behind it.
        answers: its share of those that go on from here.
        p, rank: P of it, and the rank of its best token; None where that is not known.
        within: its share of P of all valid tokens here; None where one of them is not known.
        kept: whether P~ keeps it; None where that is not known.
        ends: whether an answer ends with it.
    """

    token_ids: tuple[int, ...]
    completions: int
    answers: float
    p: float | None
    rank: int | None
    within: float | None
    kept: bool | None
    ends: bool

    @property
    def times(self) -> float | None:
        """P within the valid tokens over the share of answers."""
        return None if self.within is None else self.within / self.answers


class WaysPane(Pane):
    """A table of `Way`, the most probable first."""

    NAME = "ways"
    HEADING = "valid ways on"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.selected = 1
        self._ways: tuple[Way, ...] = ()
        self._at: tuple[int, ...] | None = None

    def show_valid(self, valid: ValidShown | None, here: ValidHere) -> None:
        """Brings it up to date; a way that was selected stays selected at its place."""
        ids = None if here.place is None else here.place.ids
        chosen = self.chosen() if ids == self._at else None
        self._at = ids
        self._ways = ways(self.now, valid, here)
        found = [each.token_ids for each in self._ways]
        self.selected = 1
        if chosen is not None and chosen.token_ids in found:
            self.selected = 1 + found.index(chosen.token_ids)
        self.reveal()
        self.refresh()

    def chosen(self) -> Way | None:
        """The selected way."""
        place = self.selected - 1
        return self._ways[place] if 0 <= place < len(self._ways) else None

    def count(self) -> int:
        return 1 + len(self._ways)

    def select(self, row: int) -> bool:
        # The first line is the heading of the columns.
        return super().select(max(1, row))

    def reveal(self) -> None:
        super().reveal()
        if self.selected <= 1:
            # The heading of the columns stands over the first way.
            self.top = 0

    def footing(self) -> str:
        return (
            f"bar: of valid, P within the valid tokens · {glyphs().guide} answers, N over N here"
            if self._ways
            else ""
        )

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette = self.palette
        room = max(4, line.width - _WORD - (55 if line.width >= _WIDE else 49))
        if row == 0:
            if not self._ways:
                line.add("no valid token comes next here", palette.dim)
                return None
            line.add(f"  {'way on':<{_WORD}}{'':<{room}}{'P':>7}{'rank':>7}", palette.dim)
            line.add(f"{'of valid':>10}{'answers':>9}{'N':>6}  ", palette.dim)
            return None
        way = self._ways[row - 1]
        name = "■ end" if way.ends else self.now.label(way.token_ids[0])
        kept = way.kept is not False
        style = palette.text if kept else palette.dim
        line.add("▸ " if row == self.selected else "  ", palette.accent)
        line.add(set_cell_size(fit(name, _WORD - 1), _WORD), palette.accent if way.ends else style)
        start = line.at
        self._bar(way, line, room - 1)
        line.to(start + room)
        line.add(f"{'–' if way.p is None else probability(way.p):>7}", style)
        line.add(f"{'–' if way.rank is None else f'#{way.rank}':>7}", palette.dim)
        line.add(f"{'–' if way.within is None else share(way.within):>10}", style)
        line.add(f"{share(way.answers):>9}{way.completions:>6}  ", palette.dim)
        self._judged(way, line)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _bar(self, way: Way, line: LineBuilder, room: int) -> None:
        """P within the valid tokens, held against the share of answers."""
        if way.within is None:
            return
        palette = self.palette
        most = max(max(each.within or 0.0, each.answers) for each in self._ways)
        style = palette.bar_past if way.kept is False else palette.bar
        cells = bar(way.within / most, room).ljust(room)
        at = min(room - 1, int(way.answers / most * room))
        line.add(cells[:at], style).add(glyphs().guide, palette.good).add(cells[at + 1 :], style)

    def _judged(self, way: Way, line: LineBuilder) -> None:
        times = way.times
        if times is None:
            return
        role = "forced" if times >= _MUCH else "accent" if times <= 1 / _MUCH else "good"
        told = (
            f"×{times:.2f}"
            if times < 0.995
            else f"×{times:.1f}"
            if times < 9.95
            else f"×{times:.0f}"
        )
        line.add(told, getattr(self.palette, role))
        word = {"forced": " much", "accent": " little"}.get(role, "")
        if line.width >= _WIDE:
            line.add(word, getattr(self.palette, role))


def ways(view: View, valid: ValidShown | None, here: ValidHere) -> tuple[Way, ...]:
    """The ways on from the cursor, the most probable first; P from the reading, else from the stored candidates."""
    number = None if here.place is None else here.place.number
    node = None if valid is None else valid.trie_node(number)
    if node is None:
        return ()
    reading = here.reading
    found = []
    for place, edge in enumerate(node.edges):
        p, rank, kept = _stored(view, edge) if reading is None else _read(reading, place)
        answers = edge.completions / node.completions
        found.append((edge, answers, p, rank, kept))
    mass = sum(p for *_, p, _, _ in found if p is not None)
    whole = mass > 0 and all(p is not None for *_, p, _, _ in found)
    made = [
        Way(
            edge.token_ids,
            edge.completions,
            answers,
            p,
            rank,
            p / mass if whole and p is not None else None,
            kept,
            edge.child is None,
        )
        for edge, answers, p, rank, kept in found
    ]
    return tuple(sorted(made, key=lambda way: (-(way.p or 0.0), way.token_ids)))


_Known = tuple[float | None, int | None, bool | None]


def _read(reading: NodeReading, place: int) -> _Known:
    p = math.exp(float(reading.logprobs[place]))
    return p, int(reading.ranks[place]), bool(reading.kept_ids[0][place])


def _stored(view: View, edge: Edge) -> _Known:
    following = view.next
    if following is None or edge.token_ids == (UNKNOWN_END,):
        return None, None, None
    ids = following.top_ids.tolist()
    ranks = [ids.index(i) for i in edge.token_ids if i in ids]
    if len(ranks) < len(edge.token_ids):
        return None, None, None
    p = sum(math.exp(float(following.top_logprobs[rank])) for rank in ranks)
    return p, min(ranks) + 1, min(ranks) < following.kept
