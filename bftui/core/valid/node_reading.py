"""What one distribution does to the valid ways on: all numbers of a node of a valid set.

Order and shape are those of arXiv 2605.11128, sections 4 and 5, at one prefix: whether valid tokens stand above invalid
ones, and whether they share their mass as the numbers of valid answers behind them do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import Distribution
from bftui.core.logits import NEVER
from bftui.core.sampler import Sampler
from bftui.core.truncation import RULES, Ranked, Ranking, Span
from bftui.core.valid.logit_shape import LogitShape, fit_shape
from bftui.core.valid.token_trie import TrieNode

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Rule = Literal[
    "none",
    "top_k",
    "top_p",
    "min_p",
    "top_n_sigma",
    "typical",
    "epsilon",
    "cutoff_oracle",
    "validity_oracle",
]
"""How a distribution is truncated. The cutoff oracle keeps as many of the best tokens as there are valid ways on; the
validity oracle keeps the valid tokens."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a grid: a rule with its value, judged on P at a temperature; `value` is 0 for rules without one."""

    rule: Rule
    value: float
    temperature: float


@dataclass(frozen=True, slots=True)
class NodeReading:
    """The numbers of one node; nats, ranks from 1.

    Order is that of ways on: an edge stands where its best token does. Its further tokens, which end the same answer,
    and those that begin another tokenisation are neither valid nor invalid there, and the cutoff oracle does not count
    them. Equal logits stand by id, so that they may be out of order where the paper's definition lets them be.

    Attributes:
        node: its number in the trie.
        entropy, entropy_truncated, kept: of P and of P~ under the sampler, and the number of tokens of P~.
        logprobs: ln P of each edge, shape (edges,).
        ranks: the rank of the best token of each edge, shape (edges,).
        other_mass: P of tokens that begin another tokenisation of a valid answer.
        auc: area under precision against recall over the ranks; recall counts valid answers, not tokens.
        recall_at_precision: the largest recall at a precision of 0.8 or more; 0 where there is none.
        oracle_recall: recall of the cutoff oracle; 1 where the order is calibrated.
        inversions: pairs of an edge and an invalid token with the invalid one more probable.
        gap: KL of the shares of valid answers from P over the valid tokens, nats; inf where a share has P 0.
        evenness: exp of the entropy of P over the valid tokens, over exp of that of the shares; None where all of them
            have P 0.
        kept_of, probs, kept_ids: row 0 is P~ of the sampler, the others those of the grid: the number of tokens that
            are kept and begin no other tokenisation, shape (1 + settings,); P~ of each edge, and how many ids of it
            are kept, shape (1 + settings, edges).
        logit_shape: the fit of head and tail; None where it was not asked for, or is not possible.
    """

    node: int
    entropy: float
    entropy_truncated: float
    kept: int
    logprobs: F64 = field(repr=False)
    ranks: I64 = field(repr=False)
    other_mass: float
    auc: float
    recall_at_precision: float
    oracle_recall: float
    inversions: int
    gap: float
    evenness: float | None
    kept_of: I64 = field(repr=False)
    probs: F64 = field(repr=False)
    kept_ids: I64 = field(repr=False)
    logit_shape: LogitShape | None = None

    @property
    def valid_mass(self) -> float:
        """P of all valid tokens."""
        return float(np.exp(self.logprobs).sum())


