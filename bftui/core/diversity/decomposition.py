"""How much of a fall of diversity is left among correct outputs.

A model that answers better has fewer wrong answers to be different with. The fall of a metric over all outputs, D_a,
holds that; the fall over correct outputs, D_c, does not. With Δ_a and Δ_c the falls from a first model to a later one:

    residual share = Δ_c / Δ_a        quality-control share = 1 - residual share

This is our own formula. Karouzos et al. (arXiv 2604.16027) report percentages of the same two parts, but not how they
were averaged, and theirs are not reproduced by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bftui.core.bf.prompt_intervals import FEW_PROMPTS, t_half
from bftui.core.diversity.prompt_values import PromptValues
from bftui.core.errors import UsageError
from bftui.core.logits import F64

Interval = tuple[float, float]

NO_PROMPTS = "no prompt has 2 correct outputs in every model"
NO_INTERVAL = "one prompt without resamples has no interval"
COVERS_ZERO = "the interval of the whole fall covers 0"


@dataclass(frozen=True, slots=True, eq=False)
class PromptDiversity:
    """One metric of one model's outputs for one prompt.

    Attributes:
        every: over all outputs, in the metric's unit; None where it has none.
        correct: over the correct outputs; None where it has none.
        k: how many outputs.
        k_correct: how many of these are correct.
        resamples: both of outputs drawn again (`resample_counts`), shape (R, 2); R is the same for all prompts.

    Metrics that grow with the number of outputs have to be rarefied before, `every` and `correct` of all models to one
    number.
    """

    every: float | None
    correct: float | None
    k: int
    k_correct: int
    resamples: F64 | None = field(default=None, repr=False)

    @property
    def enters(self) -> bool:
        """Whether it has both metrics, and two correct outputs to have the second of."""
        return self.every is not None and self.correct is not None and self.k_correct > 1


@dataclass(frozen=True, slots=True)
class Fall:
    """How far the mean of a metric over prompts fell.

    Attributes:
        first: its mean in the first model, in the metric's unit.
        later: in the later one.
        fall: first - later; below 0 where it rose.
        ci: 95 % interval of the fall, paired by prompt; None where there is none.
        k: the mean number of outputs that it is of, in both models.
    """

    first: float
    later: float
    fall: float
    ci: Interval | None
    k: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Where a fall from the first model to a later one comes from; `all` and `correct` are None without prompts.

    Attributes:
        prompts: how many enter: those with two correct outputs in every model that is compared.
        all: the fall over all outputs.
        correct: the fall over correct ones.
        residual_share: what is left of the fall among correct outputs, as a share of it; None where the interval of the
            whole fall covers 0, or where it has none. It may lie outside [0, 1].
        residual_ci: its 95 % interval.
        quality_share: 1 - residual_share, what fell away with wrong outputs.
        quality_ci: its 95 % interval.
        reason: why there is no share; "" where there is one.
    """

    prompts: int
    all: Fall | None
    correct: Fall | None
    residual_share: float | None
    residual_ci: Interval | None
    quality_share: float | None
    quality_ci: Interval | None
    reason: str


Model = Mapping[str, PromptDiversity]
"""One model's prompts, by their ids."""


def entering(models: Sequence[Model]) -> tuple[str, ...]:
    """Returns the prompts that have two correct outputs in every model, in the order of the first one."""
    first, *others = models
    return tuple(
        prompt
        for prompt, found in first.items()
        if found.enters and all(prompt in other and other[prompt].enters for other in others)
    )


def decompose(models: Sequence[Model], seed: int = 0) -> tuple[Decomposition, ...]:
    """Decomposes the fall from the first model to each later one, over the prompts that enter for all of them.

    Of many prompts the intervals are by bootstrap, prompts resampled jointly for both models and then their outputs; of
    few by t over prompts, that of the share by how much each prompt moves the ratio; of one from its own outputs.
    Raises UsageError for fewer than two models.
    """
    if len(models) < 2:
        raise UsageError("a fall needs two models", hint="name the first stage and a later one")
    prompts = entering(models)
    return tuple(_between(models[0], later, prompts, seed) for later in models[1:])


def _between(first: Model, later: Model, prompts: Sequence[str], seed: int) -> Decomposition:
    if not prompts:
        return Decomposition(0, None, None, None, None, None, None, NO_PROMPTS)
    pairs = [(first[prompt], later[prompt]) for prompt in prompts]
    falls = _both(pairs).mapped(lambda four: four[..., :2] - four[..., 2:])
    ends = falls.interval(seed)
    every, correct = _falls(pairs, ends)
    reason = NO_INTERVAL if every.ci is None else ""
    if every.ci is not None and every.ci[0] <= 0 <= every.ci[1]:
        reason = COVERS_ZERO
    if reason:
        return Decomposition(len(pairs), every, correct, None, None, None, None, reason)
    share = correct.fall / every.fall
    low, high = _share_interval(falls, share, seed)
    return Decomposition(
        len(pairs), every, correct, share, (low, high), 1 - share, (1 - high, 1 - low), ""
    )


def _both(pairs: Sequence[tuple[PromptDiversity, PromptDiversity]]) -> PromptValues:
    """The metrics of both models for each prompt: all and correct of the first, all and correct of the later one."""
    values = np.array([[x for each in pair for x in (each.every, each.correct)] for pair in pairs])
    parts = [[each.resamples for each in pair] for pair in pairs]
    known = [[part for part in pair if part is not None] for pair in parts]
    resamples = None
    if all(len(pair) == 2 for pair in known):
        resamples = np.array([np.concatenate(pair, axis=1) for pair in known])
    outputs = min(each.k_correct for pair in pairs for each in pair)
    return PromptValues(values.astype(np.float64), resamples, outputs)


def _falls(
    pairs: Sequence[tuple[PromptDiversity, PromptDiversity]], ends: tuple[F64, F64] | None
) -> tuple[Fall, Fall]:
    means = _both(pairs).mean()
    counts = np.array([[x for each in pair for x in (each.k, each.k_correct)] for pair in pairs])
    k = counts.mean(axis=0)
    every, correct = (
        Fall(
            float(means[place]),
            float(means[place + 2]),
            float(means[place] - means[place + 2]),
            None if ends is None else (float(ends[0][place]), float(ends[1][place])),
            (float(k[place]), float(k[place + 2])),
        )
        for place in (0, 1)
    )
    return every, correct


def _share_interval(falls: PromptValues, share: float, seed: int) -> Interval:
    """The 95 % interval of the mean of the second fall over that of the first."""
    whole = falls.values[:, 0]
    moved = ((falls.values[:, 1] - share * whole) / whole.mean())[:, None]
    if 1 < falls.prompts < FEW_PROMPTS:
        half = float(t_half(moved)[0])
        return share - half, share + half
    replicates = falls.replicates(seed)
    assert replicates is not None, "a fall that has an interval has replicates"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = replicates[:, 1:] / replicates[:, :1]
    ratios[~np.isfinite(ratios)] = np.nan
    ends = falls.interval_of(ratios, np.array([share]), moved)
    assert ends is not None
    return float(ends[0][0]), float(ends[1][0])
