"""A tree of continuations that grows: its numbers by depth, its most probable paths, and its most probable texts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from bftui.core.noise_floor import factor
from bftui.core.text import counted
from bftui.results.horizon_result import SHARES, HorizonDepth, HorizonText
from bftui.results.horizon_words import ending, held, unexplored
from bftui.ui.drawing.line_builder import LineBuilder, fit, probability
from bftui.ui.panes.pane import LinesPane, Pane
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View

if TYPE_CHECKING:
    from bftui.core.horizon import DepthNumbers, MergedText, Text
    from bftui.core.horizon_rows import GrownRow
    from bftui.workbench.grown_shown import GrownShown

_HEAD = 14
"""Cells that name a row of numbers."""
_COLUMN = 9
_RIGHT = 16
"""Cells of a row's probability, BF and sign."""

_SIGNS = {"read": " ", "open": "?", "text": "→", "ended": "■", "rest": " "}


class GrownNumbersPane(LinesPane):
    """Draws what `show_grown` was given last."""

    NAME = "grown-numbers"
    HEADING = "tree BF by depth"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._shown: GrownShown | None = None

    def show_grown(self, shown: GrownShown | None) -> None:
        """Brings it up to date."""
        self._shown = shown
        self.renew()

    def heading(self) -> str:
        shown = self._shown
        if shown is None:
            return self.now.model_name
        state = f"grows {shown.share:.0%}" if shown.running else "still"
        return f"{self.now.model_name} · {counted(shown.nodes, 'node')} · {state}"

    def make(self) -> Sequence[Sequence[tuple[str, str]]]:
        shown = self._shown
        if shown is None or not shown.numbers:
            return [[("dim", "nothing was read yet")]]
        picked = _picked(shown.numbers, max(1, (self.columns - _HEAD) // _COLUMN))
        lines = [
            [
                ("dim", f"{'depth':<{_HEAD}}"),
                ("dim", "".join(f"{each.depth:>{_COLUMN}}" for each in picked)),
            ],
            _row("tree BF  from", [factor(each.bf_low) for each in picked], "text"),
            _row("           to", [_upper(each.bf_high) for each in picked], "text"),
            _row("texts known", [_count(each.texts) for each in picked], "dim"),
            _row("unexplored", [unexplored(each.mass) for each in picked], "accent"),
        ]
        if shown.result is not None:
            parts = [f"{float(name):.0%}: {held(shown.result, name)}" for name in SHARES]
            lines.append([("text", f"texts that hold  {'   '.join(parts)}")])
            lines.append([("dim", fit(ending(shown.result), self.columns))])
        return lines


def _row(name: str, cells: Sequence[str], role: str) -> list[tuple[str, str]]:
    return [("dim", f"{name:<{_HEAD}}"), (role, "".join(f"{each:>{_COLUMN}}" for each in cells))]


def _picked(
    numbers: Sequence[DepthNumbers | HorizonDepth], most: int
) -> list[DepthNumbers | HorizonDepth]:
    """All depths, or as many as there is room for: the first ones close together, the last one in any case."""
    if len(numbers) <= most:
        return list(numbers)
    steps = {round(len(numbers) ** (place / max(1, most - 1))) for place in range(most)}
    return [numbers[depth - 1] for depth in sorted(steps)]


def _upper(value: float) -> str:
    return factor(value) if value < 1e6 else f"{value:.0e}" if value < 1e300 else "∞"


def _count(value: int) -> str:
    return f"{value:,}" if value < 10**7 else f"{value:.1e}"


class GrownPane(Pane):
    """The most probable paths; a chain without a fork is one row, and what is left out of a fork another."""

    NAME = "grown"
    HEADING = "continuations"
    EMPTY = (
        "all continuations of this place, the most probable first, each with the probability of its path: {grow} grows "
        "them, {enter} makes one a branch"
    )

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._shown: GrownShown | None = None
        self._texts: dict[tuple[int, ...], str] = {}

    @property
    def ready(self) -> bool:
        return bool(self._rows)

    @property
    def _rows(self) -> tuple[GrownRow, ...]:
        return () if self._shown is None else self._shown.rows

    def show_grown(self, shown: GrownShown | None) -> None:
        """Brings it up to date; the path that was selected stays selected, the first row stays the first."""
        if shown is self._shown:
            return
        chosen = self.chosen() if self.selected else None
        self._shown = shown
        if chosen is not None:
            size, found = len(chosen.path), 0
            for row, each in enumerate(self._rows):
                if each.path[:size] == chosen.path and (each.kind == "rest") == (
                    chosen.kind == "rest"
                ):
                    found = row
                    break
            self.selected = found
        self.selected = max(0, min(self.selected, self.count() - 1))
        self.reveal()
        self._refresh_what_changed()

    def chosen(self) -> GrownRow | None:
        """The selected row."""
        return self._rows[self.selected] if self.selected < self.count() else None

    def count(self) -> int:
        return len(self._rows)

    def heading(self) -> str:
        return "path P~ · BF after it"

    def footing(self) -> str:
        place = super().footing()
        signs = "■ ended  → whole depth  ? not read"
        forms = (f"{signs} · {place}" if place else signs, place)
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), "")

    def same(self, row: int) -> Hashable:
        return self._rows[row]

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, each = self.palette, self._rows[row]
        line.add(_guides(each.last, self.columns // 8), palette.line)
        room = max(4, line.room - _RIGHT)
        if each.kind == "rest":
            line.add(fit(f"⋯ {counted(each.count, 'token')} more", room), palette.dim)
        else:
            line.add(fit(self._text(each, room), room), palette.text)
        bf = "" if each.bf is None else factor(each.bf)
        style = palette.dim if each.kind == "rest" else palette.text
        line.right(f"{probability(each.prob):>7} {bf:>5} {_SIGNS[each.kind]}", style)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _text(self, row: GrownRow, room: int) -> str:
        """What the row writes: of a chain the beginning, as many tokens as can fit."""
        ids = row.path[len(row.path) - row.chain :]
        # The token that ends a text is its sign.
        ids = ids[:-1] if row.kind == "ended" and len(ids) > 1 else ids
        shown = ids[:room]
        text = self._texts.get(shown)
        if text is None:
            text = self._texts[shown] = self.now.text(shown)
        return text


def _guides(last: tuple[bool, ...], most: int) -> str:
    shown = last[-most:]
    head = "‹ " if len(shown) < len(last) else ""
    *above, own = shown
    return head + "".join("   " if ends else "│  " for ends in above) + ("└─ " if own else "├─ ")


class GrownTextsPane(Pane):
    """The most probable texts of the whole depth; those of the same bytes are one, where that is asked for."""

    NAME = "grown-texts"
    HEADING = "texts"
    EMPTY = "the most probable texts, when the tree stands still"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.merged = False
        self._shown: GrownShown | None = None

    @property
    def _rows(self) -> Sequence[Text | MergedText | HorizonText]:
        shown = self._shown
        return () if shown is None else shown.merged if self.merged else shown.best

    @property
    def ready(self) -> bool:
        return bool(self._rows)

    def show_grown(self, shown: GrownShown | None) -> None:
        """Brings it up to date."""
        self._shown = shown
        self.selected = max(0, min(self.selected, self.count() - 1))
        self.refresh()

    def merge(self) -> None:
        """Tells spellings of the same bytes as one text, or apart again."""
        self.merged = not self.merged
        self.select(0)
        self.refresh()

    def chosen(self) -> Text | MergedText | HorizonText | None:
        """The selected text."""
        return self._rows[self.selected] if self.selected < self.count() else None

    def count(self) -> int:
        return len(self._rows)

    def heading(self) -> str:
        return "spellings of the same bytes as one" if self.merged else "each spelling apart"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, each = self.palette, self._rows[row]
        ids = each.token_ids[:-1] if each.ended else each.token_ids
        spellings = getattr(each, "spellings", 1)
        more = f" {spellings}×" if spellings > 1 else ""
        right = f"{more} {probability(each.prob):>7} {'■' if each.ended else '→'}"
        line.add(f"{row + 1:>4} ", palette.dim)
        line.add(fit(self.now.text(ids), max(4, line.room - cell_len(right))), palette.text)
        line.right(right, palette.text)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle
