"""Where two models differ along a text: shares and a curve, the positions, and the tokens that shifted most often.

The classes and curves are those of Lin et al. (ICLR 2024, arXiv 2312.01552). Whose text it is says the heading: an
answer of the partner in the base's distributions, or the visible path in the partner's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from bftui.core.text import label
from bftui.ui.drawing.bars import Bars
from bftui.ui.drawing.chart import Linear
from bftui.ui.drawing.line_builder import LineBuilder, fit, probability
from bftui.ui.drawing.shift_style import SIGNS, WITHIN, kind_style
from bftui.ui.panes.curve_pane import CurvePane, Part
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Author, Kind
    from bftui.core.pair.shift_summary import Position

_ENDED = {
    "eog": "the answer ends by itself",
    "stop": "the answer ends at a stop string",
    "length": "cut at its length",
    "context": "cut where a context is full",
    "given": "",
}
_ROLES: dict[Kind, str] = {"unshifted": "text", "marginal": "good", "shifted": "forced"}
_BYTES = 120
_TEXT = 40
"""Cells of a token, so that its numbers stand near it."""
_ROOMY = 90
"""Cells from which on shares stand further apart."""
_NUMBER, _OWN = 8, 10
"""Cells of a divergence, and of a number of the model that wrote the text."""
_NAME = 40
"""Cells of a model's name in a legend."""
_NOTHING = ("0.000", "–")
"""Divergences that are drawn dim."""


@dataclass(frozen=True, slots=True)
class ShiftReading:
    """A text that both models read.

    Attributes:
        author: who wrote it.
        rows: its positions.
        ended: why it is not longer; None where nobody knows or cares.
        doing: what is being done, or why there is not more; "".
        reader: the name of the model that did not write it.
    """

    author: Author
    rows: tuple[Position, ...]
    ended: str | None
    doing: str
    reader: str

    @property
    def apart(self) -> bool:
        """Whether there are divergences: only models with one vocabulary have them."""
        return not self.rows or any(row.compared.kl_partner_base is not None for row in self.rows)


class ShiftPane(CurvePane):
    """Shares, and KL or P over the positions."""

    NAME = "shift"
    HEADING = "shift"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.by_p = False
        self._read: ShiftReading | None = None
        self._about = ""

    def show_read(self, read: ShiftReading, about: str) -> None:
        """Brings it up to date; `about` says whose text it is."""
        self._read, self._about = read, about
        self.replot()

    @property
    def apart(self) -> bool:
        """Whether there are divergences to draw."""
        return self._read is None or self._read.apart

    def toggle(self) -> None:
        """P instead of KL, or back."""
        self.by_p = not self.by_p
        self.replot()

    def heading(self) -> str:
        return fit(self._about, max(0, self.size.width - 16))

    def footing(self) -> str:
        read = self._read
        return "" if read is None else read.doing or _ENDED.get(read.ended or "", "")

    def plot(self) -> tuple[list[list[Part]], Bars | None, list[Part]]:
        read = self._read
        if read is None or not read.rows:
            doing = read.doing if read and read.doing else "nothing is read yet"
            then = "then: how many tokens shifted, and how far both models are apart at each"
            return [[("dim", fit(text, self.columns))] for text in (doing, then)], None, []
        head = [self._shares(read)]
        by_p = self.by_p or not read.apart
        if not read.apart:
            told = "the two vocabularies differ: there are ranks and P, but no divergence"
            head.append([("dim", fit(told, self.columns))])
        found = (
            (row.position, row.scored.prob if by_p else row.compared.kl_partner_base)
            for row in read.rows
        )
        values = {place: value for place, value in found if value is not None}
        scale = Linear(1.0) if by_p else Linear.around([*values.values()])
        shifted = {row.position: SIGNS["shifted"] for row in read.rows if row.kind == "shifted"}
        bars = self.bars(scale, head, values, shifted, choose=min if by_p else max)
        what = f"P in {fit(read.reader, _NAME)}" if by_p else "KL(partner‖base), nats"
        if bars.together > 1:
            what += f", {'least' if by_p else 'most'} of {bars.together} tokens"
        legend = [
            *(("accent", "█"), ("dim", f" {what}   ")),
            *(("forced", f"█ {SIGNS['shifted']}"), ("dim", " shifted")),
        ]
        return head, bars, legend

    def _shares(self, read: ShiftReading) -> list[Part]:
        counts, total = Counter(row.kind for row in read.rows), len(read.rows)
        parts: list[Part] = []
        gap = "   " if self.columns >= _ROOMY else "  "
        for kind, sign in SIGNS.items():
            found = counts[kind]
            parts += [(_ROLES[kind], f"{sign} {kind} {found:,}")]
            parts += [("dim", f" · {100 * found / total:.0f} %{gap}")]
        within = sum(row.within_noise for row in read.rows)
        if within:
            named = f"{WITHIN} {within:,} within the noise floor"
            taken = sum(cell_len(text) for _, text in parts)
            parts += [("dim", fit(named, max(0, self.columns - taken)))]
        return parts


