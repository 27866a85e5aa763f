"""Whether a forced text moved the branching factor: one text against controls like it (contract 4).

Everything is a difference of ln BF, in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bftui.core.bf.samples import Sample
from bftui.core.errors import UsageError

Verdict = Literal["narrows", "widens", "no effect", "undecided"]

FEWEST = 8
"""Controls without which there is no verdict."""

EQUAL = math.log(1.10)
"""Differences within this are no effect."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A forced text against its controls.

    Attributes:
        delta: ln BF(forced) - mean ln BF(controls), nats; None without controls.
        delta_ci: its 95 % interval; None where nothing says how wide it is, as with a single control.
        p: two-sided, of the t that the interval comes from; None where that is.
        verdict: what the interval says.
        controls: how many there were.
        p_holm: `p` adjusted by `with_holm`, None before.
    """

    delta: float | None
    delta_ci: tuple[float, float] | None
    p: float | None
    verdict: Verdict
    controls: int
    p_holm: float | None = None


def contrast(forced_log_bf: float, control_log_bfs: Sequence[float]) -> Contrast:
    """One text against texts like it.

    With K controls whose ln BF have mean m and standard deviation s, delta = ln BF(forced) - m, the half width of its
    interval is t(.975, K - 1) s sqrt(1 + 1/K): the prediction interval of one more text like the controls. `narrows`
    and `widens`: it lies below or above 0; else `no effect` where it lies within ln 1.10 of 0; else `undecided`.
    Fewer than `FEWEST` controls are `undecided`, whatever the numbers.

    Args:
        forced_log_bf: nats.
        control_log_bfs: of the matched controls, nats.

    Raises UsageError for a number that is not finite.
    """
    values = [float(value) for value in control_log_bfs]
    if not all(map(math.isfinite, [forced_log_bf, *values])):
        raise UsageError("a contrast needs finite numbers", "the ln BF of a text is not one")
    count = len(values)
    if not count:
        return Contrast(None, None, None, "undecided", 0)
    mean = math.fsum(values) / count
    delta = forced_log_bf - mean
    if count < 2:
        return Contrast(delta, None, None, "undecided", count)
    # Imported here: the workbench shows its first frame before it needs a verdict.
    from scipy.special import stdtr, stdtrit

    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    scale = math.sqrt(variance * (1 + 1 / count))
    half = float(stdtrit(count - 1, 0.975)) * scale
    p = 2 * float(stdtr(count - 1, -abs(delta) / scale)) if scale else float(delta == 0)
    ci = (delta - half, delta + half)
    return Contrast(delta, ci, p, _verdict(ci, count), count)


def contrast_samples(forced: Sequence[Sample], control: Sequence[Sample]) -> Contrast:
    """One text against one other: Welch's t over the samples' mean H(P~).

    It says how sure the difference of these two is, not whether texts like them differ so: `controls` is 1, and the
    verdict undecided.
    """
    one, other = (np.array([sample.mean_entropy for sample in each]) for each in (forced, control))
    delta = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2:
        return Contrast(delta, None, None, "undecided", 1)
    from scipy.special import stdtr, stdtrit

    parts = [float(each.var(ddof=1)) / len(each) for each in (one, other)]
    scale = math.sqrt(math.fsum(parts))
    if not scale:
        return Contrast(delta, (delta, delta), float(delta == 0), "undecided", 1)
    freedom = scale**4 / math.fsum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (one, other), strict=True)
    )
    half = float(stdtrit(freedom, 0.975)) * scale
    p = 2 * float(stdtr(freedom, -abs(delta) / scale))
    return Contrast(delta, (delta - half, delta + half), p, "undecided", 1)


def mean_interval(log_bfs: Sequence[float]) -> tuple[float, float] | None:
    """95 % t-interval of the geometric mean of some texts' BF, in BF units, not below 1; None for fewer than 2."""
    count = len(log_bfs)
    if count < 2:
        return None
    from scipy.special import stdtrit

    mean, spread = float(np.mean(log_bfs)), float(np.std(log_bfs, ddof=1))
    half = float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count)
    return math.exp(max(0.0, mean - half)), math.exp(mean + half)


def with_holm(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The verdicts of several forced texts of one run: Holm's step-down correction of their p (Holm 1979).

    A text narrows or widens only where its adjusted p is below 0.05 too; else it is `no effect` or `undecided`, as its
    interval says. Texts with fewer than `FEWEST` controls have no verdict, and are not counted.
    """
    tested = [
        (one.p, place)
        for place, one in enumerate(contrasts)
        if one.p is not None and one.controls >= FEWEST
    ]
    adjusted: dict[int, float] = {}
    largest = 0.0
    for done, (p, place) in enumerate(sorted(tested)):
        largest = max(largest, min(1.0, p * (len(tested) - done)))
        adjusted[place] = largest
    found = []
    for place, one in enumerate(contrasts):
        p_holm = adjusted.get(place)
        verdict = one.verdict
        if (
            p_holm is not None
            and p_holm >= 0.05
            and one.delta_ci
            and verdict in ("narrows", "widens")
        ):
            verdict = "no effect" if _within(one.delta_ci) else "undecided"
        found.append(replace(one, verdict=verdict, p_holm=p_holm))
    return found


def _verdict(ci: tuple[float, float], count: int) -> Verdict:
    if count < FEWEST:
        return "undecided"
    if ci[1] < 0:
        return "narrows"
    if ci[0] > 0:
        return "widens"
    return "no effect" if _within(ci) else "undecided"


def _within(ci: tuple[float, float]) -> bool:
    return ci[0] >= -EQUAL and ci[1] <= EQUAL
