"""The different texts that were drawn, one a line, with how many drew each and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from rich.cells import cell_len
from rich.style import Style

from bftui.core.text import counted
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.rollout_series import Continuation, Rolled

_ENDS = {"eog": "■", "length": "…", "context": "⊣", "open": "…"}
_ORIGINAL = "◆"
PATH = -1
"""Stands for the number of a rollout where the path is listed that they are compared with."""
_TAIL = 7


class ContinuationOrder(StrEnum):
    """How the texts are ordered."""

    LONGEST = "longest first"
    FREQUENT = "most frequent first"


class ContinuationsPane(Pane):
    """A list over `Rolled.continuations`; while more comes every rollout keeps its line."""

    NAME = "continuations"
    EMPTY = (
        "the different texts that are drawn and how many drew each: {enter} makes one a branch of the tree, {order} "
        "orders them by length or by how often they came"
    )

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.listing = ContinuationOrder.LONGEST
        self._rolled: Rolled | None = None
        self._rows: list[Continuation] = []
        self._texts: dict[tuple[int, ...], str] = {}

    @property
    def ready(self) -> bool:
        return bool(self._rows)

    def show_rolled(self, rolled: Rolled | None) -> None:
        """Brings it up to date; a text that was selected stays selected, the first line stays the first."""
        if rolled is self._rolled:
            return
        chosen = self.chosen() if self.selected else None
        self._rolled = rolled
        self._order()
        if chosen is not None:
            self._find(chosen)
        self.reveal()
        self.refresh()

    def next_listing(self) -> None:
        """Orders the texts in the next way."""
        listings = list(ContinuationOrder)
        self.listing = listings[(listings.index(self.listing) + 1) % len(listings)]
        self._order()
        self.select(0)

    def _order(self) -> None:
        rolled = self._rolled
        self._rows = list(rolled.continuations) if rolled else []
        if rolled is None or rolled.running:
            return

        def longest(each: Continuation) -> tuple[int, int, int]:
            return -len(each.token_ids), -each.count, each.number

        def frequent(each: Continuation) -> tuple[int, int, int]:
            return -each.count, -len(each.token_ids), each.number

        self._rows.sort(key=longest if self.listing is ContinuationOrder.LONGEST else frequent)
        if rolled.compared is not None:
            path = rolled.compared.path.token_ids
            if not any(each.token_ids == path for each in self._rows):
                # Nobody drew it: it stands before those that were drawn.
                self._rows.insert(0, Continuation(path, PATH, 0, rolled.compared.path.finish))

    def _find(self, chosen: Continuation) -> None:
        """Selects the row that holds a text, which may have grown or joined others."""
        size = len(chosen.token_ids)
        for row, each in enumerate(self._rows):
            if each.number == chosen.number or each.token_ids[:size] == chosen.token_ids:
                self.selected = row
                return

    def chosen(self) -> Continuation | None:
        """The selected text."""
        return self._rows[self.selected] if self.selected < len(self._rows) else None

    def count(self) -> int:
        return len(self._rows)

    def heading(self) -> str:
        rolled = self._rolled
        if rolled is None:
            return ""
        if rolled.running:
            return f"{counted(rolled.drawn, 'rollout')} in the order of their numbers"
        return f"{len(rolled.continuations):,} different of {rolled.drawn:,} · {self.listing.value}"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, each = self.palette, self._rows[row]
        compared = self._rolled.compared if self._rolled else None
        original = compared is not None and compared.path.token_ids == each.token_ids
        line.add(f"{each.count:>3}× " if each.count != 1 else "     ", palette.dim)
        line.add(_ORIGINAL if original else " ", palette.forced)
        # Without the token that ends it: the sign says that.
        ids = each.token_ids[:-1] if each.finish == "eog" else each.token_ids
        line.add(fit(self._text(ids), line.room - _TAIL), palette.text)
        line.right(f" {len(each.token_ids):>4} {_ENDS[each.finish]}", palette.dim)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _text(self, ids: Sequence[int]) -> str:
        # As many tokens as can fit: a line is short, and a text may be long.
        shown = tuple(ids[: self.columns])
        text = self._texts.get(shown)
        if text is None:
            text = self._texts[shown] = self.now.text(shown)
        return text

    def footing(self) -> str:
        place = super().footing()
        ends = "■ ended  … cut at its length"
        compared = self._rolled.compared if self._rolled else None
        if compared is not None:
            ends = f"{_ORIGINAL} the path  {ends}"
        forms = (f"{ends} · {place}" if place else ends, place)
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), "")