class PositionsPane(Pane):
    """One position a line, under a line that names the columns."""

    NAME = "positions"
    EMPTY = (
        "each token of the text: its rank and P in the model that did not write it, its class by that rank, and how "
        "far the two distributions before it are apart"
    )

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._all: tuple[Position, ...] = ()
        self._reader = ""
        self._apart = True

    @property
    def ready(self) -> bool:
        return bool(self._all)

    @property
    def rows(self) -> int:
        return max(1, self.size.height - 3)

    def show_read(self, read: ShiftReading) -> None:
        """Brings it up to date; the selection keeps its line."""
        if (read.rows, read.reader) != (self._all, self._reader):
            self._all, self._reader, self._apart = read.rows, read.reader, read.apart
            self.selected = min(self.selected, max(0, len(read.rows) - 1))
            self.reveal()
            self.refresh()

    def chosen(self) -> tuple[int, Position] | None:
        """The selected line."""
        return (self.selected, self._all[self.selected]) if self._all else None

    def step_shifted(self, by: int) -> bool:
        """Selects the next shifted position, or with -1 the one before; False where there is none."""
        places = [place for place, row in enumerate(self._all) if row.kind == "shifted"]
        if by < 0:
            found = next((place for place in reversed(places) if place < self.selected), None)
        else:
            found = next((place for place in places if place > self.selected), None)
        if found is not None:
            self.select(found)
        return found is not None

    def count(self) -> int:
        return len(self._all)

    def point(self, row: int, column: int) -> None:
        if row > 0:
            super().point(row - 1, column)

    def heading(self) -> str:
        return fit(f"rank and P in {self._reader}", max(0, self.size.width - 20))

    def _line(self, y: int) -> Strip:
        if y:
            return super()._line(y - 1)
        line = LineBuilder(self.columns, self.palette.text)
        more = ("KL p‖b", "KL b‖p", "JS") if self._apart else ("own rank", "own P")
        self._columns(line, self.palette.dim, ("pos", "token", "rank", "class", "P", *more))
        return line.strip()

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        each, palette = self._all[row], self.palette
        compared, scored, own = each.compared, each.scored, each.written
        own_p = probability(own.prob, self.now.noise_of(each.author))
        nats = (compared.kl_partner_base, compared.kl_base_partner, compared.js)
        values = (
            f"{each.position}",
            label(each.text[:_BYTES]) if each.text else "(nothing)",
            f"{scored.rank:,}",
            f"{SIGNS[each.kind]} {each.kind}{WITHIN if each.within_noise else ''}",
            probability(scored.prob, self.now.noise_beside(each.author)),
            *(map(_nats, nats) if self._apart else (f"{own.rank:,}", own_p)),
        )
        self._columns(line, palette.text, values, kind_style(palette, each.kind))
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _columns(
        self, line: LineBuilder, style: Style, values: Sequence[str], kind: Style | None = None
    ) -> None:
        """A line in columns: what stands after P as far as there is room."""
        place, text, rank, name, p, *more = values
        palette = self.palette
        fixed = 5 + 7 + 13 + 7
        number = _NUMBER if self._apart else _OWN
        shown = max(0, min(len(more), (line.width - fixed - 14) // number))
        room = min(_TEXT, line.width - fixed - shown * number)
        line.add(f"{place:>4} ", palette.dim)
        start = line.at
        line.add(fit(text, room - 1), style).to(start + room)
        line.add(f"{rank:>6} ", kind or style).add(f" {name:<12}", kind or style)
        line.add(f"{p:>6} ", style)
        for value in more[:shown]:
            nothing = kind is None or value in _NOTHING
            line.add(f"{value:>{number}}", palette.dim if nothing else style)


class MostShiftedPane(Pane):
    """The texts that shifted, the most frequent first."""

    NAME = "most"
    HEADING = "most shifted"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._counts: list[tuple[str, int]] = []

    def show_rows(self, rows: tuple[Position, ...]) -> None:
        """Brings it up to date."""
        found = Counter(label(row.text[:_BYTES]) for row in rows if row.kind == "shifted")
        # A dictionary keeps the order of the text: of equally many the first one comes first.
        counts = sorted(found.items(), key=lambda item: -item[1])
        if counts != self._counts:
            self._counts = counts
            self.reveal()
            self.refresh()

    def count(self) -> int:
        return max(1, len(self._counts))

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        if not self._counts:
            line.add(fit("no token is shifted", line.room), self.palette.dim)
            return None
        text, count = self._counts[row]
        line.add(f"{count:>3}× ", self.palette.dim).add(fit(text, line.room), self.palette.forced)
        return self.palette.cursor if row == self.selected and self.has_focus else None


def _nats(value: float | None) -> str:
    """A divergence in at most seven cells."""
    if value is None:
        return "–"
    return f"{value:.3f}" if math.isfinite(value) else "∞"
