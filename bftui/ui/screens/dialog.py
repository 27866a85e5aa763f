"""What all screens that stand before the workbench have in common: they end once, and wear its colours."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from bftui.ui.drawing.coloured import Coloured
from bftui.ui.themes.theme_styles import Palette

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A screen that ends with a result.

    Keys that were pressed together may end it twice. The second time it is gone already, and nothing is left to end.
    """

    _palette: Palette
    """What the screens that it opens begin with."""

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self._palette = palette
        for widget in self.query(Coloured):
            widget.use(palette)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Ends with a result; does nothing on a screen that is not the one in front."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
