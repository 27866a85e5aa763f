"""How rows of a batch walk through a trie of texts: down to one, back to where the next one parts from it, down again.

Each row has texts that follow each other in the order of their tokens, so that what they share is evaluated once, but
for the way down to its first one. What is found to be worth reading below a text comes next in its row, and a row that
has nothing left takes over what another one would come to last: batches stay full.
Only for rows that can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bftui.backends.protocol import ContinuationBatch, Logits, common_prefix

Path = tuple[int, ...]

_START_ROWS = 3
"""What it costs to evaluate a batch of any size, in rows: about 1 to 4 of small quantised models on a CPU."""


class Walk:
    """Rows of one batch, with the paths after its prefix that each of them is still to come to.

    Follows from the paths, their order included, and from what is added to them on the way.
    """

    def __init__(self, paths: Sequence[Path], width: int) -> None:
        """Takes paths of one token or more, and the number of rows at most."""
        # The next one of each row is its last.
        self._waiting = [list(reversed(part)) for part in parted(sorted(paths), width)]
        self._held: list[Path] = [() for _ in self._waiting]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._waiting)

    def step(self, batch: ContinuationBatch) -> list[tuple[int, Path, Logits]] | None:
        """Has each row take one token; the row, the path and the logits where one came to a path. None at the end."""
        going = []
        for row in range(self.rows):
            if not self._waiting[row]:
                self._take_over(row)
            if self._waiting[row]:
                going.append(row)
        if not going:
            return None
        for row in going:
            kept = common_prefix(self._held[row], self._waiting[row][-1])
            if kept < len(self._held[row]):
                batch.rewind(row, kept)
            self._held[row] = self._waiting[row][-1][: kept + 1]
        logits = batch.step(going, [self._held[row][-1] for row in going])
        found = []
        for place, row in enumerate(going):
            if self._held[row] == self._waiting[row][-1]:
                self._waiting[row].pop()
                found.append((row, self._held[row], logits[place]))
        return found

    def add(self, row: int, paths: Sequence[Path]) -> None:
        """Has a row come to these paths next, in their order; they go on from where it is."""
        self._waiting[row] += reversed(paths)

    def _take_over(self, row: int) -> None:
        """Gives a row the last path of the row that has the most."""
        most = max(range(self.rows), key=lambda each: len(self._waiting[each]))
        # What another row is on its way to stays with it.
        if len(self._waiting[most]) > 1:
            self._waiting[row].append(self._waiting[most].pop(0))


def parted(ordered: Sequence[Path], width: int) -> list[Sequence[Path]]:
    """Return these paths, which are in order, as the paths of each of up to `width` rows."""
    if not ordered:
        return []
    new = [len(path) - common_prefix(before, path) for before, path in pairwise([(), *ordered])]
    most = min(width, len(ordered))
    numbers = sorted({most, *(1 << n for n in range(most.bit_length()))})
    found = [_cut(ordered, new, rows) for rows in numbers]
    cuts = min(found, key=lambda each: _cost(ordered, new, each))
    return [ordered[a:b] for a, b in pairwise([*cuts, len(ordered)])]


def _cut(ordered: Sequence[Path], new: Sequence[int], rows: int) -> list[int]:
    """Where each row begins, so that the longest of up to so many rows is short.

    `new` has the tokens of each path that it does not share with the one before.
    """
    low, high = max(map(len, ordered)), sum(new)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(ordered, new, middle)) <= rows:
            high = middle
        else:
            low = middle + 1
    return _filled(ordered, new, low)


def _filled(ordered: Sequence[Path], new: Sequence[int], longest: int) -> list[int]:
    """Where each row begins, where each has as many of the paths as come to `longest` tokens."""
    cuts, tokens = [0], len(ordered[0])
    for place in range(1, len(ordered)):
        tokens += new[place]
        if tokens > longest:
            cuts.append(place)
            tokens = len(ordered[place])
    return cuts


def _cost(ordered: Sequence[Path], new: Sequence[int], cuts: Sequence[int]) -> int:
    """What the rows of these cuts cost, in rows."""
    tokens = [len(ordered[a]) + sum(new[a + 1 : b]) for a, b in pairwise([*cuts, len(ordered)])]
    return sum(tokens) + _START_ROWS * max(tokens)
