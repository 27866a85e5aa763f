"""The branching factor over the positions of an answer: the cumulative curve, and windows of some tokens.

Yang, Li and Holtzman, arXiv 2506.17871, and the authors' code (github yangalan123/LLMBranchingFactor).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bftui.core.bf.bootstrap import BAND_REPLICATES, Group, group_of
from bftui.core.bf.prompt_intervals import over_prompts
from bftui.core.bf.samples import (
    F64,
    SURVIVORS,
    SWITCH,
    Combine,
    Estimator,
    Sample,
    authors_curve,
    check_samples,
    decide,
    prefix_means,
)
from bftui.core.errors import UsageError

AUTHORS_FEWEST = 25
"""Samples that the authors' windows need."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One position of a cumulative curve.

    Attributes:
        position: of the last token that counts, from 0.
        bf: over the tokens up to it.
        std: standard deviation over prompts of their BF here; for one prompt over samples of exp of their own mean.
        n: samples that still run here.
        low, high: the 95 % interval at this position alone; None for a single sample.
    """

    position: int
    bf: float
    std: float
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """Some tokens of the answers.

    Attributes:
        position: of the first one, from 0.
        bf: mean over samples of exp of the mean entropy in the window, then mean over prompts.
        smoothed: its exponential moving average.
        n: samples that it is over.
        low, high: the 95 % interval of `bf`; None for a single sample.
    """

    position: int
    bf: float
    smoothed: float
    n: int
    low: float | None
    high: float | None


def curve(
    prompts: Sequence[Sequence[Sample]],
    estimator: Estimator = "auto",
    *,
    compat: bool = False,
    seed: int = 0,
) -> list[CurvePoint]:
    """The cumulative curve: at position t the BF of the answers' first t + 1 tokens, as `overall` has it.

    A sample that ended stays with the mean over its length, so the last point is the BF of `overall`. With `auto`, the
    likelihood is used from `SWITCH` tokens on, for prompts whose estimate uses it, as in the authors' curve. Being a
    mean over all positions so far, it moves slowly: for what happens at a place see `windows`.

    With `compat` a prompt's curve is `authors_curve`, ends where that does, and `std` is that of NumPy's default.
    Raises as `overall` does.
    """
    if not prompts:
        raise UsageError("there are no prompts", hint="give at least 1")
    for samples in prompts:
        check_samples(samples, compat=compat)
    lengths = np.array([sample.length for samples in prompts for sample in samples])
    positions = int(lengths.max())
    groups = [_group(samples, estimator, positions, compat=compat) for samples in prompts]
    logs = np.array([group.observed() for group in groups])
    positions = int(np.count_nonzero(~np.isnan(logs).all(axis=0)))
    logs = logs[:, :positions]
    # Alone, as in `overall`: sums of one column and of many differ in their last bits.
    ends = [group.at(positions - 1) for group in groups]
    logs[:, -1] = [end.observed()[0] for end in ends]
    bfs = np.exp(np.maximum(logs, 0))
    bf = np.nanmean(np.ascontiguousarray(bfs.T), axis=1)
    std = _deviation(groups, bfs, compat=compat)
    band = _band(groups, ends, bfs, seed)
    running = (lengths[:, None] > np.arange(positions)).sum(axis=0)
    return [
        CurvePoint(
            t,
            float(bf[t]),
            float(std[t]),
            int(running[t]),
            _number(band, 0, t),
            _number(band, 1, t),
        )
        for t in range(positions)
    ]


def windows(
    prompts: Sequence[Sequence[Sample]],
    size: int = 5,
    alpha: float = 0.1,
    *,
    compat: bool = False,
    least: int | None = None,
    seed: int = 0,
) -> list[Window]:
    """BF in windows of `size` tokens one after the other: the entropy estimator, whatever the lengths.

    A window's BF is, for a prompt, the mean over samples of exp of their mean H(P~) in it, and then the mean over the
    prompts that have it; the average differs from that of `curve`, and is not below it. It is over the samples that
    run to the window's end. A prompt has the window while at least `least` of its samples do, by default 4, or all of
    them where it has fewer: with 8 samples the last windows are those of the 4 longest answers, and speak of long
    answers only. Smoothed: y_k = alpha x_k + (1 - alpha) y_(k-1), y_0 = x_0.

    Intervals are made as those of `curve`, of these averages.

    With `compat`, the authors' rule: a prompt has windows up to its shortest sample, and only where it has at least
    `least` samples, by default 25; their demonstration takes 10.

    Raises UsageError for no prompts, no samples, a size below 1, or an alpha outside (0, 1].
    """
    if not prompts:
        raise UsageError("there are no prompts", hint="give at least 1")
    if size < 1 or not 0 < alpha <= 1 or (least is not None and least < 1):
        raise UsageError(
            f"there are no windows of {size} tokens, smoothed by {alpha:g}",
            hint="take at least 1 token and sample, and a smoothing above 0 and up to 1",
        )
    by_prompt: list[list[F64]] = []
    for samples in prompts:
        check_samples(samples, compat=False)
        by_prompt.append(_windows_of(samples, size, least, compat=compat))
    found: list[Window] = []
    for k in range(max(map(len, by_prompt))):
        there = [one[k] for one in by_prompt if len(one) > k]
        bf = float(np.mean([values.mean() for values in there]))
        smoothed = alpha * bf + (1 - alpha) * found[-1].smoothed if found else bf
        bfs = np.array([[values.mean()] for values in there])
        band = over_prompts(list(map(_mean_of_exps, there)), bfs, seed, BAND_REPLICATES)
        ends = _number(band, 0, 0), _number(band, 1, 0)
        found.append(Window(k * size, bf, smoothed, sum(map(len, there)), *ends))
    return found


def _mean_of_exps(values: F64) -> Group:
    """One window of one prompt, whose BF is the mean over samples of what is in `values`, shape (M,)."""
    values = np.sort(values)

    def combine(counts: F64) -> F64:
        mean: F64 = np.log(counts @ values / counts.sum(axis=1))
        return mean[:, None]

    return Group(len(values), combine)


def _windows_of(
    samples: Sequence[Sample], size: int, least: int | None, *, compat: bool
) -> list[F64]:
    """For each window of one prompt exp of the window's mean entropy, of the samples that are in it."""
    lengths = [sample.length for sample in samples]
    if compat:
        fewest = AUTHORS_FEWEST if least is None else least
        reach = min(lengths) if len(samples) >= fewest else 0
    else:
        fewest = min(SURVIVORS if least is None else least, len(samples))
        reach = sorted(lengths)[-fewest]
    count = reach // size
    means = [
        np.exp(
            sample.entropy_truncated[: len(sample.entropy_truncated) // size * size]
            .reshape(-1, size)
            .mean(axis=1)
        )
        for sample in samples
    ]
    return [np.array([one[k] for one in means if len(one) > k]) for k in range(count)]


def _group(
    samples: Sequence[Sample], estimator: Estimator, positions: int, *, compat: bool
) -> Group:
    decided = decide(samples, estimator, compat=compat)
    switch = SWITCH if estimator == "auto" and decided == "nll" else 0
    if compat:
        after = authors_curve(samples, decided, positions)
        before = authors_curve(samples, "entropy", positions)
        return Group(len(samples), _joined(before, after, switch))
    values = prefix_means(samples, decided, positions)
    if switch:
        values[:, :switch] = prefix_means(samples, "entropy", min(switch, positions))
    return group_of(values)


def _joined(before: Combine, after: Combine, switch: int) -> Combine:
    """One curve up to a position, another from there."""

    def combine(counts: F64) -> F64:
        curve = after(counts)
        if switch:
            curve[:, :switch] = before(counts)[:, :switch]
        return curve

    return combine


def _number(band: tuple[F64, F64] | None, end: int, position: int) -> float | None:
    """One end of the band; None without a band, or where no resample has a curve."""
    if band is None or np.isnan(band[end][position]):
        return None
    return float(band[end][position])


def _deviation(groups: Sequence[Group], bfs: F64, *, compat: bool) -> F64:
    """`CurvePoint.std`; shape (T,)."""
    values = bfs
    if len(groups) == 1 and groups[0].values is not None:
        values = np.exp(groups[0].values)
    if len(values) < 2:
        return np.zeros(bfs.shape[1])
    deviation: F64 = np.nanstd(values, axis=0, ddof=0 if compat else 1)
    return deviation


def _band(
    groups: Sequence[Group], ends: Sequence[Group], bfs: F64, seed: int
) -> tuple[F64, F64] | None:
    """The ends of the interval at every position, BF; each of shape (T,).

    The last position, whose groups are `ends`, is the estimate itself: its interval has as many replicates.
    """
    band = over_prompts(groups, bfs, seed, BAND_REPLICATES)
    last = over_prompts(ends, bfs[:, -1:], seed)
    if band is not None and last is not None:
        for side, end in zip(band, last, strict=True):
            side[-1] = end[0]
    return band
