"""What draws with a palette's styles by itself, and has to be told of another one."""

from __future__ import annotations

from textual.widget import Widget

from bftui.ui.themes.theme_styles import Palette


class Coloured(Widget):
    """A widget with a palette; screens tell all of theirs when another theme is put on."""

    palette: Palette

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self.palette = palette
        self.refresh()
