"""The command palette: every action, found by its name."""

from __future__ import annotations

from rich.style import Style
from textual import on
from textual.binding import Binding
from textual.command import CommandPalette
from textual.widgets import Input, OptionList

from bftui.ui.screens.dialog import Dialog

_LINES = 2
"""Lines of a command: its name, and what it does."""


class ActionPalette(CommandPalette, Dialog[None]):
    """Textual's palette; it ends once, does what was chosen once, and can be typed to before it is drawn."""

    BINDINGS = [  # noqa: RUF012
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _once(self, message: Input.Submitted | OptionList.OptionSelected) -> None:
        # A second enter that was pressed together with the first comes when the palette is gone.
        if not self.is_active:
            message.stop().prevent_default()

    def get_style_at(self, x: int, y: int) -> Style:
        """What is drawn at a place; nothing where it is a command that the list has no longer."""
        style = super().get_style_at(x, y)
        found: int | None = style.meta.get("option")
        gone = found is not None and found >= self.query_one(OptionList).option_count
        return Style() if gone else style

    def action_page(self, way: int) -> None:
        """Moves by a page: counted in commands, since Textual counts lines, which are there only once drawn."""
        commands = self.query_one(OptionList)
        if commands.option_count:
            wanted = (commands.highlighted or 0) + way * max(1, commands.size.height // _LINES)
            commands.highlighted = min(max(wanted, 0), commands.option_count - 1)
