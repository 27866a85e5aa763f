"""Work that goes on beside what a person does: advanced in small pieces, stopped at any of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

_SETTLED_S = 3.0
"""Seconds of work before what is left of it is said."""


def duration(seconds: float) -> str:
    """A time that is still to come, roughly: it is an estimate."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Job(ABC):
    """One experiment. Whoever owns it calls `advance` until it returns False, and does other work in between.

    Attributes:
        done: whether it ran to its end.
        seconds: time spent in it so far.
    """

    def __init__(self) -> None:
        self.done = False
        self.seconds = 0.0
        self._pieces = self._work()

    @property
    @abstractmethod
    def share(self) -> float:
        """How much is done, in [0, 1]; an estimate, since texts end when they end."""

    @property
    def left(self) -> float | None:
        """Seconds of its own that are left, if it goes on as it did; None while there is little to judge by."""
        share = self.share
        if self.seconds < _SETTLED_S or not 0 < share < 1:
            return None
        return self.seconds / share * (1 - share)

    @abstractmethod
    def _work(self) -> Iterator[None]:
        """All of the work, yielding after each piece."""

    def advance(self) -> bool:
        """Does one piece; False when nothing is left. Raises ModelError and Cancelled; what was found stays."""
        began = time.perf_counter()
        try:
            next(self._pieces)
        except StopIteration:
            self.done = True
        finally:
            self.seconds += time.perf_counter() - began
        return not self.done

    def piecemeal(self) -> Iterator[None]:
        """Does everything that is left, yielding after each piece; closes it at the end, and where it is stopped."""
        try:
            while self.advance():
                yield
        finally:
            self.close()

    def finish(self) -> None:
        """Does everything that is left."""
        while self.advance():
            pass

    def close(self) -> None:
        """Stops it for good and gives back what it holds; what was found stays."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
