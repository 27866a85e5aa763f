"""The last line of a screen: what the keys do there. A click on a key presses it."""

from __future__ import annotations

from contextlib import suppress

from rich.cells import cell_len
from textual.strip import Strip

from bftui.core.errors import UsageError
from bftui.ui.drawing.clickable import ClickableLine
from bftui.ui.drawing.line_builder import LineBuilder
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import parsed


class KeyBar(ClickableLine):
    """Keys with what they do, as many as there is room for."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $background; }"

    def __init__(self, palette: Palette, *keys: tuple[str, str], indent: int = 1) -> None:
        """`keys` are (keys as a person reads them, with spaces between; what they do)."""
        super().__init__()
        self._indent = indent
        self.palette = palette
        self._pairs = keys

    def show(self, keys: tuple[tuple[str, str], ...]) -> None:
        """Shows keys with what they do."""
        if keys != self._pairs:
            self._pairs = keys
            self.refresh()

    def clicked(self, what: str) -> None:
        with suppress(UsageError):
            self.app.simulate_key("escape" if what == "esc" else parsed(what))

    def render_line(self, y: int) -> Strip:
        line = LineBuilder(self.size.width, self.palette.text).to(self._indent)
        self.forget_places()
        for keys, name in self._pairs:
            if cell_len(keys) + cell_len(name) + 1 > line.room:
                break
            names = keys.split(" ")
            for place, key in enumerate(names):
                start = line.at
                line.add(key, self.palette.accent)
                if place + 1 < len(names):
                    self.place(start, line.at, key)
                    line.add(" ", self.palette.accent)
            # What the keys do belongs to the last of them: `↑ ↓ choose` goes on.
            line.add(f" {name}", self.palette.dim)
            self.place(start, line.at, names[-1])
            line.add("  ")
        return line.strip()
