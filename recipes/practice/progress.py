"""A progress line for long work: a bar, what is measured, time gone and time left, on stderr."""

from __future__ import annotations

import sys
import time

_WIDTH = 24


def clock(seconds: float) -> str:
    """Write a duration as 4:05 or 1:04:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressLine:
    """Shows how far `total` steps have come; on a terminal in place, else a line now and then."""

    def __init__(self, name: str, total: int, done: int = 0) -> None:
        self._name, self._total, self._first = name, total, done
        self._started = time.monotonic()
        self._shown = 0.0

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` steps are done."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if done < self._total and now - self._shown < (0.2 if terminal else 30.0):
            return
        self._shown = now
        gone = now - self._started
        left = gone / max(1, done - self._first) * (self._total - done)
        filled = _WIDTH * done // max(1, self._total)
        line = (
            f"{self._name:<20} [{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{self._total}  "
            f"{note}  {clock(gone)} gone, {clock(left)} left"
        )
        end = "" if terminal and done < self._total else "\n"
        print(("\r" if terminal else "") + line + "  ", end=end, file=sys.stderr, flush=True)
