"""What is opened over everything else to be read, and closed again."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding

from bftui.ui.actions.bindings import bound
from bftui.ui.panes.reading_pane import ReadingPane
from bftui.ui.screens.dialog import Dialog

_AROUND, _ABOVE = 16, 6
"""Cells that must be left beside it, and above and below, for the screen behind it to be recognised."""


class ReadingScreen(Dialog[None]):
    """One pane that scrolls with the arrows; esc and enter close it, and so does the key that opened it.

    It takes the whole screen where hardly anything of what is below would be seen around it.
    """

    WIDTH, HEIGHT = 92, 34

    DEFAULT_CSS = """
    ReadingScreen { align: center middle; background: $background 60%; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape,enter", "leave", "Close", show=False),
        bound("quit", "app.quit"),
        bound("up", "scroll(-1)"),
        bound("down", "scroll(1)"),
        bound("page_up", "scroll(-10)"),
        bound("page_down", "scroll(10)"),
        bound("step", "scroll(10)"),
    ]

    def __init__(self, pane: ReadingPane) -> None:
        super().__init__()
        self._pane = pane

    def compose(self) -> ComposeResult:
        yield self._pane

    def on_resize(self, event: events.Resize) -> None:
        for side, most, around in (("width", self.WIDTH, _AROUND), ("height", self.HEIGHT, _ABOVE)):
            room = getattr(event.size, side)
            setattr(self._pane.styles, side, most if room >= most + around else room)

    def action_scroll(self, by: int) -> None:
        """Moves by lines."""
        self._pane.move(by)

    def action_leave(self) -> None:
        """Closes it."""
        self.dismiss(None)
