"""A llama.cpp context beside the one of the session's path, made when it is first needed.

Sums over cache cells depend on where the cells lie, so that nothing else may come between those of a path. A context
that was made again, or is larger, gives the same numbers (measured, bit by bit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bftui.backends.protocol import ContinuationBatch, Logits
from bftui.backends.shared.path_backend import PathBackend
from bftui.core.batch import CHUNK, Batch
from bftui.core.errors import ModelError

_FEWEST_CELLS = 1024


class Aside:
    """Implements `protocol.Evaluator`; freed with `close`."""

    def __init__(
        self, make: Callable[[int], PathBackend], most: int, *, fewest: int = _FEWEST_CELLS
    ) -> None:
        """`make` gives a context of so many cells, up to `most`."""
        self._make, self._most, self._fewest = make, most, min(fewest, most)
        self._held: PathBackend | None = None
        self._cells = self._evaluated = 0
        self._closed = False

    @property
    def evaluated(self) -> int:
        """Tokens forwarded so far."""
        return self._evaluated + (self._held.evaluated if self._held else 0)

    def next_logits(self, prefix: Sequence[int], batches: Sequence[Batch] | None = None) -> Logits:
        return self._holding(len(prefix)).next_logits(prefix, batches)

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[Logits]:
        held = self._holding(len(prefix) + len(token_ids))
        return held.path_logits(prefix, token_ids, batches)

    @contextmanager
    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> Iterator[ContinuationBatch]:
        held = self._holding(len(prefix) + rows * tokens if tokens else self._most)
        with held.continuations(prefix, rows, batches, tokens) as batch:
            yield batch

    def cancel(self) -> None:
        """Makes the evaluation that is running raise Cancelled. Thread-safe."""
        if (held := self._held) is not None:
            held.cancel()

    def close(self) -> None:
        """Frees the context, with the model that it is of."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        if self._held is not None:
            self._evaluated += self._held.evaluated
            self._held.close()
            self._held, self._cells = None, 0

    def _holding(self, cells: int) -> PathBackend:
        """A context with room for so many cells, or with the most that there are."""
        if self._closed:
            raise ModelError("the model is closed")
        # Powers of two, so that it is seldom made again, with room for what a batch is padded with.
        wanted = max(self._fewest, 1 << (cells + CHUNK - 1).bit_length())
        if self._held is None or self._cells < min(wanted, self._most):
            self._drop()
            self._cells = min(wanted, self._most)
            self._held = self._make(self._cells)
        return self._held
