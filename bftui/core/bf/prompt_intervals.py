"""Intervals over prompts: one prompt has its own, few have one by t, many by the bootstrap in two stages.

To resample two prompts, or six, knows no others. Below `FEW_PROMPTS` the interval of a mean m over n prompts is by t:
exp(ln m ± t(.975, n - 1) s / (m √n)) with the standard deviation s of the prompts' BFs, in which the noise of their
samples is contained; that of a ratio of two means comes in the same way from the paired differences a / mean(a) -
b / mean(b), which are how much each prompt moves the logarithm of the ratio. How often these cover the truth:
`python -m tests.branching_prompts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bftui.core.bf.bootstrap import (
    REPLICATES,
    Group,
    choose,
    generator,
    group_of,
    interval,
    mean_bf,
    resample,
)
from bftui.core.bf.samples import F64

FEW_PROMPTS = 30
"""From so many prompts on they are resampled."""


def basis(prompts: int, samples: int, of: str = "prompts") -> str:
    """What an interval was made from, in words.

    Args:
        prompts: how many, or how many answers, as `of` names them.
        samples: how many in all; 0 where there is one for each.
    """
    if prompts == 1:
        return f"bootstrap over {samples} samples"
    if prompts < FEW_PROMPTS:
        return f"t over {prompts} {of}"
    return f"bootstrap over {prompts} {of}" + (" and their samples" if samples else "")


def rests(prompts: int, of: str = "prompts") -> str:
    """How intervals over so many prompts are made, as a clause about intervals; how few they rest on, where few."""
    if prompts < FEW_PROMPTS:
        return f"by t, and rest on {prompts} {of}"
    return f"by bootstrap over {prompts} {of}"


def mean_interval(values: F64, seed: int) -> tuple[F64, F64] | None:
    """The ends of the 95 % interval of a mean over prompts or answers; each of shape (T,). None for fewer than 2.

    `values` has shape (n, T).
    """
    if len(values) < 2:
        return None
    mean = values.mean(axis=0)
    if len(values) < FEW_PROMPTS:
        half = t_half(values)
        return mean - half, mean + half
    group = group_of(values)
    return interval(resample(group, REPLICATES, generator(seed)), mean, len(values), values)


def t_half(values: F64) -> F64:
    """Half the width of the 95 % t interval of a mean over independent units; shape (T,).

    `values` has shape (n, T), NaN where a unit has none. NaN where fewer than 2 units have one.
    """
    # Imported here: the workbench shows its first frame before it needs an interval.
    from scipy.special import stdtrit

    known = ~np.isnan(values)
    n = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(n, 1)
    variance = (np.where(known, values - mean, 0) ** 2).sum(axis=0) / np.maximum(n - 1, 1)
    half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(variance / np.maximum(n, 1))
    return np.where(n > 1, half, np.nan)


def over_prompts(
    groups: Sequence[Group], bfs: F64, seed: int, times: int = REPLICATES
) -> tuple[F64, F64] | None:
    """The ends of the 95 % interval of the prompts' mean BF, not below 1; each of shape (T,).

    Of several prompts those count that have a BF at a place. NaN where there is no interval; None where there is none
    anywhere, for a prompt with a single sample.

    Args:
        groups: the prompts.
        bfs: their BFs, shape (prompts, T), NaN where one has none.
        times: replicates of a bootstrap.
    """
    rng = generator(seed)
    if len(groups) == 1:
        ends = _own(groups[0], times, rng)
        return None if ends is None else _factors(*(end[: bfs.shape[1]] for end in ends))
    there = ~np.isnan(bfs)
    n, mean = there.sum(axis=0), np.nanmean(bfs, axis=0)
    half = t_half(bfs) / mean
    low, high = np.log(mean) - half, np.log(mean) + half
    for group, has in zip(groups, there & (n == 1), strict=True):
        if has.any() and (ends := _own(group, times, rng)) is not None:
            low, high = (
                np.where(has, own[: len(has)], end)
                for own, end in zip(ends, (low, high), strict=True)
            )
    many = n >= FEW_PROMPTS
    if many.any():
        replicates = np.log(mean_bf(groups, choose(len(groups), times, rng), rng))[:, : len(mean)]
        known = all(group.values is not None for group in groups)
        ends = interval(replicates, np.log(mean), len(groups), bfs if known else None)
        low, high = (
            np.where(many, drawn, end) for drawn, end in zip(ends, (low, high), strict=True)
        )
    return _factors(low, high)


def _own(group: Group, times: int, rng: np.random.Generator) -> tuple[F64, F64] | None:
    """The interval of one prompt's ln BF; None for a single sample."""
    if group.size < 2:
        return None
    replicates = resample(group, times, rng)
    return interval(replicates, group.observed(), group.size, group.values)


def _factors(low: F64, high: F64) -> tuple[F64, F64]:
    return np.exp(np.maximum(low, 0.0)), np.exp(np.maximum(high, 0.0))


def of_ratio(
    above: Sequence[Group], below: Sequence[Group], bfs: tuple[F64, F64], seed: int
) -> tuple[float, float] | None:
    """The 95 % interval of the mean BF of one model over that of another, paired by prompt.

    Many prompts are resampled jointly, then the samples of each model apart; of one prompt only these. None for one
    prompt of which a model has a single sample. `bfs` are the prompts' BFs of both, each of shape (prompts,).
    """
    first, second = bfs
    observed = math.log(first.mean() / second.mean())
    rng = generator(seed)
    moved = (first / first.mean() - second / second.mean())[:, None]
    if 1 < len(above) < FEW_PROMPTS:
        half = float(t_half(moved)[0])
        return math.exp(observed - half), math.exp(observed + half)
    influence: F64 | None
    if len(above) > 1:
        chosen = choose(len(above), REPLICATES, rng)
        logs = [np.log(mean_bf(groups, chosen, rng)) for groups in (above, below)]
        units, influence = len(above), moved
    else:
        logs = [resample(groups[0], REPLICATES, rng) for groups in (above, below)]
        units, influence = min(above[0].size, below[0].size), _difference(above[0], below[0])
    if units < 2:
        return None
    low, high = interval(logs[0] - logs[1], np.array([observed]), units, influence)
    return math.exp(low[0]), math.exp(high[0])


def _difference(base: Group, aligned: Group) -> F64 | None:
    """The influence of each sample of two prompts on the difference of their ln BF; None where it is not known."""
    if base.values is None or aligned.values is None:
        return None
    parts = [
        sign * (group.values - group.values.mean(axis=0)) / group.size
        for sign, group in ((1, base), (-1, aligned))
        if group.values is not None
    ]
    return np.concatenate(parts)
