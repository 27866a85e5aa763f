"""Prompts drawn from a population with known branching factors: how often intervals over them cover the truth.

The ln BF of a prompt is normal, or a gamma variable, which is skewed; a sample's mean entropy is normal around its
prompt's. A second model has its own shift of every prompt, so that a ratio is paired. Shares are of answers whose
positions are of a class with a chance of their own. `python -m tests.branching_prompts` prints the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bftui.core.bf.estimate import Sample, overall, ratio
from bftui.core.pair import shift_summary

_KINDS = ("unshifted", "shifted")
Shape = Literal["normal", "skewed"]
F64 = NDArray[np.float64]

MEAN, SPREAD = 2.5, 0.5
"""Of the prompts' ln BF, nats: BFs around 12 that differ by a factor of 1.6."""
SKEW = 4
"""The shape of the gamma variable: a skewness of 1."""
SHIFT, SHIFT_SPREAD = 0.7, 0.3
"""How far the second model is below the first, nats."""
WITHIN = 0.3
"""Standard deviation of the samples of one prompt, nats."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How often the intervals of some prompts held the truth, and how wide they were (mean of ln high / low)."""

    prompts: int
    mean: float
    ratio: float
    width: float


def _prompts(shape: Shape, count: int, rng: np.random.Generator) -> F64:
    if shape == "normal":
        return MEAN + SPREAD * rng.standard_normal(count)
    scale = SPREAD / math.sqrt(SKEW)
    found: F64 = MEAN - SKEW * scale + rng.gamma(SKEW, scale, count)
    return found


def _truth(shape: Shape, bias: float) -> float:
    """E exp(ln BF), times what the mean over finitely many samples adds."""
    if shape == "normal":
        return math.exp(MEAN + SPREAD**2 / 2 + bias)
    scale = SPREAD / math.sqrt(SKEW)
    return math.exp(MEAN - SKEW * scale + bias) * (1 - scale) ** -SKEW


def _samples(centres: F64, samples: int, rng: np.random.Generator) -> list[list[Sample]]:
    values = centres[:, None] + WITHIN * rng.standard_normal((len(centres), samples))
    return [[_sample(value) for value in row] for row in values]


def _sample(mean_entropy: float) -> Sample:
    one = np.array([mean_entropy])
    return Sample((0,), one, one, -one, -one, 1, "length")


def coverage(
    shape: Shape, sizes: Sequence[int], *, samples: int = 16, seeds: int = 400
) -> list[Covered]:
    """The intervals of `overall` and `ratio` for each number of prompts, over as many seeds."""
    bias = WITHIN**2 / (2 * samples)
    truth = _truth(shape, bias)
    true_ratio = math.exp(SHIFT - SHIFT_SPREAD**2 / 2)
    found = []
    for size in sizes:
        held = between = 0
        width = 0.0
        for seed in range(seeds):
            rng = np.random.default_rng([seed, size])
            centres = _prompts(shape, size, rng)
            below = centres - SHIFT + SHIFT_SPREAD * rng.standard_normal(size)
            base, aligned = (_samples(each, samples, rng) for each in (centres, below))
            ci = overall(base, "entropy", seed=seed).ci
            ends = ratio(base, aligned, "entropy", seed=seed)[1]
            assert ci is not None
            assert ends is not None
            held += ci[0] <= truth <= ci[1]
            between += ends[0] <= true_ratio <= ends[1]
            width += math.log(ci[1] / ci[0])
        found.append(Covered(size, held / seeds, between / seeds, width / seeds))
    return found


def shares_coverage(sizes: Sequence[int], *, seeds: int = 400) -> list[tuple[int, float]]:
    """How often the interval of the share of shifted positions holds the truth, for each number of answers.

    An answer of 20 to 80 positions has each shifted with a chance of its own, Beta(2, 8), whose mean is 0.2.
    """
    found = []
    for size in sizes:
        held = 0
        for seed in range(seeds):
            rng = np.random.default_rng([seed, size, 1])
            answers: list[Any] = []
            for length in rng.integers(20, 81, size):
                shifted = rng.random(length) < rng.beta(2, 8)
                answers.append([SimpleNamespace(kind=_KINDS[int(each)]) for each in shifted])
            whole = shift_summary.overall(answers, seed)
            assert whole is not None
            assert whole.intervals is not None
            low, high = whole.intervals[2]
            held += low <= 0.2 <= high
        found.append((size, held / seeds))
    return found


def main() -> None:
    for shape in ("normal", "skewed"):
        for one in coverage(shape, (2, 3, 6, 12, 20, 29, 30, 50)):
            print(
                f"{shape:7} {one.prompts:3} prompts: the interval of BF covers in {100 * one.mean:.1f} of 100, "
                f"that of a ratio in {100 * one.ratio:.1f}; high / low {math.exp(one.width):.2f}"
            )

    for size, share in shares_coverage((2, 3, 6, 12, 20, 29, 30, 50)):
        print(f"{size:3} answers: the interval of a share covers in {100 * share:.1f} of 100")


if __name__ == "__main__":
    main()
