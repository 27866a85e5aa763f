"""What a screen is that shows something of the model while it is open."""

from __future__ import annotations

from bftui.workbench.snapshot import Notice


class Follower:
    """A screen that is told with every frame, and looks whether something new is known."""

    def news(self) -> None:
        """Shows what is known by now."""

    def tell(self, notice: Notice | None) -> None:
        """Shows a notice, where this screen covers the workbench's."""
