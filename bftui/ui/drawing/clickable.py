"""Lines whose parts do something when they are clicked."""

from __future__ import annotations

from textual import events
from textual.message import Message

from bftui.ui.drawing.coloured import Coloured


class ClickableLine(Coloured):
    """One line that remembers, while it is drawn, what stands where; `clicked` is told what was hit."""

    class Pressed(Message):
        """What stands for an action was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []

    def place(self, start: int, end: int, what: str) -> None:
        """Says what stands in the cells from `start` up to, but not with, `end`."""
        self._places.append((start, end, what))

    def forget_places(self) -> None:
        """Called before the line is drawn anew."""
        self._places.clear()

    def at(self, column: int) -> str | None:
        """What stands in a cell."""
        return next((what for start, end, what in self._places if start <= column < end), None)

    def clicked(self, what: str) -> None:
        """Does what was clicked; posts the action, unless a subclass knows better."""
        self.post_message(self.Pressed(what))

    def on_click(self, event: events.Click) -> None:
        what = self.at(event.x)
        if what is not None:
            event.stop()
            self.clicked(what)
