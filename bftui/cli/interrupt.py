"""ctrl+c as a request: the work that runs is asked to stop, and what is finished is kept.

Native code calls back into Python while it computes; an exception raised there by a signal would be lost.
"""

from __future__ import annotations

import os
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
    """Turns the first ctrl+c of the block into a request; the second one ends the program at once."""
    interruption = Interruption()

    def request(number: int, frame: FrameType | None) -> None:
        if interruption.requested:
            # Whatever does not stop when asked is left where it is.
            os.write(2, b"bftui: interrupted\n")
            os._exit(Cancelled.exit_code)
        interruption.requested = True
        for stop in interruption.stop:
            stop()

    before = signal.signal(signal.SIGINT, request)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
