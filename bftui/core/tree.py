"""The token tree: every token ever generated, in flat arrays, with no recursion anywhere.

Node numbers count from 0 in the order of creation and never change; nodes never vanish. A root holds a whole prompt,
any other node one token. Links are plain integer arrays and grow by appending; the numbers of a node live in blocks
of fixed size, so that adding the 100,000th costs what the first did.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bftui.core.batch import Batch
from bftui.core.constrained import UnderConstraint
from bftui.core.distribution import TOP, NextToken, TokenScore, frozen

_BLOCK_BITS = 8
_BLOCK = 1 << _BLOCK_BITS

_NUMBERS = np.dtype(
    [
        ("logprob", "f8"),
        ("logprob_truncated", "f8"),
        ("rank", "i4"),
        ("elapsed_ms", "f4"),
        ("n_top", "i4"),
        ("kept", "i4"),
        ("entropy", "f8"),
        ("entropy_truncated", "f8"),
        ("varentropy", "f8"),
        ("entropy_lo", "f8"),
        ("entropy_hi", "f8"),
        ("temperature", "f8"),
        ("log_kept", "f8"),
        ("collision", "f8"),
        ("tail_mass", "f8"),
    ]
)


class Block:
    """The numbers of some consecutive nodes, as columns.

    Attributes:
        numbers: structured array of shape (nodes,); `n_top` is -1 where nothing comes after a node.
        top_ids, top_logprobs: candidates, shape (nodes, TOP); the first `n_top` of a row count.
        top_truncated: ln P~ of these, NaN in rows of which `kept` tells it; None where that is every row.
    """

    __slots__ = ("numbers", "top_ids", "top_logprobs", "top_truncated")

    def __init__(self, size: int = _BLOCK) -> None:
        self.numbers = np.zeros(size, _NUMBERS)
        self.top_ids = np.zeros((size, TOP), np.int32)
        self.top_logprobs = np.zeros((size, TOP))
        self.top_truncated: NDArray[np.float64] | None = None

    def rows(self, start: int, stop: int) -> Block:
        """Return some of the rows; they share the memory of the block."""
        part = Block.__new__(Block)
        part.numbers = self.numbers[start:stop]
        part.top_ids, part.top_logprobs = self.top_ids[start:stop], self.top_logprobs[start:stop]
        listed = self.top_truncated
        part.top_truncated = None if listed is None else listed[start:stop]
        return part

    def _list(self, row: int, following: NextToken) -> None:
        """Keeps ln P~ of the candidates where the number of kept tokens does not tell it."""
        listed = following.top_truncated
        if self.top_truncated is None:
            if listed is None:
                return
            self.top_truncated = np.full(self.top_logprobs.shape, math.nan)
        self.top_truncated[row] = math.nan
        if listed is not None:
            self.top_truncated[row, : len(listed)] = listed

    def listed(self, row: int, n: int) -> NDArray[np.float64] | None:
        """Return ln P~ of the `n` candidates of a row, -inf where P~ is 0; None where `kept` tells it."""
        if self.top_truncated is None or math.isnan(self.top_truncated[row, 0]):
            return None
        return frozen(self.top_truncated[row, :n].copy())

    def write(
        self, row: int, scored: TokenScore | None, following: NextToken | None, elapsed_ms: float
    ) -> None:
        """Puts a node's numbers in their places; one assignment for all, as it is done in every step."""
        own: tuple[float, float, int] = (0.0, math.nan, 0)
        if scored is not None:
            truncated = scored.logprob_truncated
            own = scored.logprob, math.nan if truncated is None else truncated, scored.rank
        if following is None:
            self.numbers[row] = (*own, elapsed_ms, -1, 0, *(0.0,) * 9)
            return
        n = len(following.top_ids)
        self.top_ids[row, :n] = following.top_ids
        self.top_logprobs[row, :n] = following.top_logprobs
        self._list(row, following)
        self.numbers[row] = (
            *own,
            elapsed_ms,
            n,
            following.kept,
            following.entropy,
            following.entropy_truncated,
            following.varentropy,
            following.entropy_lo,
            following.entropy_hi,
            following.temperature,
            following.log_kept,
            following.collision,
            following.tail_mass,
        )


