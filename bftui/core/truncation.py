"""Truncation rules: which tokens of a distribution are kept, each rule a function of its own.

A rule is judged on the untruncated distribution at a temperature. Tokens stand by (logit descending, id ascending), and
what a rule keeps is a span of these places, for most rules the first ones. A token of probability 0 is never kept, and
one token always is.
Not for: the tokens of one session's sampler, which `core.distribution.Distribution` finds without sorting them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import NEVER, below_peak

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

Span = tuple[int, int]
"""Places [start, stop) of the order, from 0."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A distribution at one temperature, best token first; arrays have the shape (n_vocab,).

    Attributes:
        x: logits less the largest, at temperature 1; a large negative number in the place of -inf.
        deviation: the standard deviation of `x`, without those that are -inf.
        temperature: what `x` is divided by.
        weights: exp(x / temperature).
        probs: P at the temperature.
        mass: its cumulative sums.
        live: how many tokens have a probability above 0.
    """

    x: F64
    deviation: float
    temperature: float
    weights: F64
    probs: F64
    mass: F64
    live: int

    def share(self, span: Span) -> float:
        """Return the probability of a span."""
        start, stop = span
        return float(self.mass[stop - 1]) - (float(self.mass[start - 1]) if start else 0.0)


class Ranking:
    """Logits in order, to be judged at several temperatures."""

    def __init__(self, logits: F32) -> None:
        """Takes logits of shape (n_vocab,); raises NonFiniteLogits for NaN, +inf or nothing but -inf."""
        self._unordered, _ = below_peak(logits)
        x, _ = below_peak(np.sort(logits)[::-1])
        self._x = x
        self._deviation = float(x[x > NEVER].std())

    def at(self, temperature: float) -> Ranked:
        """Return the distribution at a temperature."""
        x = self._x
        # The sum in the order of the ids is that of `Distribution`, to the bit.
        z = float(np.exp(self._unordered / temperature).sum())
        weights = np.exp(x / temperature)
        probs = weights / z
        live = int(np.count_nonzero(weights))
        return Ranked(x, self._deviation, temperature, weights, probs, np.cumsum(probs), live)


def everything(ranked: Ranked, _value: float = 0.0) -> Span:
    """Keep every token of a probability above 0."""
    return 0, ranked.live


def top_k(ranked: Ranked, k: float) -> Span:
    """Keep the `k` best tokens (Fan, Lewis and Dauphin, arXiv 1805.04833)."""
    return 0, max(1, min(int(k), ranked.live))


def top_p(ranked: Ranked, p: float) -> Span:
    """Keep the fewest best tokens that hold `p` (Holtzman et al., arXiv 1904.09751): the crossing one is kept.

    Without an epsilon: ten tokens of 0.1 are all kept at 0.9, for their float64 sum does not reach it before.
    """
    if p >= 1:
        return everything(ranked)
    return 0, min(int(np.searchsorted(ranked.mass, p, side="left")) + 1, ranked.live)


def min_p(ranked: Ranked, share: float) -> Span:
    """Keep tokens of at least `share` of the largest probability (Nguyen et al., arXiv 2407.01082)."""
    return 0, max(1, min(int(np.count_nonzero(ranked.weights >= share)), ranked.live))


def top_n_sigma(ranked: Ranked, n: float) -> Span:
    """Keep logits of at least the largest less `n` standard deviations (Tang et al., arXiv 2411.07641).

    The deviation is that of the raw logits of the whole vocabulary, those of -inf left out, so that temperature does
    not change what is kept. It divides by the number of logits, as llama.cpp does.
    """
    kept = int(np.count_nonzero(ranked.x >= -n * ranked.deviation))
    return 0, max(1, min(kept, ranked.live))


def epsilon(ranked: Ranked, least: float) -> Span:
    """Keep tokens of a probability of at least `least` (Hewitt, Manning and Liang, arXiv 2210.15191)."""
    return 0, max(1, min(int(np.count_nonzero(ranked.probs >= least)), ranked.live))


def typical(ranked: Ranked, p: float) -> Span:
    """Keep the tokens whose surprisal is nearest to the entropy, the fewest that hold `p`.

    Locally typical sampling (Meister et al., arXiv 2202.00666). What is as near as the last token is kept with it.
    """
    live = ranked.live
    if p >= 1:
        return everything(ranked)
    tempered = ranked.x[:live] / ranked.temperature
    # Surprisal less entropy, ascending, for both hold the same ln z.
    off = float(np.einsum("i,i->", ranked.probs[:live], tempered)) - tempered

    def within(distance: float) -> Span:
        low = np.searchsorted(off, -distance, side="left")
        return int(low), int(np.searchsorted(off, distance, side="right"))

    centre = int(np.searchsorted(off, 0.0, side="left"))
    found = [
        distance
        for side in (-off[:centre][::-1], off[centre:])
        if (distance := _nearest(side, lambda each: ranked.share(within(each)) >= p)) is not None
    ]
    return within(min(found)) if found else everything(ranked)


def _nearest(distances: F64, enough: Callable[[float], bool]) -> float | None:
    """The first of ascending distances that is enough, as all after it are; None where none is."""
    low, high = 0, len(distances)
    while low < high:
        middle = (low + high) // 2
        if enough(float(distances[middle])):
            high = middle
        else:
            low = middle + 1
    return float(distances[low]) if low < len(distances) else None


RULES: Mapping[str, Callable[[Ranked, float], Span]] = MappingProxyType(
    {
        "none": everything,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "top_n_sigma": top_n_sigma,
        "typical": typical,
        "epsilon": epsilon,
    }
)
"""Every rule by its name; the second argument is the value that it is used with."""
