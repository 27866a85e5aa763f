"""Many texts after one prompt, read in batches that share prefixes.

Where rows can be taken back they walk from text to text; see `path_walks.py`. Elsewhere paths below one of them are
rows of a batch that begins there, so that what they share is evaluated once; many paths are read as many such groups.
Two paths of one group that part late evaluate some tokens twice: groups are chosen by what they cost. Which tokens are
evaluated together follows from what is asked for, but where numbers do not depend on it also from what else is drawn.
Not for: the order in which people look at paths; one path is one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.backends.client.path_walks import Path, Walk
from bftui.backends.protocol import Logits, common_prefix
from bftui.core.batch import Batch, afresh, step
from bftui.core.errors import ContextFull, Displaced

L = TypeVar("L")
R = TypeVar("R")

_START_ROWS = 3.0
"""What it costs to evaluate a batch of any size, in rows: about 1 to 4 of small quantised models on a CPU."""

_LARGE = 2**15
"""Tokens of a vocabulary from which on it is worth to wake a thread for a path."""


@dataclass(frozen=True, slots=True)
class PathGroup:
    """Paths that are evaluated together.

    Attributes:
        path: the tokens from the prompt to where the rows begin; the path there is read first.
        rows: the tokens of each row from there, the longest first; none where only that path is read.
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


def groups(paths: Sequence[Path], width: int) -> list[PathGroup]:
    """Return groups that read these paths, in order, with batches of up to `width` rows."""
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
    found, waiting = list[PathGroup](), [root]
    while waiting:
        branch = waiting.pop()
        found.append(PathGroup(branch.path, tuple(_rows(branch))))
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


