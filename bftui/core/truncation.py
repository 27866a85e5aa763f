"""Truncation rules: which tokens of a distribution are kept, each rule a function of its own.

A rule is judged on the untruncated distribution at a temperature. Tokens stand by (logit descending, id ascending), and
what a rule keeps is a span of these places, for most rules the first ones. A token of probability 0 is never kept, and
one token always is.
Not for: the tokens of one session's sampler, which `core.distribution.Distribution` finds without sorting them all.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from operator import neg
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bftui.core.added_code import load_added
from bftui.core.errors import UsageError
from bftui.core.logits import F32, F64, NEVER, below_peak
from bftui.core.sampler import Sampler
from bftui.core.text import did_you_mean

Span = tuple[int, int]
"""Places [start, stop) of the order, from 0."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A distribution at one temperature, best token first.

    Attributes:
        x: logits less the largest, at temperature 1, shape (n_vocab,); a large negative number in the place of -inf.
        deviation: the standard deviation of `x`, without those that are -inf.
        temperature: what `x` is divided by.
        weights: exp(x / temperature) of the tokens for which it is above 0, shape (live,).
        probs: P of these at the temperature, shape (live,).
        mass: its cumulative sums, shape (live,).
        entropy: of P at the temperature, nats.
    """

    x: F64
    deviation: float
    temperature: float
    weights: F64
    probs: F64
    mass: F64
    entropy: float

    @property
    def live(self) -> int:
        """How many tokens have a probability above 0."""
        return len(self.weights)

    @property
    def surprisal_of_best(self) -> float:
        """-ln P of the best token, nats."""
        return -math.log(float(self.probs[0]))

    def share(self, span: Span) -> float:
        """Return the probability of a span; of all that has any exactly 1."""
        start, stop = span
        if (start, stop) == (0, self.live):
            return 1.0
        return float(self.mass[stop - 1]) - (float(self.mass[start - 1]) if start else 0.0)


class Ranking:
    """Logits in order, to be judged at several temperatures."""

    def __init__(self, logits: F32) -> None:
        """Takes logits of shape (n_vocab,); raises NonFiniteLogits for NaN, +inf or nothing but -inf."""
        self._unordered, _ = below_peak(logits)
        x, _ = below_peak(np.sort(logits)[::-1])
        self._x = np.ascontiguousarray(x)
        self._deviation = float(x[: _at_least(x, NEVER / 2)].std())

    def at(self, temperature: float) -> Ranked:
        """Return the distribution at a temperature."""
        reach = _at_least(self._x, _UNDERFLOW * temperature)
        tempered = self._x[:reach] / temperature
        weights = np.exp(tempered)
        live = _at_least(weights, _SMALLEST)
        tempered, weights = tempered[:live], weights[:live]
        # The sum in the order of the ids is that of `Distribution`, to the bit.
        unordered = self._unordered
        if reach < len(unordered):
            # What underflows is slow to compute.
            every = np.zeros(len(unordered))
            above = np.flatnonzero(unordered >= _UNDERFLOW * temperature)
            every[above] = np.exp(unordered[above] / temperature)
        else:
            every = np.exp(unordered / temperature)
        z = float(every.sum())
        probs = weights / z
        entropy = max(0.0, math.log(z) - float(np.einsum("i,i->", probs, tempered)))
        return Ranked(
            x=self._x,
            deviation=self._deviation,
            temperature=temperature,
            weights=weights,
            probs=probs,
            mass=np.cumsum(probs),
            entropy=entropy,
        )


_UNDERFLOW = -746.0
"""Below it exp is 0."""

_SMALLEST = 5e-324
"""The smallest number above 0."""


def _at_least(descending: F64, least: float) -> int:
    """How many of these are not below `least`."""
    return bisect_right(descending, -least, key=neg)


def ranked(logits: F64, temperature: float) -> tuple[NDArray[np.int64], Ranked]:
    """Return ids by (logit descending, id ascending), shape (n_vocab,), and the distribution at a temperature.

    Logits have shape (n_vocab,) and are float64; one at least is finite.
    """
    order = np.argsort(-logits, kind="stable")
    x = logits[order] - logits[order[0]]
    x[np.isneginf(x)] = NEVER
    weights = np.exp(x / temperature)
    live = _at_least(weights, _SMALLEST)
    weights = weights[:live]
    # The sum in the order of the ids is that of `Distribution`, to the bit.
    z = float(np.exp((logits - logits[order[0]]) / temperature).sum())
    probs = weights / z
    found = Ranked(
        x=x,
        deviation=float(x[: _at_least(x, NEVER / 2)].std()),
        temperature=temperature,
        weights=weights,
        probs=probs,
        mass=np.cumsum(probs),
        entropy=max(0.0, math.log(z) - float(np.einsum("i,i->", probs, x[:live] / temperature))),
    )
    return order, found


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
    return 0, max(1, min(_at_least(ranked.weights, share), ranked.live))


def top_n_sigma(ranked: Ranked, n: float) -> Span:
    """Keep logits of at least the largest less `n` standard deviations (Tang et al., arXiv 2411.07641).

    The deviation is that of the raw logits of the whole vocabulary, those of -inf left out, so that temperature does
    not change what is kept. It divides by the number of logits, as llama.cpp does.
    """
    kept = _at_least(ranked.x, -n * ranked.deviation)
    return 0, max(1, min(kept, ranked.live))


def epsilon(ranked: Ranked, least: float) -> Span:
    """Keep tokens of a probability of at least `least` (Hewitt, Manning and Liang, arXiv 2210.15191)."""
    return 0, max(1, min(_at_least(ranked.probs, least), ranked.live))


def typical(ranked: Ranked, p: float) -> Span:
    """Keep the tokens whose surprisal is nearest to the entropy, the fewest that hold `p`.

    Locally typical sampling (Meister et al., arXiv 2202.00666). What is as near as the last token is kept with it.
    """
    if p >= 1:
        return everything(ranked)
    # Surprisal less entropy, which grows with the rank, without ln z: both hold it.
    middle = ranked.entropy - ranked.surprisal_of_best

    def off(place: int) -> float:
        return -float(ranked.x[place]) / ranked.temperature - middle

    places = range(ranked.live)
    centre = bisect_left(places, 0.0, key=off)

    def above(place: int) -> bool:
        return ranked.share((place, bisect_right(places, -off(place), key=off))) >= p

    def below(place: int) -> bool:
        return ranked.share((bisect_left(places, -off(place), key=off), place + 1)) >= p

    # On each side of the entropy what is further away holds more: the first that holds enough.
    found = []
    for side, enough in ((range(centre - 1, -1, -1), above), (range(centre, ranked.live), below)):
        at = bisect_left(side, True, key=enough)
        if at < len(side):
            found.append(abs(off(side[at])))
    if not found:
        return everything(ranked)
    distance = min(found)
    return bisect_left(places, -distance, key=off), bisect_right(places, distance, key=off)


def eta(ranked: Ranked, least: float) -> Span:
    """Keep tokens of at least the smaller of `least` and sqrt(least) * exp(-H) (Hewitt et al., arXiv 2210.15191)."""
    floor = min(least, math.sqrt(least) * math.exp(-ranked.entropy))
    return 0, max(1, min(_at_least(ranked.probs, floor), ranked.live))


def xtc(ranked: Ranked, threshold: float) -> Span:
    """Leave out all but the least of the tokens of at least `threshold`: exclude top choices.

    Definition: p-e-w in text-generation-webui, pull request 6335. Fewer than two such tokens leave all in.
    """
    return max(0, _at_least(ranked.probs, threshold) - 1), ranked.live


@dataclass(frozen=True, slots=True)
class TruncationRule:
    """One truncation rule.

    Attributes:
        name: as traces and commands name it.
        span: which places of the order it keeps, for the value that it is used with.
        setting: the setting of `Sampler` that holds this value; "" for a rule of another package, whose value is in
            `Sampler.added`, and for "none".
        off: the value that switches it off.
        title: as people call it; "" where that is its name.
        keeps: what it keeps, in words that go on from "keeps".
        source: where it is defined.
        low, high: the values that it takes, both included.
    """

    name: str
    span: Callable[[Ranked, float], Span]
    setting: str = ""
    off: float = 0.0
    title: str = ""
    keeps: str = ""
    source: str = ""
    low: float = -math.inf
    high: float = math.inf

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name

    def check(self, value: float) -> None:
        """Raises UsageError for a value that it does not take."""
        if not self.low <= value <= self.high:
            raise UsageError(f"{self.called} {value:g} is not in [{self.low:g}, {self.high:g}]")


XTC = TruncationRule(
    "xtc",
    xtc,
    "xtc_threshold",
    title="XTC",
    keeps="of the tokens of at least this probability only the least likely, each time that its coin says so",
    source="p-e-w, text-generation-webui, pull request 6335",
)
"""Not among `RULES`: it is used by chance, and P~ is the mixture over its coin."""

RULES: Mapping[str, TruncationRule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            TruncationRule("none", everything),
            TruncationRule(
                "top_k",
                top_k,
                "top_k",
                title="top-k",
                keeps="this many of the best",
                source="Fan, Lewis and Dauphin, arXiv 1805.04833",
            ),
            TruncationRule(
                "top_p",
                top_p,
                "top_p",
                1.0,
                title="top-p",
                keeps="the fewest of the best that hold this much",
                source="Holtzman et al., arXiv 1904.09751",
            ),
            TruncationRule(
                "min_p",
                min_p,
                "min_p",
                title="min-p",
                keeps="what has this share of the largest probability",
                source="Nguyen et al., arXiv 2407.01082",
            ),
            TruncationRule(
                "top_n_sigma",
                top_n_sigma,
                "top_n_sigma",
                title="top-nσ",
                keeps="logits at most this many standard deviations below the largest",
                source="Tang et al., arXiv 2411.07641",
            ),
            TruncationRule(
                "typical",
                typical,
                "typical_p",
                1.0,
                title="typical",
                keeps="what is nearest to the entropy in its surprisal, the fewest that hold this much",
                source="Meister et al., arXiv 2202.00666",
            ),
            TruncationRule(
                "epsilon",
                epsilon,
                "epsilon",
                title="epsilon",
                keeps="what has at least this probability",
                source="Hewitt, Manning and Liang, arXiv 2210.15191",
            ),
            TruncationRule(
                "eta",
                eta,
                "eta",
                title="eta",
                keeps="what has at least this probability, or less of it where the entropy is high",
                source="Hewitt, Manning and Liang, arXiv 2210.15191",
            ),
        )
    }
)
"""Every rule of ours by its name, in the order in which they are told."""

GROUP = "bftui.truncation"
"""The entry points by which other packages add rules: each names a `TruncationRule`."""


@cache
def added_rule(name: str) -> TruncationRule:
    """Return a rule that another package adds; raises UsageError where none has this name, or it cannot be loaded."""
    for entry in entry_points(group=GROUP, name=name):
        try:
            found = load_added(entry)
        except Exception as error:
            # Other people's code may raise anything.
            raise UsageError(f"{entry.value} cannot be imported: {error}") from error
        if isinstance(found, TruncationRule):
            return replace(found, name=name, setting="", span=_guarded(found))
        raise UsageError(f"{entry.value} is not a truncation rule")
    known = sorted(entry_points(group=GROUP).names)
    raise UsageError(
        f"no package adds a truncation rule {name!r}",
        hint=did_you_mean(name, known) if known else "install one that does",
    )


def _guarded(rule: TruncationRule) -> Callable[[Ranked, float], Span]:
    """The span of somebody else's rule, within the order; what it raises is a UsageError."""

    def span(ranked: Ranked, value: float) -> Span:
        try:
            start, stop = rule.span(ranked, value)
            return max(0, int(start)), min(int(stop), ranked.live)
        except Exception as error:
            raise UsageError(
                f"the truncation rule {rule.called} fails", f"{type(error).__name__}: {error}"
            ) from error

    return span


def rule_named(name: str) -> TruncationRule:
    """Return a rule of ours or of another package. Raises UsageError."""
    return XTC if name == XTC.name else RULES.get(name) or added_rule(name)


def active_rules(sampler: Sampler) -> list[tuple[TruncationRule, float]]:
    """Return the rules that a sampler uses, with their values, in the order in which they are told; without XTC.

    Raises UsageError for one that no package adds, and for a value that it does not take.
    """
    own = ((rule, getattr(sampler, rule.setting)) for rule in RULES.values() if rule.setting)
    added = [(added_rule(name), value) for name, value in sampler.added]
    for rule, value in added:
        rule.check(value)
    return [(rule, value) for rule, value in (*own, *added) if value != rule.off]
