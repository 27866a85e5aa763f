"""The cache cells of rows that a step leaves out, held by fillers, so that no other row's cells depend on them.

The library gives the tokens of a step the next free cells, in their order. Where numbers depend on cells, each step has
as many of them as there are rows, and a row the one of its place: what is not evaluated is taken by a filler before.
Fillers are copied into the cache from a saved state, which takes next to no time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from bftui.backends.llama_cpp.llama_library import C
from bftui.core.errors import ContextFull

FILLER_SEQUENCES = 2
"""One takes the cells of a step, the other one keeps those of all steps before."""


class CellFillers:
    """Fillers in the cache of one context, of one batch of rows at a time."""

    def __init__(self, context: Any, first: int, evaluate: Callable[[int, int], None]) -> None:
        """Args:
        first: the first of `FILLER_SEQUENCES` sequences that nothing else uses.
        evaluate: appends so many tokens, from position 0, to a sequence.
        """
        self._context, self._memory = context, C.llama_get_memory(context)
        self._new, self._kept = first, first + 1
        self._evaluate = evaluate
        self._states: dict[int, Any] = {}

    def leave(self, count: int, places: Sequence[int]) -> None:
        """Leaves of the next `count` free cells only those at these places, from 0, in the order of the cells.

        Raises ContextFull where there are not so many, and Cancelled.
        """
        C.llama_memory_seq_cp(self._memory, self._new, self._kept, -1, -1)
        if count in self._states:
            state = self._states[count]
            if not C.llama_state_seq_set_data(self._context, state, len(state), self._new):
                raise ContextFull("the cache has no room for these continuations")
        else:
            C.llama_memory_seq_rm(self._memory, self._new, -1, -1)
            self._evaluate(count, self._new)
            size: int = C.llama_state_seq_get_size(self._context, self._new)
            state = (ctypes.c_uint8 * size)()
            C.llama_state_seq_get_data(self._context, state, size, self._new)
            self._states[count] = state
        # A filler's position is its place.
        for place in places:
            C.llama_memory_seq_rm(self._memory, self._new, place, place + 1)

    def clear(self) -> None:
        """Frees all their cells."""
        for sequence in (self._new, self._kept):
            C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
