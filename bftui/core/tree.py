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

from bftui.core.distribution import TOP, NextToken, Scored, frozen

_BLOCK_BITS = 8
_BLOCK = 1 << _BLOCK_BITS

_RECORD = np.dtype(
    [
        ("logprob", "f8"),
        ("logprob_truncated", "f8"),
        ("rank", "i4"),
        ("kept", "i4"),
        ("entropy", "f8"),
        ("entropy_truncated", "f8"),
        ("varentropy", "f8"),
        ("entropy_lo", "f8"),
        ("entropy_hi", "f8"),
        ("temperature", "f8"),
        ("log_kept", "f8"),
        ("tail_mass", "f8"),
        ("elapsed_ms", "f4"),
        ("n_top", "i4"),
        ("top_ids", "i4", (TOP,)),
        ("top_logprobs", "f8", (TOP,)),
    ]
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
    """One node as the trace shows it; `next` is the distribution after it, None after an end-of-generation token."""

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
        self._depth = array("i")
        self._first = array("i")
        self._last = array("i")
        self._sibling = array("i")
        self._visited = array("i")
        self._count = array("i")
        self._records: list[np.ndarray[Any, np.dtype[np.void]]] = []
        self._prompts: dict[int, tuple[int, ...]] = {}

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
    ) -> int:
        """Adds a prompt and the distribution after it; returns its node."""
        node = len(self)
        self._prompts[node] = tuple(token_ids)
        return self._append(-1, -1, Source.PROMPT, sampler, -1, None, False, following, elapsed_ms)

    def add(
        self,
        parent: int,
        scored: Scored,
        source: Source,
        following: NextToken | None,
        *,
        sampler: int,
        draw: int | None = None,
        eog: bool = False,
        elapsed_ms: float = 0.0,
    ) -> int:
        """Adds one token below `parent`, with the distribution after it; returns its node."""
        at = -1 if draw is None else draw
        return self._append(
            parent, scored.token_id, source, sampler, at, scored, eog, following, elapsed_ms
        )

    def _append(
        self,
        parent: int,
        token_id: int,
        source: Source,
        sampler: int,
        draw: int,
        scored: Scored | None,
        eog: bool,
        following: NextToken | None,
        elapsed_ms: float,
    ) -> int:
        node = len(self)
        if node >> _BLOCK_BITS == len(self._records):
            self._records.append(np.zeros(_BLOCK, _RECORD))
        record = self._record(node)
        record["elapsed_ms"] = elapsed_ms
        if scored is not None:
            self._write_scored(record, scored)
        self._write_next(record, following)
        self._parent.append(parent)
        self._token.append(token_id)
        self._source.append(source)
        self._sampler.append(sampler)
        self._drawn.append(sampler)
        self._draw.append(draw)
        self._eog.append(eog)
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

    def _record(self, node: int) -> Any:
        return self._records[node >> _BLOCK_BITS][node & (_BLOCK - 1)]

    @staticmethod
    def _write_scored(record: Any, scored: Scored) -> None:
        truncated = scored.logprob_truncated
        record["logprob"] = scored.logprob
        record["logprob_truncated"] = math.nan if truncated is None else truncated
        record["rank"] = scored.rank

    @staticmethod
    def _write_next(record: Any, following: NextToken | None) -> None:
        if following is None:
            record["n_top"] = -1
            return
        n = len(following.top_ids)
        for name in ("kept", "entropy", "entropy_truncated", "varentropy", "entropy_lo"):
            record[name] = getattr(following, name)
        for name in ("entropy_hi", "temperature", "log_kept", "tail_mass"):
            record[name] = getattr(following, name)
        record["n_top"] = n
        record["top_ids"][:n] = following.top_ids
        record["top_logprobs"][:n] = following.top_logprobs

    def restate(
        self, node: int, scored: Scored | None, following: NextToken | None, *, sampler: int
    ) -> None:
        """Replaces a node's numbers by those under another sampler; token, source, draw and place stay."""
        record = self._record(node)
        if scored is not None:
            self._write_scored(record, scored)
        self._write_next(record, following)
        self._sampler[node] = sampler

    # Links -----------------------------------------------------------------------------------------------------

    def parent(self, node: int) -> int | None:
        parent = self._parent[node]
        return None if parent < 0 else parent

    def token_id(self, node: int) -> int | None:
        token = self._token[node]
        return None if token < 0 else token

    def source(self, node: int) -> Source:
        return Source(self._source[node])

    def sampler(self, node: int) -> int:
        return self._sampler[node]

    def drawn_under(self, node: int) -> int:
        """The sampler that the token was drawn under; `sampler` is the one that its numbers are for now."""
        return self._drawn[node]

    def eog(self, node: int) -> bool:
        return bool(self._eog[node])

    def depth(self, node: int) -> int:
        """Tokens between the node's root and the node; 0 for a root."""
        return self._depth[node]

    def children(self, node: int) -> Iterator[int]:
        """Children, oldest first."""
        child = self._first[node]
        while child >= 0:
            yield child
            child = self._sibling[child]

    def child_count(self, node: int) -> int:
        return self._count[node]

    def child(self, node: int, token_id: int) -> int | None:
        """The child that holds this token."""
        return next((c for c in self.children(node) if self._token[c] == token_id), None)

    def visit(self, node: int) -> None:
        """Remembers this node as the child last visited of its parent."""
        parent = self._parent[node]
        if parent >= 0:
            self._visited[parent] = node

    def last_visited(self, node: int) -> int | None:
        """The child that `forward` goes to."""
        child = self._visited[node]
        return None if child < 0 else child

    def root(self, node: int) -> int:
        """The root above this node: O(depth)."""
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
        """The token ids of the prompt at this root."""
        return self._prompts[root]

    def token_ids(self, node: int) -> list[int]:
        """The absolute prefix: the prompt's ids, then those of the path."""
        path = self.path(node)
        return [*self._prompts[path[0]], *(self._token[n] for n in path[1:])]

    # Numbers ---------------------------------------------------------------------------------------------------

    def next(self, node: int) -> NextToken | None:
        """The distribution after this node."""
        record = self._record(node)
        n = int(record["n_top"])
        if n < 0:
            return None
        return NextToken(
            n_vocab=self.n_vocab,
            entropy=float(record["entropy"]),
            entropy_truncated=float(record["entropy_truncated"]),
            kept=int(record["kept"]),
            varentropy=float(record["varentropy"]),
            entropy_lo=float(record["entropy_lo"]),
            entropy_hi=float(record["entropy_hi"]),
            temperature=float(record["temperature"]),
            log_kept=float(record["log_kept"]),
            top_ids=frozen(record["top_ids"][:n].copy()),
            top_logprobs=frozen(record["top_logprobs"][:n].copy()),
            tail_mass=float(record["tail_mass"]),
        )

    def entropies(self, node: int) -> tuple[float, float] | None:
        """(H(P), H(P~)) after this node in nats, without making a NextToken."""
        record = self._record(node)
        if record["n_top"] < 0:
            return None
        return float(record["entropy"]), float(record["entropy_truncated"])

    def blocks(self, count: int) -> Iterator[tuple[range, np.ndarray[Any, np.dtype[np.void]]]]:
        """The numbers of the first `count` nodes as structured arrays: (node numbers, records).

        For writing a whole tree: many times faster than `node`.
        """
        for start in range(0, count, _BLOCK):
            nodes = range(start, min(count, start + _BLOCK))
            yield nodes, self._records[start >> _BLOCK_BITS][: len(nodes)]

    def draw(self, node: int) -> int | None:
        """How many tokens had been sampled before this one; None where it was not sampled."""
        draw = self._draw[node]
        return None if draw < 0 else draw

    def node(self, node: int) -> Node:
        """Everything about one node."""
        if not 0 <= node < len(self):
            raise IndexError(f"no node {node} in a tree of {len(self)}")
        record = self._record(node)
        token = self.token_id(node)
        truncated = float(record["logprob_truncated"])
        return Node(
            id=node,
            parent=self.parent(node),
            token_id=token,
            source=self.source(node).word,
            sampler=self._sampler[node],
            draw=self.draw(node),
            logprob=None if token is None else float(record["logprob"]),
            logprob_truncated=None if token is None or math.isnan(truncated) else truncated,
            rank=None if token is None else int(record["rank"]),
            eog=self.eog(node),
            next=self.next(node),
            elapsed_ms=float(record["elapsed_ms"]),
        )
