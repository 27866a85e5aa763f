"""How many threads compute a batch of a small model: as many as were the fastest a moment ago.

Several threads wait for each other at each of some hundred operations, every millisecond. On a quiet machine two
take two thirds of the time of one (2.6 M parameters, 2 cores); where another program has a core, up to four times as
long. Results do not depend on it: each number is computed by one thread, in one order. Threads that spin less gain
nothing beside this choice (busy machine, milliseconds of a batch: 2.3 and 2.2; without the choice 7.6 and 3.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY = 32
"""Batches between two that are computed with the other number of threads, to see what it takes now."""

_ROWS = 8
"""Batches of fewer rows take longer for each and are not compared."""

_NEW = 0.25
"""Weight of the latest batch in what a number of threads is said to take."""


class Threads:
    """One thread or all, chosen for each batch."""

    def __init__(
        self,
        most: int,
        use: Callable[[int], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`use` sets the number of threads; `most` is set already. `clock` gives seconds."""
        self._use, self._clock = use, clock
        self._current = self._best = most
        self._other = 1
        self._seconds: dict[int, float] = {}
        self._batches = 0

    @contextmanager
    def batch(self, rows: int) -> Iterator[None]:
        """Give a block that computes one batch of so many rows."""
        if rows < _ROWS:
            self._set(self._best)
            yield
            return
        self._batches += 1
        trying = self._batches % _EVERY == 2
        self._set(self._other if trying else self._best)
        began = self._clock()
        yield
        self._note((self._clock() - began) / rows)
        self._set(self._best)

    def _set(self, count: int) -> None:
        if count != self._current:
            self._use(count)
            self._current = count

    def _note(self, seconds: float) -> None:
        """Takes in what a row took with the threads that are set."""
        before = self._seconds.get(self._current, seconds)
        self._seconds[self._current] = before + _NEW * (seconds - before)
        if len(self._seconds) == 2 and self._seconds[self._other] < self._seconds[self._best]:
            self._best, self._other = self._other, self._best
