"""Which of the tree's rows are shown: all but those below a folded node and those of a pruned branch.

Pure: numbers of rows in, numbers of rows out; as cheap as there are few folds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from itertools import islice

from bftui.ui.drawing.tree_rows import TreeRows


class ShownRows:
    """Rows as they are counted on the screen, from 0, of `TreeRows`."""

    def __init__(self, rows: TreeRows) -> None:
        self._rows = rows
        self._state: Hashable = None
        self._hidden: list[tuple[int, int]] = []
        self._at: list[int] = []
        self._skipped: list[int] = [0]
        self.folded: frozenset[int] = frozenset()
        self.pruned: frozenset[int] = frozenset()

    def sync(self, folded: frozenset[int], pruned: frozenset[int]) -> None:
        """Takes in what the rows grew, and what is folded and pruned."""
        state = (len(self._rows), folded, pruned)
        if state == self._state:
            return
        self._state, self.folded, self.pruned = state, folded, pruned
        self._rows.pruned = pruned
        self._hidden = self._ranges()
        self._at, self._skipped = [], [0]
        for start, stop in self._hidden:
            self._at.append(start - self._skipped[-1])
            self._skipped.append(self._skipped[-1] + stop - start)

    def __len__(self) -> int:
        return len(self._rows) - self._skipped[-1]

    def run_at(self, row: int) -> int:
        """The run that a row shows."""
        return self._rows.run_at(row + self._skipped[bisect_right(self._at, row)])

    def runs(self) -> Iterator[int]:
        """The runs of all rows, in order."""
        order, start = iter(self._rows.order), 0
        for first, stop in self._hidden:
            yield from islice(order, first - start)
            for _ in islice(order, stop - first):
                pass
            start = stop
        yield from order

    def row_of(self, run: int) -> int:
        """The row that shows a run; for one that is hidden, the row that hides it."""
        index = self._rows.order.index(run)
        place = bisect_right(self._hidden, (index, len(self._rows) + 1)) - 1
        if place < 0:
            return index
        start, stop = self._hidden[place]
        if index < stop:
            return max(0, start - 1 - self._skipped[place])
        return index - self._skipped[place + 1]

    def folded_rows(self, run: int) -> int:
        """How many rows are folded away below a run."""
        if not self.folded or self._rows.tail(run) not in self.folded:
            return 0
        order = self._rows.order
        return order.index(self._rows.last_below(run)) - order.index(run)

    def _ranges(self) -> list[tuple[int, int]]:
        """The hidden rows as (first, one past the last), in order, none touching another."""
        rows, found = self._rows, []
        for node in (*self.folded, *self.pruned):
            run = rows.run_of(node)
            first = rows.order.index(run)
            # A branch that was pruned in the middle of its row keeps the row: its beginning is not pruned.
            whole = node in self.pruned and rows.head(run) == node
            found.append(
                (first if whole else first + 1, rows.order.index(rows.last_below(run)) + 1)
            )
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(found):
            if stop <= start:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return merged
