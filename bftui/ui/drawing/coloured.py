"""What draws with a palette's styles by itself, and has to be told of another one; lines that can be clicked."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widget import Widget

from bftui.ui.themes.theme_styles import Palette


class Coloured(Widget):
    """A widget with a palette; screens tell all of theirs when another theme is put on."""

    palette: Palette

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self.palette = palette
        self.refresh()


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
        """Called before the line is drawn again."""
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
