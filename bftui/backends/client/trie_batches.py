"""Nodes of a valid set, read in batches that share prefixes.

Nodes below one of them are rows of a batch that begins there, so that what they share is evaluated once; a large trie
is read as many such groups. A row of a batch cannot go back, so that two answers of one group that part late evaluate
some tokens twice: groups are chosen by what they cost. Which tokens are evaluated together follows from the plan, but
where numbers do not depend on it also from what else is drawn.
Not for: the order in which people look at nodes; a plan of one node is one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bftui.backends.client.client_protocol import TriePlan
from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import F32, check_prefix
from bftui.core.batch import Batch, afresh, step
from bftui.core.errors import ContextFull, Displaced, UsageError
from bftui.core.valid.node_reading import NodeReading, read_node
from bftui.core.valid.token_trie import TrieNode

Path = tuple[int, ...]

_START_ROWS = 3.0
"""What it costs to evaluate a batch of any size, in rows: about 1 to 4 of small quantised models on a CPU."""


_LARGE = 2**15
"""Tokens of a vocabulary from which on it is worth to wake a thread for a node."""


@dataclass(frozen=True, slots=True)
class TrieGroup:
    """Nodes that are evaluated together.

    Attributes:
        path: the tokens from the prompt to where the rows begin; the node there is read first.
        rows: the tokens of each row from there, the longest first; none where only that node is read.
    """

    path: Path
    rows: tuple[Path, ...]


@dataclass(slots=True, eq=False)
class _Branch:
    """What is wanted at a path and below it.

    Attributes:
        leaves: how many paths end below it, or at it where none goes on.
        tokens: the lengths of these from the prompt, summed.
        cost: what it costs to read everything here and below in groups that begin here; in rows.
        alone: whether a group of its own begins here.
    """

    path: Path
    below: dict[int, _Branch] = field(default_factory=dict)
    leaves: int = 0
    tokens: int = 0
    cost: float = 0.0
    alone: bool = False


def groups(paths: Sequence[Path], width: int) -> list[TrieGroup]:
    """Return groups that read the nodes at these paths, in order, with batches of up to `width` rows."""
    if not paths:
        return []
    root = _Branch(())
    for path in sorted(paths):
        at = root
        for length, token_id in enumerate(path, 1):
            at = at.below.setdefault(token_id, _Branch(path[:length]))
    wanted = set(paths)
    while root.path not in wanted and len(root.below) == 1:
        (root,) = root.below.values()
    order = [root]
    for branch in order:
        order += branch.below.values()
    for branch in reversed(order):
        _weigh(branch, width)
    found, waiting = list[TrieGroup](), [root]
    while waiting:
        branch = waiting.pop()
        found.append(TrieGroup(branch.path, tuple(_rows(branch))))
        waiting += [each for each in reversed(branch.below.values()) if each.alone]
    return found


def _weigh(branch: _Branch, width: int) -> None:
    """Settles which of the branches below are in groups of their own, once all of these are settled."""
    depth = len(branch.path)
    for each in branch.below.values():
        branch.leaves += each.leaves
        branch.tokens += each.tokens
        together = (each.tokens - each.leaves * depth) * (1 + _START_ROWS / width)
        each.alone = each.cost < together
    if not branch.below:
        branch.leaves, branch.tokens = 1, depth
    lengths = [len(row) for row in _rows(branch)]
    batches = sum(lengths[::width])
    branch.cost = 1 + sum(lengths) + _START_ROWS * (1 + batches)
    branch.cost += sum(each.cost for each in branch.below.values() if each.alone)


def _rows(branch: _Branch) -> list[Path]:
    """The rows of the group that begins here, the longest first."""
    depth, found = len(branch.path), list[Path]()
    waiting = [each for each in branch.below.values() if not each.alone]
    while waiting:
        each = waiting.pop()
        waiting += each.below.values()
        if not each.below:
            found.append(each.path[depth:])
    return sorted(found, key=lambda row: (-len(row), row))


def read_trie(
    pool: ContinuationPool, plan: TriePlan, check: Callable[[], None]
) -> Generator[NodeReading, None, None]:
    """Yield each node of a plan; see `ModelClient.read_trie`. Raises ContextFull, InvalidToken, UsageError.

    `check` raises Cancelled when the work is to stop.
    """
    info = pool.backend.info
    wanted = {node.path: (number, node) for number, node in plan.nodes}
    if len(wanted) < len(plan.nodes):
        raise UsageError("two nodes of a valid set have the same path")
    for path in wanted:
        check_prefix([*plan.prefix, *path], info.n_vocab, info.n_ctx)
    return _Walk(pool, plan, wanted, check).run()


class _Walk:
    """Reads the groups of a plan, one after the other."""

    def __init__(
        self,
        pool: ContinuationPool,
        plan: TriePlan,
        wanted: Mapping[Path, tuple[int, TrieNode]],
        check: Callable[[], None],
    ) -> None:
        self._pool, self._plan, self._check = pool, plan, check
        self._unread = dict(wanted)

    def run(self) -> Generator[NodeReading, None, None]:
        width = self._pool.width
        for group in groups(list(self._unread), width):
            if group.path in self._unread:
                yield self._first(group)
            rows_of = range(0, len(group.rows), width)
            waiting = [group.rows[start : start + width] for start in rows_of]
            while waiting:
                rows = waiting.pop(0)
                room = self._room(rows)
                if room < len(rows):
                    waiting[:0] = [rows[:room], rows[room:]]
                    continue
                try:
                    yield from self._together(group.path, rows)
                except Displaced:
                    # Other work took their room: they begin again, in the same places.
                    waiting.insert(0, rows)
                except ContextFull:
                    if len(rows) == 1:
                        raise
                    half = (len(rows) + 1) // 2
                    waiting[:0] = [rows[:half], rows[half:]]

    def _room(self, rows: Sequence[Path]) -> int:
        """How many of these there is room for beside what others draw; padded batches have all of it in turn."""
        if self._pool.backend.info.padded:
            return len(rows)
        return self._pool.room(len(rows[0]), reserve=True)

    def _prefix(self, path: Path) -> tuple[list[int], list[Batch] | None]:
        """A path after the prompt, and the batches that it is read in: each token alone."""
        begun, ids = len(self._plan.prefix), [*self._plan.prefix, *path]
        if not self._pool.backend.info.shaped:
            return ids, None
        return ids, [*afresh(begun), *map(step, range(begun, len(ids)))]

    def _first(self, group: TrieGroup) -> NodeReading:
        """The node where a group begins."""
        backend = self._pool.backend
        with self._pool.turn:
            self._check()
            # A node alone needs no room of continuations.
            evaluator = backend.drawing if group.rows else backend.aside
            logits = in_memory(evaluator.next_logits(*self._prefix(group.path)))
            if not group.rows:
                # It was a batch of one: others may open theirs.
                self._pool.finished += 1
        return self._read(group.path, logits)

    def _together(self, path: Path, rows: Sequence[Path]) -> Iterator[NodeReading]:
        """Reads what of these rows is not read yet, step by step."""
        prefix, batches = self._prefix(path)
        longest = len(rows[0])
        with self._pool.open(prefix, len(rows), longest, batches=batches) as batch:
            for length in range(1, longest + 1):
                going = [row for row in rows if len(row) >= length]
                with self._pool.turn:
                    self._check()
                    logits = batch.step(range(len(going)), [row[length - 1] for row in going])
                    found = {}
                    for place, row in enumerate(going):
                        at = (*path, *row[:length])
                        if at in self._unread and at not in found:
                            found[at] = in_memory(logits[place])
                yield from self._readings(list(found.items()))

    def _readings(self, found: Sequence[tuple[Path, F32]]) -> Iterator[NodeReading]:
        """Reads nodes, with large vocabularies in all threads of the model: it waits meanwhile."""
        info = self._pool.backend.info
        at_once = max(1, info.threads) if info.n_vocab >= _LARGE else 1
        for start in range(0, len(found), at_once):
            own, *others = found[start : start + at_once]
            waited = [self._pool.threads.submit(self._read, *each) for each in others]
            yield self._read(*own)
            for each in waited:
                yield each.result()

    def _read(self, path: Path, logits: F32) -> NodeReading:
        number, node = self._unread.pop(path)
        plan = self._plan
        prompt = len(plan.prefix) if plan.prompt is None else plan.prompt
        ids = (*plan.prefix, *path)
        sampler, steering = self._pool.sampling.at(plan.sampler, ids, prompt)
        steered = None if steering is None else steering.of(logits, sampler)
        return read_node(logits, number, node, sampler, plan.grid, steered=steered, fit=plan.fit)
