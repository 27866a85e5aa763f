"""Numbers of whole answers, exact, folded from the readings of the nodes of a valid set.

Validity, diversity, precision and recall are those of arXiv 2605.11128 (sections 3 and 4, Theorem E.1). An answer is a
path of the trie with its terminator. A node is folded once those below it are: with p the probability of an edge,
Val = sum of p * Val_child and A = sum of p * (A_child + Val_child * ln p), where the end of an answer has Val 1 and A
0, so that the entropy over valid answers is ln Val - A / Val.
Not for: sets that are too large to read; those are sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bftui.core.valid.node_reading import NodeReading
from bftui.core.valid.token_trie import TokenTrie

F64 = NDArray[np.float64]

LEAST_VALIDITY = 1e-6
"""Below it the diversity of valid answers is unknown: it would be that of rounding."""


@dataclass(frozen=True, slots=True)
class SequencePoint:
    """What one distribution does to whole answers.

    Attributes:
        validity: the probability of all valid answers.
        diversity: exp of the entropy over valid answers, over their number; None below `LEAST_VALIDITY`.
        precision: how probable a valid answer is where every kept token is equally likely; ids that begin another
            tokenisation are never drawn. The product of `step_precision`.
        recall: the share of valid answers all of whose tokens are kept; the product of `step_recall`. The end of an
            answer is kept where one of its ids is.
        step_precision, step_recall: one factor for each token of the longest answer, its terminator included. Answers
            that ended before count as valid and as kept, so that the products are exact for answers of different
            lengths; where all have one length that is Theorem E.1. None after a factor of 0.
    """

    validity: float
    diversity: float | None
    precision: float
    recall: float
    step_precision: tuple[float | None, ...]
    step_recall: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class NodeAverages:
    """Order and shape over all nodes, each weighted by the share of valid answers that go through it.

    Shape is over nodes of two ways on or more; elsewhere there is nothing to share. See `NodeReading`.

    Attributes:
        auc, recall_at_precision, oracle_recall, inversions: order.
        gap: nats; inf where a valid token has P 0; None where no node has two ways on.
        evenness: None where it is unknown at every node.
    """

    auc: float
    recall_at_precision: float
    oracle_recall: float
    inversions: float
    gap: float | None
    evenness: float | None


@dataclass(frozen=True, slots=True)
class SequenceNumbers:
    """Everything about the whole answers of a valid set; nats.

    Attributes:
        validity, diversity: of P; see `SequencePoint`.
        sampled, grid: P~ of the sampler, and of each setting of the grid.
        logprobs: ln P of each answer with its terminator, shape (answers,), by the node where it ends; see
            `answer_nodes`.
        effective: exp of the entropy of P over valid answers; None below `LEAST_VALIDITY`, as the next two.
        kl_uniform: KL of P over valid answers from equally likely ones, nats.
        distance_uniform: their total variation.
        other_spellings: the probability of leaving the valid answers by a token that begins another tokenisation of
            one: at most so much more of P is valid as a text.
        nodes: order and shape.
    """

    validity: float
    diversity: float | None
    sampled: SequencePoint
    grid: tuple[SequencePoint, ...]
    logprobs: F64 = field(repr=False)
    effective: float | None
    kl_uniform: float | None
    distance_uniform: float | None
    other_spellings: float
    nodes: NodeAverages


def answer_nodes(trie: TokenTrie) -> list[int]:
    """Return the number of the node where each answer ends; its path is the answer's tokens without the terminator."""
    return [
        number
        for number, node in enumerate(trie.nodes)
        if any(edge.child is None for edge in node.edges)
    ]


@dataclass(frozen=True, slots=True)
class _Folded:
    """What is known of the answers below a node: one row for P, then one for P~ of the sampler and of each setting.

    Attributes:
        validity, weighted: Val and A, shape (1 + rows,).
        precise, kept: for each number of tokens from here, from 0, how probable it is that all of them are valid where
            kept tokens are equally likely, and the share of valid answers that keep all of them; shape
            (rows, tokens + 1), without P.
        other_mass: P of leaving by another tokenisation.
    """

    validity: F64
    weighted: F64
    precise: F64
    kept: F64
    other_mass: float


