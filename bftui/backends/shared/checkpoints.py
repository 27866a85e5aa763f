"""Saved states of a memory that cannot be shortened: going back then evaluates a few tokens again and not all of them.

Which states are kept is decided here: as many as fit the bounds, spread over the paths that they are for.
Not for: saving and restoring, which is the backend's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bftui.core.batch import Batch

EVERY = 16
"""Tokens after which another state is saved while a path grows by single steps."""

_MOST = 64
_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state after some ids.

    Attributes:
        state: whatever the backend restores.
        bytes: what it takes.
        gap: how many tokens later than the checkpoint before it on its path, when it was made.
        batches: those that the ids were forwarded in; empty where nobody said.
    """

    ids: list[int]
    state: Any
    bytes: int
    gap: int
    batches: list[Batch]


class Checkpoints:
    """The states of one model, the latest used last."""

    def __init__(self, most: int = _MOST, most_bytes: int = _BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: list[Checkpoint] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def longest(
        self, path: Sequence[int], most: int, batches: Sequence[Batch] = ()
    ) -> Checkpoint | None:
        """Return the one that covers most of path[:most], forwarded in these batches."""
        best: Checkpoint | None = None
        for checkpoint in self._kept:
            length = len(checkpoint.ids)
            if length > most or (best is not None and length <= len(best.ids)):
                continue
            # The last id tells most of them apart without a comparison of whole paths.
            if (
                path[length - 1] == checkpoint.ids[-1]
                and path[:length] == checkpoint.ids
                and list(batches[:length]) == checkpoint.batches
            ):
                best = checkpoint
        return best

    def add(
        self, path: Sequence[int], state: Any, size: int, batches: Sequence[Batch] = ()
    ) -> None:
        """Keeps the state after `path`.

        Room is made among the half that was not used for longest: by what is nearest to the one before it on its path,
        so that ends of prompts and a thin trail of each path stay.
        """
        before = self.longest(path, len(path), batches)
        if before is not None and len(before.ids) == len(path):
            self.drop(before)
            before = self.longest(path, len(path), batches)
        gap = len(path) - (len(before.ids) if before else 0)
        self._kept.append(Checkpoint(list(path), state, size, gap, list(batches)))
        self._bytes += size
        while self._bytes > self._most_bytes or len(self._kept) > self._most:
            older = self._kept[: max(1, len(self._kept) // 2)]
            self.drop(min(older, key=lambda checkpoint: checkpoint.gap))

    def used(self, checkpoint: Checkpoint) -> None:
        """Says that this one was restored."""
        self._kept.remove(checkpoint)
        self._kept.append(checkpoint)

    def drop(self, checkpoint: Checkpoint) -> None:
        """Forgets one."""
        self._kept.remove(checkpoint)
        self._bytes -= checkpoint.bytes

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
        self._bytes = 0
