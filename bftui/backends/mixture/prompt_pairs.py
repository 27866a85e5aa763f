"""Prompts that the later models of a mixture read in place of the first model's: two conditions of one text.

Whoever asks names the first model's prefix alone. What comes behind its prompt is the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence

from bftui.core.batch import AFRESH, Batch, batches


class PromptPairs:
    """Which prompt stands for which; without an entry all models read the same."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[int, ...], tuple[int, ...]] = {}

    def pair(self, first: Sequence[int], second: Sequence[int]) -> None:
        """Have the later models read `second` where the first one reads `first`; the same again has them read alike."""
        if tuple(first) == tuple(second):
            self._pairs.pop(tuple(first), None)
        else:
            self._pairs[tuple(first)] = tuple(second)

    def behind(
        self, prefix: Sequence[int], known: Sequence[Batch] | None = None
    ) -> tuple[Sequence[int], Sequence[Batch] | None]:
        """Return what the later models read for a prefix of the first one, and in which batches.

        `known` are those of the first one, of the prefix or of more. The other prompt is read afresh, up to the end of
        the batch in which the first one's ended; what comes then is read as it was there.
        """
        # Of prompts that begin alike the longest is meant.
        for first in sorted(self._pairs, key=len, reverse=True):
            if tuple(prefix[: len(first)]) == first:
                second = self._pairs[first]
                return [*second, *prefix[len(first) :]], _moved(known, len(first), len(second))
        return prefix, known


def _moved(known: Sequence[Batch] | None, first: int, second: int) -> list[Batch] | None:
    if known is None:
        return None
    by, last = second - first, known[first - 1]
    end = last.start + last.rows
    found = batches(0, end + by, AFRESH, scored=last.scored)
    found += [Batch(each.start + by, each.rows, each.scored) for each in known[end:]]
    return found[: len(known) + by]
