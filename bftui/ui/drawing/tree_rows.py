"""The rows of the tree pane: which nodes share a row, in which order, kept up node by node.

A row is a run: a token and those below it for as long as there is one child. A prompt is a row of its own. Rows stand
in depth-first order, children oldest first. One more node costs a few look-ups and, at a fork, one insertion; nothing
here recurses or walks the whole tree. Pure: no Textual, no drawing, no numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Protocol

_BLOCK = 512


class TreeLinks(Protocol):
    """What the rows read of a token tree: nodes count from 0 in order of creation and never change."""

    def __len__(self) -> int: ...

    def parent(self, node: int) -> int | None: ...

    def depth(self, node: int) -> int: ...

    def children(self, node: int) -> Iterator[int]: ...


class _Block:
    __slots__ = ("items",)

    def __init__(self, items: list[int]) -> None:
        self.items = items


class RowOrder:
    """A sequence of small integers, each once, with quick insertion next to an item and quick place of an item."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._block_of: list[_Block | None] = []
        self._starts: list[int] | None = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self._length:
            raise IndexError(index)
        starts = self._indexed()
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= index:
                low = middle
            else:
                high = middle
        return self._blocks[low].items[index - starts[low]]

    def __iter__(self) -> Iterator[int]:
        for block in self._blocks:
            yield from block.items

    def index(self, item: int) -> int:
        """Where an item stands."""
        block = self._holder(item)
        return self._indexed()[self._blocks.index(block)] + block.items.index(item)

    def append(self, item: int) -> None:
        """Puts an item at the end."""
        if not self._blocks:
            self._blocks.append(_Block([]))
        block = self._blocks[-1]
        self._insert(block, len(block.items), item)

    def insert_after(self, item: int, new: int) -> None:
        """Puts a new item right after another."""
        block = self._holder(item)
        self._insert(block, block.items.index(item) + 1, new)

    def insert_before(self, item: int, new: int) -> None:
        """Puts a new item right before another."""
        block = self._holder(item)
        self._insert(block, block.items.index(item), new)

    def _holder(self, item: int) -> _Block:
        block = self._block_of[item]
        if block is None:
            raise ValueError(item)
        return block

    def _insert(self, block: _Block, at: int, item: int) -> None:
        block.items.insert(at, item)
        while len(self._block_of) <= item:
            self._block_of.append(None)
        self._block_of[item] = block
        self._length += 1
        self._starts = None
        if len(block.items) > _BLOCK:
            half = _Block(block.items[_BLOCK // 2 :])
            del block.items[_BLOCK // 2 :]
            for moved in half.items:
                self._block_of[moved] = half
            self._blocks.insert(self._blocks.index(block) + 1, half)

    def _indexed(self) -> list[int]:
        if self._starts is None:
            self._starts = []
            total = 0
            for block in self._blocks:
                self._starts.append(total)
                total += len(block.items)
        return self._starts


class TreeRows:
    """The rows of one tree. Runs are named by numbers that never change; `order` says where each stands.

    Attributes:
        order: the runs in the order of their rows.
        pruned: nodes that are hidden with everything below: guides lead past them.
    """

    def __init__(self, tree: TreeLinks) -> None:
        self._tree = tree
        self._run_of = array("i")
        self._latest = array("i")
        self._head = array("i")
        self._tail = array("i")
        self._letter = array("i")
        self._letters = 0
        self.order = RowOrder()
        self.pruned: frozenset[int] = frozenset()
        self.sync()

    def __len__(self) -> int:
        return len(self.order)

    def sync(self) -> bool:
        """Takes in what the tree grew; whether it did."""
        seen, count = len(self._run_of), len(self._tree)
        for node in range(seen, count):
            self._add(node)
        return count > seen

    # Reading ---------------------------------------------------------------------------------------------------

    def run_at(self, row: int) -> int:
        """The run that a row shows."""
        return self.order[row]

    def row_of(self, node: int) -> int:
        """The row that holds a node."""
        return self.order.index(self._run_of[node])

    @property
    def known(self) -> int:
        """How many nodes of the tree are in its rows: those of the last `sync`."""
        return len(self._run_of)

    def run_of(self, node: int) -> int:
        """The run that holds a node."""
        return self._run_of[node]

    def head(self, run: int) -> int:
        """The first node of a run."""
        return self._head[run]

    def tail(self, run: int) -> int:
        """The last node of a run: a leaf, a fork or a prompt."""
        return self._tail[run]

    def length(self, run: int) -> int:
        """How many nodes a run holds."""
        return self._tree.depth(self._tail[run]) - self._tree.depth(self._head[run]) + 1

    def letter(self, run: int) -> int | None:
        """The number, from 0, of the branch that a run begins; None where nothing forks above it."""
        letter = self._letter[run]
        return None if letter < 0 else letter

    def leading(self, run: int, count: int) -> list[int]:
        """The first nodes of a run, at most `count`."""
        node, tail = self._head[run], self._tail[run]
        nodes = [node]
        while node != tail and len(nodes) < count:
            node = next(self._tree.children(node))
            nodes.append(node)
        return nodes

    def last_below(self, run: int) -> int:
        """The run in the last row of everything below a run."""
        while (child := self._latest[self._tail[run]]) >= 0:
            run = self._run_of[child]
        return run

    def above(self, run: int, levels: int) -> int | None:
        """The run so many levels up; None where the prompt is nearer."""
        for _ in range(levels):
            parent = self._tree.parent(self._head[run])
            if parent is None:
                return None
            run = self._run_of[parent]
        return run

    def guides(self, run: int, base: int | None, limit: int) -> tuple[tuple[bool, ...], bool]:
        """For a run and those above it, outermost first: whether it is its parent's last child.

        Those of `base` and above are left out, and the second value says so; None leaves out nothing. A run that is not
        at most `limit` levels below `base` has no guides. A prompt has none.
        """
        last: list[bool] = []
        head = self._head[run]
        while (parent := self._tree.parent(head)) is not None:
            if self._run_of[head] == base:
                return tuple(reversed(last)), True
            if len(last) == limit:
                return (), True
            last.append(self._ends(parent, head))
            head = self._head[self._run_of[parent]]
        return (tuple(reversed(last)), False) if base is None else ((), True)

    def _ends(self, parent: int, head: int) -> bool:
        """Whether a node is its parent's last child that is shown."""
        latest = self._latest[parent]
        if latest in self.pruned:
            shown = [child for child in self._tree.children(parent) if child not in self.pruned]
            latest = shown[-1] if shown else latest
        return latest == head

    # Growing ---------------------------------------------------------------------------------------------------

    def _add(self, node: int) -> None:
        parent = self._tree.parent(node)
        self._latest.append(-1)
        if parent is None:
            self._run_of.append(self._new_run(node, node, -1))
            self.order.append(self._run_of[node])
            return
        run = self._run_of[parent]
        elder = self._latest[parent]
        self._latest[parent] = node
        if elder >= 0:
            self._fork(parent, elder, node)
        elif self._tree.parent(parent) is None:
            self._run_of.append(self._new_run(node, node, -1))
            self.order.insert_after(run, self._run_of[node])
        else:
            self._tail[run] = node
            self._run_of.append(run)

    def _fork(self, parent: int, elder: int, node: int) -> None:
        if self._run_of[elder] == self._run_of[parent]:
            self._split(parent, elder)
        self._name(self._run_of[elder])
        run = self._new_run(node, node, -1)
        self._name(run)
        self._run_of.append(run)
        self.order.insert_after(self.last_below(self._run_of[elder]), run)

    def _split(self, upper: int, lower: int) -> None:
        """Ends the run of both after `upper`; the shorter part gets the new number, so that long runs stay cheap."""
        run = self._run_of[upper]
        head, tail = self._head[run], self._tail[run]
        depth = self._tree.depth
        if depth(tail) - depth(lower) <= depth(upper) - depth(head):
            new = self._new_run(lower, tail, -1)
            self._tail[run] = upper
            self._relabel(tail, lower, new)
            self.order.insert_after(run, new)
        else:
            new = self._new_run(head, upper, self._letter[run])
            self._head[run] = lower
            self._letter[run] = -1
            self._relabel(upper, head, new)
            self.order.insert_before(run, new)

    def _relabel(self, lowest: int, highest: int, run: int) -> None:
        node: int | None = lowest
        while node is not None:
            self._run_of[node] = run
            node = None if node == highest else self._tree.parent(node)

    def _name(self, run: int) -> None:
        """Gives a branch the next letter, once and for good."""
        if self._letter[run] < 0:
            self._letter[run] = self._letters
            self._letters += 1

    def _new_run(self, head: int, tail: int, letter: int) -> int:
        self._head.append(head)
        self._tail.append(tail)
        self._letter.append(letter)
        return len(self._head) - 1


class TreeTexts:
    """The lower-case text of every row, for searching.

    One more token costs what its row is long at most, and nothing where it goes on.
    """

    def __init__(self, tree: TreeLinks, rows: TreeRows, label: Callable[[int], str]) -> None:
        """`label` gives the text of a node, which never changes."""
        self._tree, self._rows, self._label = tree, rows, label
        self._labels: list[str] = []
        self._texts: dict[int, str] = {}

    def sync(self) -> None:
        """Takes in what the tree grew; the rows have it already."""
        seen = len(self._labels)
        self._labels += [self._label(node).lower() for node in range(seen, len(self._tree))]
        if seen == 0:
            parts: dict[int, list[str]] = {}
            for node, text in enumerate(self._labels):
                parts.setdefault(self._rows.run_of(node), []).append(text)
            self._texts = {run: "".join(texts) for run, texts in parts.items()}
            return
        stale: set[int] = set()
        for node in range(seen, len(self._labels)):
            run, parent = self._rows.run_of(node), self._tree.parent(node)
            if parent is None:
                stale.add(run)
                continue
            beside = [self._rows.run_of(child) for child in self._tree.children(parent)]
            if len(beside) == 1 and run == self._rows.run_of(parent) and run not in stale:
                self._texts[run] = self._texts.get(run, "") + self._labels[node]
            else:
                # A fork may have split its row, and named the rows again.
                stale.update((self._rows.run_of(parent), *beside))
        for run in stale:
            self._texts[run] = self._whole(run)

    def _whole(self, run: int) -> str:
        parts, node, head = [], self._rows.tail(run), self._rows.head(run)
        while node != head:
            parts.append(self._labels[node])
            parent = self._tree.parent(node)
            assert parent is not None
            node = parent
        return "".join(reversed([*parts, self._labels[head]]))

    def containing(self, wanted: str) -> set[int]:
        """The runs whose text contains this, whatever its case."""
        wanted = wanted.lower()
        return {run for run, text in self._texts.items() if wanted in text}