class SequenceFold:
    """Takes in the readings of all nodes of a trie, in any order, and holds little of them."""

    def __init__(self, trie: TokenTrie, settings: int) -> None:
        """`settings` is the length of the grid that the nodes are read with."""
        self._trie = trie
        self._rows = 1 + settings
        nodes = trie.nodes
        self._parents: dict[int, int] = {}
        self._missing = [0] * len(nodes)
        for number, node in enumerate(nodes):
            for edge in node.edges:
                if edge.child is not None:
                    self._parents[edge.child] = number
                    self._missing[number] += 1
        ends = answer_nodes(trie)
        self._first = np.searchsorted(np.array(ends), np.arange(len(nodes)))
        self._logprobs = np.zeros(len(ends))
        self._read: set[int] = set()
        self._waiting: dict[int, NodeReading] = {}
        self._folded: dict[int, _Folded] = {}
        self._averages = _Averages(trie)

    @property
    def read(self) -> int:
        """How many nodes were taken in."""
        return len(self._read)

    def add(self, reading: NodeReading) -> None:
        """Take in one node; one that is there already changes nothing."""
        number = reading.node
        if number in self._read:
            return
        self._read.add(number)
        self._averages.add(reading)
        self._waiting[number] = reading
        while number in self._waiting and not self._missing[number]:
            self._folded[number] = self._fold(self._waiting.pop(number))
            if number not in self._parents:
                return
            number = self._parents[number]
            self._missing[number] -= 1

    def numbers(self) -> SequenceNumbers | None:
        """Return the numbers of whole answers; None while nodes are missing."""
        root = self._folded.get(0)
        if root is None:
            return None
        points = [self._point(root, row) for row in range(self._rows)]
        validity, diversity = self._mass(root, 0)
        effective = kl = distance = None
        if diversity is not None:
            answers = len(self._logprobs)
            effective, kl = diversity * answers, -math.log(diversity)
            shares = np.exp(self._logprobs - math.log(validity))
            distance = min(1.0, 0.5 * float(np.abs(shares - 1 / answers).sum()))
        return SequenceNumbers(
            validity=validity,
            diversity=diversity,
            sampled=points[0],
            grid=tuple(points[1:]),
            logprobs=self._logprobs,
            effective=effective,
            kl_uniform=kl,
            distance_uniform=distance,
            other_spellings=min(1.0, root.other_mass),
            nodes=self._averages.found(),
        )

    def _fold(self, reading: NodeReading) -> _Folded:
        """A node with all that is below it."""
        node = self._trie.nodes[reading.node]
        plain = np.exp(reading.logprobs)
        probs = np.vstack([plain, reading.probs])
        drawn = reading.kept_ids / np.maximum(reading.kept_of, 1)[:, None]
        below = [
            _END if edge.child is None else self._folded.pop(edge.child) for edge in node.edges
        ]
        tokens = 1 + max(each.kept.shape[1] - 1 for each in below)
        validity, weighted = np.zeros((2, 1 + self._rows))
        precise, kept = np.zeros((2, self._rows, tokens + 1))
        precise[:, 0] = kept[:, 0] = 1.0
        other_mass = reading.other_mass
        for column, (edge, each) in enumerate(zip(node.edges, below, strict=True)):
            p = probs[:, column]
            validity += p * each.validity
            logs = np.log(p, out=np.zeros_like(p), where=p > 0)
            weighted += p * (each.weighted + each.validity * logs)
            # An answer that ended stays as it is.
            deep = np.minimum(np.arange(tokens), each.kept.shape[1] - 1)
            precise[:, 1:] += drawn[:, column, None] * each.precise[:, deep]
            share = edge.completions / node.completions * (reading.kept_ids[:, column] > 0)
            kept[:, 1:] += share[:, None] * each.kept[:, deep]
            other_mass += float(plain[column]) * each.other_mass
            first = self._first[reading.node if edge.child is None else edge.child]
            self._logprobs[first : first + edge.completions] += reading.logprobs[column]
        return _Folded(validity, weighted, precise, kept, other_mass)

    def _mass(self, root: _Folded, row: int) -> tuple[float, float | None]:
        """Validity and diversity."""
        validity = min(1.0, float(root.validity[row]))
        if validity < LEAST_VALIDITY:
            return validity, None
        entropy = math.log(validity) - float(root.weighted[row]) / validity
        return validity, min(1.0, math.exp(max(0.0, entropy)) / len(self._logprobs))

    def _point(self, root: _Folded, row: int) -> SequencePoint:
        validity, diversity = self._mass(root, 1 + row)
        precise, kept = root.precise[row], root.kept[row]
        return SequencePoint(
            validity=validity,
            diversity=diversity,
            precision=min(1.0, float(precise[-1])),
            recall=min(1.0, float(kept[-1])),
            step_precision=_factors(precise),
            step_recall=_factors(kept),
        )


def _factors(products: F64) -> tuple[float | None, ...]:
    """Each number over the one before."""
    return tuple(
        min(1.0, after / before) if before > 0 else None
        for before, after in pairwise(products.tolist())
    )


class _Averages:
    """Order and shape of each node, summed when they are asked for: the order of reading changes no bit."""

    def __init__(self, trie: TokenTrie) -> None:
        self._through = np.array([float(node.completions) for node in trie.nodes])
        self._ways = np.array([len(node.edges) for node in trie.nodes])
        self._numbers = np.full((len(trie.nodes), 6), np.nan)

    def add(self, reading: NodeReading) -> None:
        self._numbers[reading.node] = (
            reading.auc,
            reading.recall_at_precision,
            reading.oracle_recall,
            reading.inversions,
            reading.gap,
            math.nan if reading.evenness is None else reading.evenness,
        )

    def found(self) -> NodeAverages:
        shared = self._ways > 1
        known = shared & ~np.isnan(self._numbers[:, 5])
        auc, recall, oracle, inversions = (self._mean(n, self._ways > 0) for n in range(4))
        return NodeAverages(
            auc=auc,
            recall_at_precision=recall,
            oracle_recall=oracle,
            inversions=inversions,
            gap=self._mean(4, shared) if shared.any() else None,
            evenness=self._mean(5, known) if known.any() else None,
        )

    def _mean(self, column: int, nodes: NDArray[np.bool_]) -> float:
        weights = self._through[nodes]
        return float((weights * self._numbers[nodes, column]).sum() / weights.sum())


_END = _Folded(np.ones(1), np.zeros(1), np.ones((1, 1)), np.ones((1, 1)), 0.0)
"""The end of an answer."""