def read_node(
    logits: F32,
    number: int,
    node: TrieNode,
    sampler: Sampler,
    grid: Sequence[Setting],
    *,
    steered: F64 | None = None,
    fit: bool = False,
) -> NodeReading:
    """Reads one node from logits, shape (n_vocab,), with `fit` the shape of head and tail. Raises NonFiniteLogits.

    `steered` are the logits that P~ of the sampler is made of, where they are others.
    """
    distribution = Distribution(logits, sampler, steered)
    listed = _Listed.of(logits, node)
    starts = listed.starts
    kept = distribution.kept_probs(listed.ids)
    rows = [_Row(kept, distribution.kept)]
    if grid:
        rows += _grid_rows(Ranking(logits), listed, grid)
    probs = np.array([row.probs[: listed.valid] for row in rows])
    begun_otherwise = np.array([np.count_nonzero(row.probs[listed.valid :]) for row in rows])
    logprobs = distribution.logprobs(listed.ids)
    logprobs[np.isneginf(logits[listed.ids])] = -np.inf
    edges = np.logaddexp.reduceat(logprobs[: listed.valid], starts)
    shares = np.array([edge.completions / node.completions for edge in node.edges])
    auc, recall_at_precision, oracle_recall = _order(listed.order(), shares)
    gap, evenness = _shape(edges, shares)
    return NodeReading(
        node=number,
        entropy=distribution.entropy,
        entropy_truncated=distribution.entropy_truncated,
        kept=distribution.kept,
        logprobs=edges,
        ranks=listed.larger_than_best() + 1,
        other_mass=float(np.exp(logprobs[listed.valid :]).sum()),
        auc=auc,
        recall_at_precision=recall_at_precision,
        oracle_recall=oracle_recall,
        inversions=listed.inversions(),
        gap=gap,
        evenness=evenness,
        kept_of=np.array([row.kept for row in rows]) - begun_otherwise,
        probs=np.add.reduceat(probs, starts, axis=1),
        kept_ids=np.add.reduceat((probs > 0).astype(np.int64), starts, axis=1),
        logit_shape=fit_shape(logits) if fit else None,
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """The tokens that a node names: first those of its edges, edge by edge, then those that begin other tokenisations.

    Attributes:
        ids: the tokens.
        valid: how many of them are of edges.
        starts: where each edge begins.
        larger: for each, the number of tokens of a larger logit.
        places: their places in the order (logit descending, id ascending), from 0.
    """

    ids: I64
    valid: int
    starts: I64
    larger: I64
    places: I64

    @classmethod
    def of(cls, logits: F32, node: TrieNode) -> _Listed:
        ids = np.array([i for edge in node.edges for i in edge.token_ids], dtype=np.int64)
        counts = [len(edge.token_ids) for edge in node.edges]
        listed = np.concatenate([ids, np.array(node.other_ids, dtype=np.int64)])
        larger, places = _places(logits, listed)
        return cls(listed, len(ids), np.cumsum([0, *counts[:-1]]), larger, places)

    def best(self) -> I64:
        """The place of the best token of each edge."""
        return np.minimum.reduceat(self.places[: self.valid], self.starts)

    def neither(self) -> I64:
        """The places that order passes over, ascending."""
        return np.sort(self.places[~np.isin(self.places, self.best())])

    def order(self) -> I64:
        """The rank of each edge, from 1, among edges and invalid tokens."""
        best = self.best()
        return best + 1 - np.searchsorted(self.neither(), best)

    def larger_than_best(self) -> I64:
        """For each edge the number of tokens of a larger logit than its best."""
        return np.minimum.reduceat(self.larger[: self.valid], self.starts)

    def inversions(self) -> int:
        larger = self.larger_than_best()
        return int((larger - np.searchsorted(np.sort(self.larger), larger)).sum())

    def oracle_stop(self) -> int:
        """How many of the best tokens the cutoff oracle keeps: among them as many as there are edges that it counts."""
        edges, neither = len(self.starts), self.neither()
        counted_before = neither - np.arange(len(neither))
        return edges + int(np.searchsorted(counted_before, edges - 1, side="right"))


def _places(logits: F32, ids: I64) -> tuple[I64, I64]:
    """The number of tokens of a larger logit than each of these, and their places in the order."""
    values = logits[ids]
    leading = np.sort(logits[logits >= values.min()])
    larger = len(leading) - np.searchsorted(leading, values, side="right")
    places = larger.copy()
    equal = len(leading) - larger - np.searchsorted(leading, values, side="left")
    for value in np.unique(values[equal > 1]):
        those = values == value
        places[those] += np.searchsorted(np.flatnonzero(logits == value), ids[those])
    return larger, places


def _order(ranks: I64, shares: F64) -> tuple[float, float, float]:
    """Area under precision against recall, the largest recall at a precision of 0.8, and that of the cutoff oracle.

    Precision only falls between two edges, so that what counts is the precision at each of them.
    """
    by_rank = np.argsort(ranks)
    ranks, shares = ranks[by_rank], shares[by_rank]
    hits = np.arange(1, len(ranks) + 1)
    recall = np.cumsum(shares)
    precise = np.flatnonzero(5 * hits >= 4 * ranks)
    return (
        min(1.0, float((shares * hits / ranks).sum())),
        min(1.0, float(recall[precise[-1]])) if len(precise) else 0.0,
        min(1.0, float(shares[ranks <= len(ranks)].sum())),
    )


def _shape(logprobs: F64, shares: F64) -> tuple[float, float | None]:
    """The gap and the evenness of edges with these ln P and these shares of the valid answers."""
    peak = float(logprobs.max())
    if peak == -np.inf:
        return np.inf, None
    within = logprobs - (peak + np.log(np.exp(logprobs - peak).sum()))
    log_shares = np.log(shares)
    probs = np.exp(within)
    entropy = -float((probs * np.where(probs > 0, within, 0.0)).sum())
    gap = max(0.0, float((shares * (log_shares - within)).sum()))
    return gap, float(np.exp(entropy + (shares * log_shares).sum()))


@dataclass(frozen=True, slots=True)
class _Row:
    """One P~: that of each listed token, and how many tokens it keeps."""

    probs: F64
    kept: int


def _grid_rows(ranking: Ranking, listed: _Listed, grid: Sequence[Setting]) -> list[_Row]:
    """P~ of each setting, in their order; one temperature after the other, for each takes much memory."""
    oracle = listed.oracle_stop()
    rows: dict[Setting, _Row] = {}
    for temperature in dict.fromkeys(setting.temperature for setting in grid):
        ranked = ranking.at(temperature)
        for setting in grid:
            if setting.temperature != temperature:
                continue
            if setting.rule == "validity_oracle":
                rows[setting] = _valid_alone(ranked, listed)
            elif setting.rule == "cutoff_oracle":
                rows[setting] = _spanned(ranked, listed, (0, min(oracle, ranked.live)))
            else:
                rows[setting] = _spanned(
                    ranked, listed, RULES[setting.rule].span(ranked, setting.value)
                )
    return [rows[setting] for setting in grid]


def _spanned(ranked: Ranked, listed: _Listed, span: Span) -> _Row:
    start, stop = span
    inside = (listed.places >= start) & (listed.places < stop)
    found = ranked.probs[np.minimum(listed.places, ranked.live - 1)]
    probs = np.where(inside, found, 0.0) / ranked.share(span)
    return _Row(probs, stop - start)


def _valid_alone(ranked: Ranked, listed: _Listed) -> _Row:
    """P~ of the validity oracle; all 0 where every valid token has a logit of -inf."""
    probs = np.zeros(len(listed.ids))
    x = ranked.x[listed.places[: listed.valid]]
    if (peak := x.max()) > NEVER:
        # Above their own largest, so that a low temperature does not make all of them 0.
        weights = np.exp((x - peak) / ranked.temperature)
        probs[: listed.valid] = weights / weights.sum()
    return _Row(probs, int(np.count_nonzero(probs)))