class Source(IntEnum):
    """How a node came to be."""

    PROMPT = 0
    SAMPLED = 1
    GREEDY = 2
    FORCED = 3
    NUDGED = 4
    ROLLOUT = 5

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Node:
    """One node as the trace shows it; `next` is the distribution after it, None after an end-of-generation token.

    `batch` says what it was evaluated in (the trace's `read`), where its numbers depend on that; of a root it is the
    first one of its prompt.
    """

    id: int
    parent: int | None
    token_id: int | None
    source: str
    sampler: int
    draw: int | None
    logprob: float | None
    logprob_truncated: float | None
    rank: int | None
    eog: bool
    next: NextToken | None
    elapsed_ms: float
    batch: Batch | None = None


class Tree:
    """A forest of roots (prompts) and token nodes; append-only, one writer, any number of readers."""

    def __init__(self, n_vocab: int) -> None:
        self.n_vocab = n_vocab
        self._parent = array("i")
        self._token = array("i")
        self._source = array("b")
        self._sampler = array("i")
        self._drawn = array("i")
        self._draw = array("q")
        self._eog = array("b")
        self._batch_start = array("i")
        self._batch_rows = array("i")
        self._depth = array("i")
        self._first = array("i")
        self._last = array("i")
        self._sibling = array("i")
        self._visited = array("i")
        self._count = array("i")
        self._blocks: list[Block] = []
        self._prompts: dict[int, tuple[int, ...]] = {}
        self._constraints: dict[int, UnderConstraint] = {}

    def __len__(self) -> int:
        return len(self._visited)

    @property
    def roots(self) -> list[int]:
        """The prompts' nodes, oldest first."""
        return list(self._prompts)

    def add_root(
        self,
        token_ids: Sequence[int],
        following: NextToken | None,
        *,
        sampler: int,
        elapsed_ms: float,
        batch: Batch | None = None,
    ) -> int:
        """Adds a prompt and the distribution after it; returns its node."""
        node = len(self)
        self._prompts[node] = tuple(token_ids)
        return self._append(
            -1, -1, Source.PROMPT, sampler, -1, None, False, following, elapsed_ms, batch
        )

    def add(
        self,
        parent: int,
        scored: TokenScore,
        source: Source,
        following: NextToken | None,
        *,
        sampler: int,
        draw: int | None = None,
        eog: bool = False,
        elapsed_ms: float = 0.0,
        batch: Batch | None = None,
    ) -> int:
        """Adds one token below `parent`, with the distribution after it; returns its node."""
        at = -1 if draw is None else draw
        return self._append(
            parent, scored.token_id, source, sampler, at, scored, eog, following, elapsed_ms, batch
        )

    def _append(
        self,
        parent: int,
        token_id: int,
        source: Source,
        sampler: int,
        draw: int,
        scored: TokenScore | None,
        eog: bool,
        following: NextToken | None,
        elapsed_ms: float,
        batch: Batch | None,
    ) -> int:
        node = len(self)
        if node >> _BLOCK_BITS == len(self._blocks):
            self._blocks.append(Block())
        self._write(node, scored, following, elapsed_ms)
        self._parent.append(parent)
        self._token.append(token_id)
        self._source.append(source)
        self._sampler.append(sampler)
        self._drawn.append(sampler)
        self._draw.append(draw)
        self._eog.append(eog)
        self._batch_start.append(0 if batch is None else batch.start)
        self._batch_rows.append(0 if batch is None else batch.rows)
        self._depth.append(self._depth[parent] + 1 if parent >= 0 else 0)
        self._first.append(-1)
        self._last.append(-1)
        self._sibling.append(-1)
        self._count.append(0)
        # `_visited` is last: its length is the length of the tree, so a reader never sees half a node.
        self._visited.append(-1)
        if parent >= 0:
            if self._first[parent] < 0:
                self._first[parent] = node
            else:
                self._sibling[self._last[parent]] = node
            self._last[parent] = node
            self._count[parent] += 1
            self._visited[parent] = node
        return node

    def _write(
        self, node: int, scored: TokenScore | None, following: NextToken | None, elapsed_ms: float
    ) -> None:
        block = self._blocks[node >> _BLOCK_BITS]
        block.write(node & (_BLOCK - 1), scored, following, elapsed_ms)
        constraint = None if following is None else following.constraint
        if constraint is not None:
            self._constraints[node] = constraint
        elif self._constraints:
            self._constraints.pop(node, None)

    def _read(self, node: int) -> tuple[Any, ...]:
        """A node's numbers in the order of `_NUMBERS`."""
        numbers: tuple[Any, ...] = (
            self._blocks[node >> _BLOCK_BITS].numbers[node & (_BLOCK - 1)].item()
        )
        return numbers

    def rescore(
        self, node: int, scored: TokenScore | None, following: NextToken | None, *, sampler: int
    ) -> None:
        """Replaces a node's numbers by those under another sampler; token, source, draw and place stay."""
        self._write(node, scored, following, self._read(node)[3])
        self._sampler[node] = sampler

    # Links -----------------------------------------------------------------------------------------------------

    def links(self) -> tuple[list[int], list[int]]:
        """Return the parent and the token of every node; -1 where there is none."""
        return self._parent.tolist(), self._token.tolist()

    def parent(self, node: int) -> int | None:
        parent = self._parent[node]
        return None if parent < 0 else parent

    def token_id(self, node: int) -> int | None:
        token = self._token[node]
        return None if token < 0 else token

    def of_prompt(self, node: int) -> bool:
        """Whether this is a prompt, or a token of a user's turn: given to the model, and no choice of anybody's."""
        return self._source[node] == Source.PROMPT

    def source(self, node: int) -> Source:
        return Source(self._source[node])

    def sampler(self, node: int) -> int:
        return self._sampler[node]

    def drawn_under(self, node: int) -> int:
        """Return the sampler that the token was drawn under; `sampler` is the one that its numbers are for now."""
        return self._drawn[node]

    def batch(self, node: int) -> Batch | None:
        """Return what a node was evaluated in; None where nobody said, or nothing depends on it."""
        rows = self._batch_rows[node]
        if not rows:
            return None
        # Of a prompt the last logits alone are asked for.
        return Batch(self._batch_start[node], rows, rows > 1 and self._parent[node] >= 0)

    def batches(self) -> list[Batch | None]:
        """Return the batch of every node."""
        return [self.batch(node) for node in range(len(self))] if any(self._batch_rows) else []

    def eog(self, node: int) -> bool:
        return bool(self._eog[node])

    def depth(self, node: int) -> int:
        """Return tokens between the node's root and the node; 0 for a root."""
        return self._depth[node]

    def children(self, node: int) -> Iterator[int]:
        """Children, oldest first."""
        child = self._first[node]
        while child >= 0:
            yield child
            child = self._sibling[child]

    def child_count(self, node: int) -> int:
        return self._count[node]

    def visit(self, node: int) -> None:
        """Remembers this node as the child last visited of its parent."""
        parent = self._parent[node]
        if parent >= 0:
            self._visited[parent] = node

    def last_visited(self, node: int) -> int | None:
        """Return the child that `forward` goes to."""
        child = self._visited[node]
        return None if child < 0 else child

    def root(self, node: int) -> int:
        """Return the root above this node: O(depth)."""
        while self._parent[node] >= 0:
            node = self._parent[node]
        return node

    def path(self, node: int) -> list[int]:
        """Nodes from the root to this node, both included."""
        nodes = [node]
        while self._parent[node] >= 0:
            node = self._parent[node]
            nodes.append(node)
        nodes.reverse()
        return nodes

    def prompt_ids(self, root: int) -> tuple[int, ...]:
        """Return the token ids of the prompt at this root."""
        return self._prompts[root]

    def token_ids(self, node: int) -> list[int]:
        """Return the absolute prefix: the prompt's ids, then those of the path."""
        path = self.path(node)
        return [*self._prompts[path[0]], *(self._token[n] for n in path[1:])]

    # Numbers ---------------------------------------------------------------------------------------------------

    def next(self, node: int) -> NextToken | None:
        """Return the distribution after this node."""
        return self._following(node, self._read(node))

    def _following(self, node: int, numbers: tuple[Any, ...]) -> NextToken | None:
        n = numbers[4]
        if n < 0:
            return None
        kept, full, truncated, varentropy, low, high, temperature, log_kept, collision, tail = (
            numbers[5:]
        )
        block, row = self._blocks[node >> _BLOCK_BITS], node & (_BLOCK - 1)
        return NextToken(
            n_vocab=self.n_vocab,
            entropy=full,
            entropy_truncated=truncated,
            kept=kept,
            varentropy=varentropy,
            entropy_lo=low,
            entropy_hi=high,
            temperature=temperature,
            log_kept=log_kept,
            collision=collision,
            top_ids=frozen(block.top_ids[row, :n].copy()),
            top_logprobs=frozen(block.top_logprobs[row, :n].copy()),
            tail_mass=tail,
            top_truncated=block.listed(row, n),
            constraint=self._constraints.get(node),
        )

    def entropies(self, node: int) -> tuple[float, float] | None:
        """(H(P), H(P~)) after this node in nats, without making a NextToken."""
        numbers = self._read(node)
        return None if numbers[4] < 0 else (numbers[6], numbers[7])

    def constraint(self, node: int) -> UnderConstraint | None:
        """Return what a constraint makes of what comes after a node; None where none governs it."""
        return self._constraints.get(node)

    def logprob(self, node: int) -> float:
        """ln P of a node's token, without making a Node; 0 for a prompt."""
        logprob: float = self._read(node)[0]
        return logprob

    def blocks(self, stop: int, start: int = 0) -> Iterator[tuple[range, Block]]:
        """Yield the nodes from `start` up to `stop` piece by piece, with their numbers.

        For writing a whole tree: many times faster than `node`.
        """
        while start < stop:
            row = start & (_BLOCK - 1)
            end = min(stop, start - row + _BLOCK)
            block = self._blocks[start >> _BLOCK_BITS]
            yield range(start, end), block.rows(row, row + end - start)
            start = end

    def used_ids(self) -> set[int]:
        """Return every token id that occurs: of prompts, nodes and candidates."""
        found = {i for ids in self._prompts.values() for i in ids}
        found.update(i for i in self._token if i >= 0)
        for _, block in self.blocks(len(self)):
            stored = np.arange(block.top_ids.shape[1]) < block.numbers["n_top"][:, None]
            found.update(np.unique(block.top_ids[stored]).tolist())
        return found

    def draw(self, node: int) -> int | None:
        """Return how many tokens had been sampled before this one; None where it was not sampled."""
        draw = self._draw[node]
        return None if draw < 0 else draw

    def node(self, node: int) -> Node:
        """Return everything about one node."""
        if not 0 <= node < len(self):
            raise IndexError(f"no node {node} in a tree of {len(self)}")
        numbers = self._read(node)
        logprob, truncated, rank, elapsed_ms = numbers[:4]
        token = self.token_id(node)
        return Node(
            id=node,
            parent=self.parent(node),
            token_id=token,
            source=self.source(node).word,
            sampler=self._sampler[node],
            draw=self.draw(node),
            logprob=None if token is None else logprob,
            logprob_truncated=None if token is None or math.isnan(truncated) else truncated,
            rank=None if token is None else rank,
            eog=self.eog(node),
            next=self._following(node, numbers),
            elapsed_ms=elapsed_ms,
            batch=self.batch(node),
        )
