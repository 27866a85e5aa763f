"""What the screens have in common that show one session while the model goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding

from bftui.ui.actions.bindings import bound
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.panes.notice_box import NoticeBox
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.explain_screen import ExplainScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.snapshot import Notice, Tone

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.panes.pane import Pane
    from bftui.ui.view import View
    from bftui.workbench.workbench import Workbench

T = TypeVar("T")


class LiveScreen(Dialog[T]):
    """Panes over the whole screen, the keys below them, and notices; subclasses say which panes and what they show.

    It ends when another model takes the place of the session.
    """

    NAME = ""
    """What it shows, for the title of the explanation."""

    DEFAULT_CSS = "LiveScreen { layers: base over; background: $background; }"

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Back", show=False),
        bound("quit", "app.quit"),
        bound("explain", "explain"),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette) -> None:
        super().__init__()
        self.shows = view
        self._workbench, self._view, self._palette = workbench, view, palette
        self._keys = KeyBar(palette)
        self._notice = NoticeBox(palette)
        self._drawn: object = None
        """What the panes follow from, as it was when they were drawn."""

    # For subclasses --------------------------------------------------------------------------------------------

    def parts(self) -> ComposeResult:
        """Gives the panes."""
        yield from ()

    def listed(self) -> Pane | None:
        """Gives the pane that has the focus and that keys move in."""
        return None

    def explained(self) -> list[Item]:
        """Says what the numbers mean."""
        return []

    # The same for all ------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield from self.parts()
        yield self._keys
        yield self._notice

    def on_mount(self) -> None:
        self.set_focus(self.listed())
        self.news()

    def tell(self, notice: Notice | None) -> None:
        self._notice.tell(notice)

    def warn(self, text: str) -> None:
        """Says why something was not done."""
        self.tell(Notice(text, Tone.WARNING))

    def action_move(self, by: int) -> None:
        """Moves by lines."""
        if (pane := self.listed()) is not None:
            pane.move(by)

    def action_edge(self, end: int) -> None:
        """Goes to the first line or the last."""
        if (pane := self.listed()) is not None:
            pane.select(pane.count() - 1 if end else 0)

    def action_explain(self) -> None:
        """Says what the numbers mean."""
        title, name = f"what the numbers mean: {self.NAME}", self._view.model_name
        self.app.push_screen(ExplainScreen(title, self.explained(), self._palette, name))
