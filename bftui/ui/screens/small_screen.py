"""What is shown while the terminal is too small for anything else."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from bftui.ui.actions.bindings import bound
from bftui.ui.screens.dialog import Dialog
from bftui.workbench.keys import key

WIDTH, HEIGHT = 60, 16


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
