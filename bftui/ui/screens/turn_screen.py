"""A user's turn: a text of any length, put into the prompt's template after what the model said."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from bftui.ui.panes.key_line import KeyBar
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.fields import TextField
from bftui.ui.themes.theme_styles import Palette


class TurnScreen(Dialog[str | None]):
    """Ends with the text, or None."""

    DEFAULT_CSS = """
    TurnScreen { align: center bottom; background: transparent; }
    TurnScreen > Vertical {
        width: 100%; height: 9; margin-bottom: 1; padding: 0 1;
        border: round $accent; border-title-style: bold; background: $background;
    }
    TurnScreen TextField { height: 1fr; border: none; padding: 0; background: $background; }
    TurnScreen TextField:focus { border: none; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Leave", show=False),
        Binding("ctrl+s,ctrl+enter", "take", "Take", show=False, priority=True),
    ]

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = "user turn"
        with box:
            area = TextField(soft_wrap=True, show_line_numbers=False)
            area.cursor_blink = False
            yield area
            yield KeyBar(
                self._palette,
                ("^s", "end the model's turn and add this one"),
                ("esc", "leave"),
                indent=0,
            )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextField))

    def action_take(self) -> None:
        """Ends with what was typed."""
        self.dismiss(self.query_one(TextField).text)