class PathReader(Generic[L, R]):
    """Reads paths after a prefix, each once: rows walk from path to path, or where they cannot go back, in groups."""

    def __init__(
        self,
        pool: ContinuationPool,
        prefix: Sequence[int],
        paths: Collection[Path],
        take: Callable[[Path, Logits], L],
        read: Callable[[Path, L], R],
        check: Callable[[], None],
        further: Callable[[R], Sequence[Path]] = lambda _reading: (),
        longest: int = 0,
    ) -> None:
        """Args:
        take: keeps what is needed of the logits after a path, while the turn is held.
        read: makes a reading of what was kept; in several threads where vocabularies are large.
        check: raises Cancelled when the work is to stop.
        further: paths one token below that of a reading that are read, too, where rows walk; once for each reading.
        longest: tokens of these at most.
        """
        self._pool, self._ids, self._check = pool, tuple(prefix), check
        self._take, self._read = take, read
        self._further, self._longest = further, longest
        self._unread = set(paths)
        info = pool.backend.info
        whole = len(self._ids) + max([longest, *map(len, self._unread)])
        self._walks = info.ragged or whole <= info.rows_rewind
        self._below: dict[Path, Sequence[Path]] = {}

    def run(self) -> Generator[R, None, None]:
        """Yield the reading of each path. Raises ContextFull, InvalidToken, Cancelled."""
        if self._walks:
            yield from self._walked()
        else:
            yield from self._grouped()

    # Walks -----------------------------------------------------------------------------------------------------

    def _walked(self) -> Iterator[R]:
        """Rows walk through all paths; where there is no room for them, fewer rows do."""
        asked = sorted(self._unread)
        if not asked:
            return
        root = asked[0][: common_prefix(asked[0], asked[-1])]
        if root in self._unread:
            yield self._first(root, alone=len(asked) == 1 and not self._longest)
        asked = [*(path for path in asked if path != root), *self._below.get(root, ())]
        width, padded = self._pool.width, self._pool.backend.info.padded
        while self._unread:
            # Where numbers depend on what is evaluated together, all that was asked for is, again.
            paths = [path[len(root) :] for path in (asked if padded else self._unread)]
            longest = max(self._longest - len(root), *map(len, paths), 1)
            if not padded:
                width = min(width, self._pool.room(longest, reserve=True))
            try:
                yield from self._walk(root, Walk(paths, width), longest)
            except Displaced:
                # Other work took their room: they begin again.
                continue
            except ContextFull:
                if width == 1:
                    raise
                width = (width + 1) // 2

    def _walk(self, root: Path, walk: Walk, longest: int) -> Iterator[R]:
        """Steps all rows together until none has anything left."""
        prefix, batches = self._prefix(root)
        with self._pool.open(prefix, walk.rows, longest, batches=batches) as batch:
            while True:
                with self._pool.turn:
                    self._check()
                    came = walk.step(batch)
                    if came is None:
                        return
                    there = [(*root, *path) for _, path, _ in came]
                    found = self._taken(there, [logits for _, _, logits in came])
                yield from self._readings(found)
                for (row, _, _), path in zip(came, there, strict=True):
                    walk.add(row, [each[len(root) :] for each in self._below.get(path, ())])

    # Groups ----------------------------------------------------------------------------------------------------

    def _grouped(self) -> Iterator[R]:
        """One group of rows after the other."""
        width = self._pool.width
        for group in groups(list(self._unread), width):
            if group.path in self._unread:
                yield self._first(group.path, alone=not group.rows)
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

    def _together(self, path: Path, rows: Sequence[Path]) -> Iterator[R]:
        """Reads what of these rows is not read yet, step by step."""
        prefix, batches = self._prefix(path)
        longest = len(rows[0])
        with self._pool.open(prefix, len(rows), longest, batches=batches) as batch:
            for length in range(1, longest + 1):
                going = [row for row in rows if len(row) >= length]
                with self._pool.turn:
                    self._check()
                    logits = batch.step(range(len(going)), [row[length - 1] for row in going])
                    found = self._taken([(*path, *row[:length]) for row in going], logits)
                yield from self._readings(found)

    # Both ------------------------------------------------------------------------------------------------------

    def _prefix(self, path: Path) -> tuple[list[int], list[Batch] | None]:
        """A path after the prefix, and the batches that it is read in: each token alone."""
        begun, ids = len(self._ids), [*self._ids, *path]
        if not self._pool.backend.info.shaped:
            return ids, None
        return ids, [*afresh(begun), *map(step, range(begun, len(ids)))]

    def _first(self, path: Path, *, alone: bool) -> R:
        """The path where rows begin; `alone` without any."""
        backend = self._pool.backend
        with self._pool.turn:
            self._check()
            # A path alone needs no room of continuations.
            evaluator = backend.aside if alone else backend.drawing
            kept = self._take(path, evaluator.next_logits(*self._prefix(path)))
            if alone:
                # It was a batch of one: others may open theirs.
                self._pool.finished += 1
        self._unread.remove(path)
        return self._noted(path, self._read(path, kept))

    def _noted(self, path: Path, reading: R) -> R:
        """The same reading; what it is to be gone on to is asked for."""
        if self._walks:
            below = self._further(reading)
            self._below[path] = below
            self._unread.update(below)
        return reading

    def _taken(self, paths: Sequence[Path], logits: Sequence[Logits]) -> list[tuple[Path, L]]:
        """What is kept of the logits after those paths that are not read yet."""
        found = dict[Path, L]()
        for path, row in zip(paths, logits, strict=True):
            if path in self._unread and path not in found:
                found[path] = self._take(path, row)
        self._unread -= found.keys()
        return list(found.items())

    def _readings(self, found: Sequence[tuple[Path, L]]) -> Iterator[R]:
        """Reads paths, with large vocabularies in all threads of the model: it waits meanwhile."""
        info = self._pool.backend.info
        at_once = max(1, info.threads) if info.n_vocab >= _LARGE else 1
        for start in range(0, len(found), at_once):
            own, *others = found[start : start + at_once]
            waited = [self._pool.threads.submit(self._read, *each) for each in others]
            yield self._noted(own[0], self._read(*own))
            for (path, _), each in zip(others, waited, strict=True):
                yield self._noted(path, each.result())
