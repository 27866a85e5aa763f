"""A user's turn: a text of any length, put into the prompt's template after what the model said."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding

from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import TextField
from bftui.ui.themes.theme_styles import Palette


class TurnScreen(BoxScreen[str | None]):
    """Ends with the text, or None."""

    DEFAULT_CSS = """
    TurnScreen { align: center bottom; background: transparent; }
    TurnScreen > Vertical { width: 100%; height: 9; margin-bottom: 1; }
    TurnScreen TextField { height: 1fr; border: none; padding: 0; background: $background; }
    TurnScreen TextField:focus { border: none; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+s,ctrl+enter", "take", "Take", show=False, priority=True),
    ]

    def __init__(self, palette: Palette) -> None:
        super().__init__("user turn", palette)

    def fields(self) -> ComposeResult:
        area = TextField(soft_wrap=True, show_line_numbers=False)
        area.cursor_blink = False
        yield area

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("^s", "end the model's turn and add this one"), ("esc", "leave"))

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextField))

    def action_take(self) -> None:
        """Ends with what was typed."""
        self.dismiss(self.query_one(TextField).text)
