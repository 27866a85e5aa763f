"""A pane that is read: it scrolls, and nothing in it is selected."""

from __future__ import annotations

from bftui.ui.panes.pane import Pane


class ReadingPane(Pane):
    """Lines that need no session; subclasses say how many there are and draw one."""

    LEAVE = ""
    """How to leave it, told at the lower edge."""

    @property
    def ready(self) -> bool:
        return True

    def move(self, by: int) -> bool:
        """Scrolls: nothing is selected here."""
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        self.refresh()
        return True

    def roll(self, by: int) -> None:
        self.move(by)

    def reveal(self) -> None:
        self.move(0)

    def footing(self) -> str:
        more = self.count() - self.top - self.rows
        parts = (f"{more} more lines" if more > 0 else "", self.LEAVE)
        return " · ".join(part for part in parts if part)
