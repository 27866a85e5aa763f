"""How far the branching factor after one text lies from that after others: differences of ln BF, in nats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bftui.core.errors import UsageError

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Contrast:
    """A forced text against its controls.

    Attributes:
        delta: ln BF(forced) - mean ln BF(controls), nats; None without controls.
        delta_ci: its interval; None where nothing says how wide it is, as with a single control.
        p: two-sided, of the t that the interval comes from; None where that is.
    """

    delta: float | None
    delta_ci: tuple[float, float] | None
    p: float | None


def contrast(
    forced_log_bf: float, control_log_bfs: Sequence[float], alpha: float = ALPHA
) -> Contrast:
    """One text against texts like it.

    With K controls whose ln BF have mean m and standard deviation s, delta = ln BF(forced) - m, the half width of its
    interval is t(1 - alpha/2, K - 1) s sqrt(1 + 1/K): the prediction interval of one more text like the controls.

    Args:
        forced_log_bf: nats.
        control_log_bfs: of the matched controls, nats.
        alpha: how often the interval leaves out one more text of the kind.

    Raises UsageError for a number that is not finite.
    """
    values = [float(value) for value in control_log_bfs]
    if not all(map(math.isfinite, [forced_log_bf, *values])):
        raise UsageError("a contrast needs finite numbers", "the ln BF of a text is not one")
    count = len(values)
    if not count:
        return Contrast(None, None, None)
    middle = mean(values)
    delta = forced_log_bf - middle
    if count < 2:
        return Contrast(delta, None, None)
    # Imported here: the workbench shows its first frame before it needs a verdict.
    from scipy.special import stdtr, stdtrit

    variance = math.fsum((value - middle) ** 2 for value in values) / (count - 1)
    scale = math.sqrt(variance * (1 + 1 / count))
    half = float(stdtrit(count - 1, 1 - alpha / 2)) * scale
    p = 2 * float(stdtr(count - 1, -abs(delta) / scale)) if scale else float(delta == 0)
    return Contrast(delta, (delta - half, delta + half), p)


def contrast_samples(
    forced: Sequence[float], controls: Sequence[Sequence[float]], alpha: float = ALPHA
) -> Contrast:
    """One text against these very controls: how sure the difference is by the noise of sampling alone.

    With v the variance of a text's means over its M samples, the standard error of delta is
    sqrt(v_f/M + sum_k v_k/(K^2 M)), and its t has M - 1 degrees of freedom, those of the forced text, whose own part is
    nearly all of it. Welch's would be more just where few samples of that text look alike by chance: the interval that
    is too short then would become still shorter. It does not say whether texts like these differ so.

    Args:
        forced: mean H(P~) of each sample of the forced text, nats.
        controls: the same of each control.
        alpha: how often the interval leaves out the difference of infinitely many samples.
    """
    count = len(controls)
    if not count:
        return Contrast(None, None, None)
    delta = mean(forced) - mean([mean(each) for each in controls])
    freedom = min(len(forced), *map(len, controls)) - 1
    if freedom < 1:
        return Contrast(delta, None, None)
    from scipy.special import stdtr, stdtrit

    parts = [_variance(each) / (count**2 * len(each)) for each in controls]
    scale = math.sqrt(_variance(forced) / len(forced) + math.fsum(parts))
    if not scale:
        return Contrast(delta, (delta, delta), float(delta == 0))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * scale
    p = 2 * float(stdtr(freedom, -abs(delta) / scale))
    return Contrast(delta, (delta - half, delta + half), p)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction (Holm 1979) of the p of several texts of one run; None is not counted."""
    tested = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    for done, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - done)))
        adjusted[place] = largest
    return adjusted


def mean_interval(log_bfs: Sequence[float]) -> tuple[float, float] | None:
    """95 % t-interval of the geometric mean of some texts' BF, in BF units, not below 1; None for fewer than 2."""
    count = len(log_bfs)
    if count < 2:
        return None
    from scipy.special import stdtrit

    middle, spread = float(np.mean(log_bfs)), float(np.std(log_bfs, ddof=1))
    half = float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count)
    return math.exp(max(0.0, middle - half)), math.exp(middle + half)


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, rounded once."""
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    middle = mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
