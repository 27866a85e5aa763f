"""A list of places to go to, each with a short name that is a key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from textual import events, on
from textual.binding import Binding

from bftui.core.text import safe
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.dialog import PaneScreen
from bftui.ui.themes.theme_styles import Palette


@dataclass(frozen=True, slots=True)
class Pick:
    """One line: a name, what it leads to, its text (of which the end counts) and a note; all safe to draw.

    `sign` stands before the name: that of a mark.
    """

    name: str
    node: int
    text: str
    note: str
    sign: str = "'"


class _PickPane(Pane):
    """The lines."""

    NAME = "picks"

    def __init__(self, palette: Palette, title: str, picks: Sequence[Pick]) -> None:
        super().__init__(palette)
        self.HEADING = title
        self._picks = picks

    def count(self) -> int:
        return len(self._picks)

    def footing(self) -> str:
        return "enter or its name goes there · esc leaves"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        pick = self._picks[row]
        palette = self.palette
        line.add(fit(f"{pick.sign}{safe(pick.name)}", 14), palette.forced).add("  ")
        room = line.room - cell_len(pick.note) - 2
        line.add(_end(pick.text, room)).right(pick.note, palette.dim)
        return palette.cursor if row == self.selected else None


class PickScreen(PaneScreen[int | None]):
    """Ends with the node that was picked, or None."""

    DEFAULT_CSS = "PickScreen Pane { width: 76; max-width: 96%; }"

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Leave", show=False),
        Binding("enter", "take", "Take", show=False),
        *(
            Binding(key, f"move({by})", "Move", show=False)
            for key, by in (("up", -1), ("down", 1), ("pageup", -10), ("pagedown", 10))
        ),
    ]

    def __init__(self, title: str, picks: Sequence[Pick], palette: Palette) -> None:
        super().__init__(_PickPane(palette, title, picks))
        self._picks = picks
        self._pane.styles.height = min(len(picks), 16) + 2

    def on_mount(self) -> None:
        self.set_focus(self._pane)

    def on_key(self, event: events.Key) -> None:
        """A name that is typed goes there at once."""
        found = next((pick for pick in self._picks if pick.name == event.character), None)
        if found is not None:
            event.stop()
            self.dismiss(found.node)

    @on(Pane.Chosen)
    def action_take(self) -> None:
        """Goes to the selected line's place."""
        self.dismiss(self._picks[self._pane.selected].node)


def _end(text: str, width: int) -> str:
    """The end of a text that fits, with an ellipsis before it where something is left out."""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[max(1, (cell_len(text) - width) // 2) :]
    return f"…{text}"
