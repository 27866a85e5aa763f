"""Which tokens are evaluated together. Where weights are rounded, a model gives other numbers in another batch.

A text that is read again in the batches that it was made in has the same numbers, bit by bit. Batches are numbers
alone: they say nothing of caches and of models.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CHUNK = 256
"""Tokens forwarded at once; between two chunks a cancel is noticed even where the library looks for none."""

AFRESH = 32
"""Tokens of a batch where a measurement reads its prefix from position 0.

Small, so that a prefix that grew by a token is read again from a little before its end; a CPU is hardly slower at it
than at `CHUNK`.
"""

_SCORES_BYTES = 64 << 20
"""Float32 logits that one forwarding may give."""


class Batch(NamedTuple):
    """The batch that a token was evaluated in.

    Attributes:
        start: the position of its first token, from 0.
        rows: its tokens, which follow each other.
        scored: whether the logits of all of them were asked for, and not of the last one alone.
    """

    start: int
    rows: int
    scored: bool = False

    @property
    def kind(self) -> Literal["step", "chunk"]:
        """As the trace calls it."""
        return "step" if self.rows == 1 else "chunk"


def step(position: int) -> Batch:
    """Return the batch of a token that is evaluated alone."""
    return Batch(position, 1)


def batches(start: int, stop: int, size: int, *, scored: bool = False) -> list[Batch]:
    """The batch of each position of [start, stop), where they are evaluated in batches of up to `size` from `start`."""
    found: list[Batch] = []
    for first in range(start, stop, size):
        rows = min(size, stop - first)
        found += [Batch(first, rows, scored and rows > 1)] * rows
    return found


def afresh(length: int) -> list[Batch]:
    """Return the batches of a prefix of so many tokens where a measurement reads it, however it was made."""
    return batches(0, length, AFRESH)


def most_scored(n_vocab: int) -> int:
    """Return tokens of a batch of which each has its logits."""
    return max(1, min(CHUNK, _SCORES_BYTES // (4 * n_vocab)))
