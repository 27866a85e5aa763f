"""What stands before the workbench: dialogs that end once, texts to be read, and the sentence that there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual import events
from textual.app import ComposeResult, RenderResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.containers import Vertical
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widgets import Static

from bftui.ui.actions.bindings import bound, moving
from bftui.ui.drawing.behind import Behind
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.drawn_once import DrawnOnce
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


class Dialog(ModalScreen[T], DrawnOnce[T]):
    """A screen that ends with a result.

    Keys that were pressed together may end it twice. The second time it is gone already, and nothing is left to end.
    """

    shows: View | None = None
    """The session that it shows something of; it ends when another model takes the place of that."""

    _palette: Palette
    """What the screens that it opens begin with."""

    def render(self) -> RenderResult:  # type: ignore[override]  # as any widget but Textual's own screens
        drawn = super().render()
        return Behind(drawn) if isinstance(drawn, BackgroundScreen) else drawn

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


class PaneScreen(Dialog[T]):
    """One pane, in which keys move."""

    DEFAULT_CSS = "PaneScreen { align: center middle; background: $background 60%; }"

    def __init__(self, pane: Pane) -> None:
        super().__init__()
        self._pane = pane

    def compose(self) -> ComposeResult:
        yield self._pane

    def action_move(self, by: int) -> None:
        """Moves by lines."""
        self._pane.move(by)


class BoxScreen(Dialog[T]):
    """Fields in a box with a title, and below them what the keys do; subclasses say which fields and which keys."""

    INDENT = 0
    """Cells before the keys."""

    DEFAULT_CSS = """
    BoxScreen { align: center middle; background: $background 60%; }
    BoxScreen > Vertical {
        padding: 0 1; border: round $accent; border-title-style: bold; background: $background;
    }
    BoxScreen LineField { height: 1; border: none; padding: 0; background: $background; }
    BoxScreen LineField:focus { border: none; background-tint: $background; }
    BoxScreen .note { height: 1; color: $dim; text-overflow: ellipsis; text-wrap: nowrap; }
    """

    BINDINGS = [Binding("escape", "leave", "Leave", show=False)]  # noqa: RUF012

    def __init__(self, title: str, palette: Palette) -> None:
        super().__init__()
        self._title, self._palette = title, palette

    def fields(self) -> ComposeResult:
        """Gives what is in the box."""
        yield from ()

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Says what the keys do, as `KeyBar` takes it."""
        return ()

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = self._title
        with box:
            yield from self.fields()
            yield KeyBar(self._palette, *self.keys(), indent=self.INDENT)


class ReadingScreen(PaneScreen[None]):
    """One pane that scrolls with the arrows; esc and enter close it, and so does the key that opened it.

    It takes the whole screen where hardly anything of what is below would be seen around it.
    """

    WIDTH, HEIGHT = 92, 34

    BINDINGS = [  # noqa: RUF012
        Binding("escape,enter", "leave", "Close", show=False),
        bound("quit", "app.quit"),
        *moving(edges=False),
    ]

    def on_resize(self, event: events.Resize) -> None:
        for side, most, around in (("width", self.WIDTH, _AROUND), ("height", self.HEIGHT, _ABOVE)):
            room = getattr(event.size, side)
            setattr(self._pane.styles, side, most if room >= most + around else room)


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
