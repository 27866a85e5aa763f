"""The last line of a screen: what the keys do there."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from bftui.ui.strips import LineBuilder
from bftui.ui.themes import Palette


class KeyBar(Widget):
    """Keys with what they do, as many as there is room for."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $background; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._pairs: tuple[tuple[str, str], ...] = ()

    def show(self, keys: tuple[tuple[str, str], ...]) -> None:
        """Shows keys with what they do."""
        if keys != self._pairs:
            self._pairs = keys
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line = LineBuilder(self.size.width, self._palette.text).add(" ")
        for keys, name in self._pairs:
            if len(keys) + len(name) + 1 > line.room:
                break
            line.add(keys, self._palette.accent).add(f" {name}  ", self._palette.dim)
        return line.strip()
