"""A screen that is drawn once where Textual draws it several times."""

from __future__ import annotations

from typing import TypeVar

from textual.geometry import Size
from textual.screen import Screen

T = TypeVar("T")


class DrawnOnce(Screen[T]):
    """Opens in one frame, and lays out and repaints in one.

    Textual draws what opens when it comes to the front, when it knows its size, when its parts are there, and once more
    because it was asked to. All but the last of these frames hold sizes that do not stay.
    """

    _frame_early = True
    """Whether it opens: until it knows its size, all that is drawn is drawn again."""
    _frame_held = False
    """Whether what is asked to be drawn waits for what else will be asked."""
    _frame_wanted = False
    """Whether something was asked to be drawn while that was held."""

    def _screen_resized(self, size: Size) -> None:
        # What changed since it was laid out at this size has asked for another layout already.
        if size != self._compositor.size:
            super()._screen_resized(size)
        if self._frame_early and self.stack_updates:
            self._frame_early = False
            self.refresh()

    def _on_timer_update(self) -> None:
        if self._frame_early:
            self._update_timer.pause()
            return
        self._frame_held, self._frame_wanted = True, False
        try:
            super()._on_timer_update()
        finally:
            self._frame_held = False
        if self._frame_wanted:
            self._compositor_refresh()

    def _compositor_refresh(self) -> None:
        if self._frame_early or self._frame_held:
            self._frame_wanted = True
        else:
            super()._compositor_refresh()
