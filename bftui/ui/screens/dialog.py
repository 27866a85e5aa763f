"""What stands before the workbench: dialogs that end once, texts to be read, and the sentence that there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import key

if TYPE_CHECKING:
    from bftui.ui.view import View
    from bftui.workbench.snapshot import Notice

T = TypeVar("T")

WIDTH, HEIGHT = 60, 16
"""Cells of the smallest terminal."""

_AROUND, _ABOVE = 16, 6
"""Cells that must be left beside it, and above and below, for the screen behind it to be recognised."""


class Dialog(ModalScreen[T]):
    """A screen that ends with a result.

    Keys that were pressed together may end it twice. The second time it is gone already, and nothing is left to end.
    """

    shows: View | None = None
    """The session that it shows something of; it ends when another model takes the place of that."""

    _palette: Palette
    """What the screens that it opens begin with."""

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self._palette = palette
        for widget in self.query(Coloured):
            widget.use(palette)

    def news(self) -> None:
        """Shows what is known by now; called with every frame."""

    def tell(self, notice: Notice | None) -> None:
        """Shows a notice, where this screen covers the workbench's."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Ends with a result; does nothing on a screen that is not the one in front."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_leave(self) -> None:
        """Ends without a result; what is being done goes on."""
        self.dismiss(None)


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


class TooSmall(Dialog[None]):
    """Leaves by itself when there is room again."""

    DEFAULT_CSS = """
    TooSmall { align: center middle; background: $background; }
    TooSmall Static { width: auto; height: auto; text-align: center; color: $foreground; }
    """

    BINDINGS = [bound("quit", "app.quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def on_mount(self) -> None:
        self.on_resize()

    def on_resize(self) -> None:
        size = self.app.size
        self.query_one(Static).update(
            f"{size.width}×{size.height} is too small\nbftui needs {WIDTH}×{HEIGHT}\n{key('quit')} quits"
        )
