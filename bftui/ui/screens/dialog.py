"""What all screens that stand before the workbench have in common: they end once."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A screen that ends with a result.

    Keys that were pressed together may end it twice. The second time it is gone already, and nothing is left to end.
    """

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Ends with a result; does nothing on a screen that is not the one in front."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
