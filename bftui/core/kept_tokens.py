"""The support of P~ where it is not the likeliest tokens of P: by steered logits, pinned tokens, spans, XTC's coin.

Not for: top-k, top-p, min-p, top-nσ, epsilon and eta over the model's own logits, where one number says what is kept:
`core.distribution` finds it without sorting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bftui.core.logits import F64
from bftui.core.sampler import Sampler
from bftui.core.truncation import XTC, Ranked, Span, active_rules, ranked

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """P~ as a list of tokens.

    Attributes:
        ids: the tokens with a probability above 0, ascending, shape (kept,).
        probs: P~ of each, shape (kept,).
        entropy: H(P~), nats.
        collision: the sum of P~ squared.
    """

    ids: Ids = field(repr=False)
    probs: F64 = field(repr=False)
    entropy: float
    collision: float

    def draw(self, u: float) -> int:
        """Return the first id whose cumulative sum of P~ exceeds `u`, else the last one."""
        place = int(np.searchsorted(np.cumsum(self.probs), u, side="right"))
        return int(self.ids[min(place, len(self.ids) - 1)])

    def of(self, ids: Sequence[int] | NDArray[np.integer]) -> F64:
        """Return P~ of these ids, 0 of those that are not kept; shape (len(ids),)."""
        wanted = np.asarray(ids, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, self.probs[places], 0.0)

    def capped(self, token_id: int, most: int) -> KeptTokens:
        """Return P~ restricted to its `most` likeliest tokens and this one, renormalised."""
        inside = np.zeros(len(self.ids), dtype=bool)
        inside[np.argsort(-self.probs, kind="stable")[:most]] = True
        inside |= self.ids == token_id
        return listed(self.ids[inside], self.probs[inside])


def kept_tokens(logits: F64, sampler: Sampler) -> KeptTokens:
    """Return P~ of steered logits, shape (n_vocab,), of which one at least is finite.

    Each rule is judged on the untruncated distribution at the temperature; what all of them keep is kept, or the best
    token where that is none; then the pinned tokens. XTC's P~ is the mixture over its coin.
    """
    order, all_ranked = ranked(logits, sampler.temperature)
    spans = [rule.span(all_ranked, value) for rule, value in active_rules(sampler)]
    usual = _together(spans, all_ranked)
    pinned = _pinned(order[: all_ranked.live], sampler.pinned)
    probs = _shares(all_ranked, usual, pinned)
    if sampler.xtc_probability:
        without = _together([*spans, XTC.span(all_ranked, sampler.xtc_threshold)], all_ranked)
        coin = sampler.xtc_probability
        probs = (1 - coin) * probs + coin * _shares(all_ranked, without, pinned)
    places = np.flatnonzero(probs)
    by_id = np.argsort(order[places])
    return listed(order[places][by_id], probs[places][by_id])


def _together(spans: Sequence[Span], of: Ranked) -> Span:
    """What all keep; where that is nothing, the best token."""
    start = max((start for start, _ in spans), default=0)
    stop = min((stop for _, stop in spans), default=of.live)
    return (start, stop) if start < stop else (0, 1)


def _pinned(order: Ids, pinned: Sequence[int]) -> Ids:
    return np.flatnonzero(np.isin(order, pinned)) if pinned else np.empty(0, dtype=np.int64)


def _shares(of: Ranked, span: Span, pinned: Ids) -> F64:
    """P~ by place in the order, shape (live,)."""
    weights = np.zeros(of.live)
    weights[slice(*span)] = of.weights[slice(*span)]
    weights[pinned] = of.weights[pinned]
    return np.asarray(weights / weights.sum())


def listed(ids: Ids, weights: F64) -> KeptTokens:
    """Return P~ of tokens, ascending ids, that is proportional to weights above 0; both of shape (kept,)."""
    probs = weights / weights.sum()
    entropy = -float(np.einsum("i,i->", probs, np.log(probs)))
    return KeptTokens(ids, probs, max(0.0, entropy), min(1.0, float((probs * probs).sum())))


def removed_by(logits: F64, sampler: Sampler, ids: Sequence[int]) -> list[tuple[str, ...]]:
    """Return for each id the names of the rules that would not keep it, in the order of the stages.

    A token that has no probability after bans and the constraint is removed by these: `steering`. A pinned token is
    removed by none.
    """
    order, all_ranked = ranked(logits, sampler.temperature)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    rules = active_rules(sampler)
    if sampler.xtc_probability == 1:
        rules.append((XTC, sampler.xtc_threshold))
    spans = [(rule.name, rule.span(all_ranked, value)) for rule, value in rules]

    def names(token_id: int) -> tuple[str, ...]:
        if math.isinf(logits[token_id]):
            return ("steering",)
        if token_id in sampler.pinned:
            return ()
        place = places[token_id]
        return tuple(name for name, (start, stop) in spans if not start <= place < stop)

    return [names(token_id) for token_id in ids]


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one truncation rule keeps where it is used alone.

    Attributes:
        name: the rule.
        value: what it is used with.
        start, stop: the places that it keeps, [start, stop) from 0 of the order by (steered logit descending, id
            ascending).
        mass: their probability at the temperature; None where that is not known.
    """

    name: str
    value: float
    start: int
    stop: int
    mass: float | None = None

    @property
    def kept(self) -> int:
        """How many tokens it keeps."""
        return self.stop - self.start


def rule_effects(logits: F64, sampler: Sampler) -> list[RuleEffect]:
    """Return what each rule of a sampler would keep alone, in the order of the stages."""
    _, all_ranked = ranked(logits, sampler.temperature)
    rules = active_rules(sampler)
    if sampler.xtc_probability:
        rules.append((XTC, sampler.xtc_threshold))
    found = []
    for rule, value in rules:
        span = rule.span(all_ranked, value)
        found.append(RuleEffect(rule.name, value, *span, all_ranked.share(span)))
    return found
