"""ctrl+c as a request: the work that runs is asked to stop, and what is finished is kept.

Native code calls back into Python while it computes; an exception raised there by a signal would be lost. And a signal
may come while a lock is held that stopping takes: so a thread does the stopping, which a handler only wakes.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from bftui.core.errors import Cancelled

_STOPPING_S = 1.0


@dataclass
class Interruption:
    """Whether ctrl+c was pressed, and what is then asked to stop."""

    requested: bool = False
    stop: list[Callable[[], None]] = field(default_factory=list)
    _requests: queue.SimpleQueue[bool] = field(default_factory=queue.SimpleQueue)
    _stopping: bool = False

    def request(self) -> None:
        """Has everything stop that runs; for a signal handler."""
        self.requested = self._stopping = True
        self._requests.put(True)

    def check(self) -> None:
        """Raises Cancelled once ctrl+c was pressed."""
        if self.requested:
            # What is done from here on is not to be hit by it.
            end = time.monotonic() + _STOPPING_S
            while self._stopping and time.monotonic() < end:
                time.sleep(0.001)
            raise Cancelled("interrupted")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block in which requests are heard."""
        thread = threading.Thread(target=self._listen, name="interrupt", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._requests.put(False)

    def _listen(self) -> None:
        while self._requests.get():
            for stop in tuple(self.stop):
                stop()
            self._stopping = False


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turns the first ctrl+c of the block into a request; the second one ends the program at once."""
    interruption = Interruption()

    def request(number: int, frame: FrameType | None) -> None:
        if interruption.requested:
            # Whatever does not stop when asked is left where it is.
            os.write(2, b"bftui: interrupted\n")
            os._exit(Cancelled.exit_code)
        interruption.request()

    with interruption.listening():
        before = signal.signal(signal.SIGINT, request)
        try:
            yield interruption
        finally:
            signal.signal(signal.SIGINT, before)
