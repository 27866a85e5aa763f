"""ctrl+c as a request: the work that runs is asked to stop, and what is finished is kept.

Native code calls back into Python while it computes; an exception raised there by a signal would be lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from bftui.core.errors import Cancelled


@dataclass
class Interruption:
    """Whether ctrl+c was pressed, and what is then asked to stop."""

    requested: bool = False
    stop: list[Callable[[], None]] = field(default_factory=list)

    def check(self) -> None:
        """Raises Cancelled once ctrl+c was pressed."""
        if self.requested:
            raise Cancelled("interrupted")


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turns the first ctrl+c of the block into a request; the second one is Python's own."""
    interruption = Interruption()

    def request(number: int, frame: FrameType | None) -> None:
        interruption.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stop in interruption.stop:
            stop()

    before = signal.signal(signal.SIGINT, request)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
