"""The branching factor (BF) of samples, with its uncertainty.

Yang, Li and Holtzman, arXiv 2506.17871. For one prompt, with M samples y_i of P~, natural logarithms throughout:

    entropy     BF = exp( 1/M sum_i 1/|y_i| sum_t H(P~ at token t of y_i) )
    likelihood  BF = exp( -1/M sum_i 1/|y_i| ln P~(y_i) )

Three averages occur, and every function says which one it gives: within a prompt exp of the mean; over prompts the
mean of the prompts' BFs; in a window the mean over samples of exp of the window's mean. A mean of exps is never below
the exp of the mean. The authors' code aggregates samples of different lengths in another way: `compat` gives that
(`branching_samples.authors_curve`); for equal lengths both are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bftui.core.bf.bootstrap import Group, group_of
from bftui.core.bf.curves import CurvePoint, Window, curve, windows
from bftui.core.bf.prompt_intervals import basis, of_ratio, over_prompts
from bftui.core.bf.samples import (
    F64,
    SWITCH,
    Decided,
    Estimator,
    Finish,
    Quantity,
    Sample,
    authors_last,
    check_samples,
    decide,
    likelihood_allowed,
    sample_means,
)
from bftui.core.errors import UsageError

__all__ = [
    "F64",
    "SWITCH",
    "CurvePoint",
    "Estimate",
    "Estimator",
    "Finish",
    "Sample",
    "Used",
    "Window",
    "curve",
    "estimate",
    "hill",
    "overall",
    "ratio",
    "windows",
]

Used = Literal["entropy", "nll", "mixed"]
"""What an estimate was made with; `mixed` where `auto` decided differently for different prompts."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A branching factor, of one prompt or over prompts.

    Attributes:
        bf: by the estimator that was decided on.
        ci: 95 % interval of `bf`, in its unit, not below 1; None for a single sample.
        bf_full: the entropy estimator with H(P) in place of H(P~): over the whole vocabulary.
        estimator: the one that `bf` is by.
        bf_entropy: by the entropy estimator.
        bf_nll: by the likelihood estimator; None where a sample holds chosen tokens.
        prompts, samples, tokens: how many.
        ended: share of the samples that ended by themselves.
    """

    bf: float
    ci: tuple[float, float] | None
    bf_full: float
    estimator: Used
    bf_entropy: float
    bf_nll: float | None
    prompts: int
    samples: int
    tokens: int
    ended: float

    @property
    def basis(self) -> str | None:
        """What `ci` was made from, in words; None where there is none."""
        if self.ci is None:
            return None
        return basis(self.prompts, self.samples if self.samples > self.prompts else 0)


def estimate(
    samples: Sequence[Sample],
    estimator: Estimator = "auto",
    *,
    compat: bool = False,
    seed: int = 0,
) -> Estimate:
    """The BF of one prompt: exp of the mean over samples of their own means (methods 1.1.6, 1.1.7).

    `auto` is the likelihood where every sample was drawn and is longer than `SWITCH` tokens, else the entropy. The
    interval is a bootstrap over samples of ln BF; one seed and the same samples, in any order, give the same one. A
    prompt whose samples all have the same mean has an interval of no width.

    Raises UsageError for no samples, for `nll` of chosen tokens, and with `compat` for fewer than 4 samples.
    """
    return overall([samples], estimator, compat=compat, seed=seed)


def overall(
    prompts: Sequence[Sequence[Sample]],
    estimator: Estimator = "auto",
    *,
    compat: bool = False,
    seed: int = 0,
) -> Estimate:
    """The BF over prompts: the arithmetic mean of the prompts' BFs (methods 1.1.9), each as `estimate` has it.

    The interval speaks of prompts like these: for fewer than `branching_intervals.FEW_PROMPTS` it is by t over the
    prompts' BFs, else a bootstrap in two stages, prompts and then their samples; for one prompt it is that of
    `estimate`. Raises as `estimate` does, and UsageError for no prompts.
    """
    decided = _decided(prompts, estimator, compat=compat)
    groups = [_group(s, d, compat=compat) for s, d in zip(prompts, decided, strict=True)]
    everything = [sample for samples in prompts for sample in samples]
    bfs = _observed(groups)
    ends = over_prompts(groups, bfs[:, None], seed)
    by_entropy = _bf(prompts, "entropy", compat=compat)
    by_nll = _bf(prompts, "nll", compat=compat) if likelihood_allowed(everything) else None
    return Estimate(
        bf=float(bfs.mean()),
        ci=None if ends is None else (float(ends[0][0]), float(ends[1][0])),
        bf_full=_bf(prompts, "full", compat=compat),
        estimator=decided[0] if len(set(decided)) == 1 else "mixed",
        bf_entropy=by_entropy,
        bf_nll=by_nll,
        prompts=len(prompts),
        samples=len(everything),
        tokens=sum(sample.length for sample in everything),
        ended=sum(sample.finish == "eog" for sample in everything) / len(everything),
    )


def ratio(
    base: Sequence[Sequence[Sample]],
    aligned: Sequence[Sequence[Sample]],
    estimator: Estimator = "auto",
    *,
    compat: bool = False,
    seed: int = 0,
) -> tuple[float, tuple[float, float] | None]:
    """Mean BF of one model over mean BF of another on the same prompts, and its 95 % interval.

    `base[i]` and `aligned[i]` are samples of the same prompt, and the interval is paired by prompt: by t for fewer than
    `branching_intervals.FEW_PROMPTS`, else prompts are resampled jointly, then the samples of each model apart; for one
    prompt only the samples, and the interval is None where a model has but one. Tokens must be of one vocabulary: that
    is the caller's to know. Raises as `overall` does, and UsageError for different numbers of
    prompts.
    """
    if len(base) != len(aligned):
        raise UsageError(
            f"{len(base)} and {len(aligned)} prompts cannot be compared",
            "a ratio is paired by prompt",
            "measure both models on the same prompts",
        )
    pair = [
        [
            _group(samples, decided, compat=compat)
            for samples, decided in zip(
                prompts, _decided(prompts, estimator, compat=compat), strict=True
            )
        ]
        for prompts in (base, aligned)
    ]
    above, below = (_observed(groups) for groups in pair)
    ci = of_ratio(pair[0], pair[1], (above, below), seed)
    return float(above.mean() / below.mean()), ci


def hill(probabilities: ArrayLike, q: float) -> float:
    """The Hill number of order q, an effective number of choices: (sum p**q) ** (1 / (1 - q)) (Hill 1973).

    Order 0 counts the choices, 1 is exp of the entropy (the BF of one step), 2 is 1 / sum p**2, inf is 1 / max p.

    Args:
        probabilities: shape (n,), not below 0; divided by their sum.
        q: the order, at least 0, or inf.

    Raises UsageError for other numbers.
    """
    weights = np.asarray(probabilities, dtype=np.float64)
    if weights.ndim != 1 or not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise UsageError("a Hill number needs a list of probabilities", "some are below 0 or none")
    if not weights.sum() > 0 or not q >= 0:
        raise UsageError(f"there is no Hill number of order {q:g} of these probabilities")
    p = weights[weights > 0] / weights.sum()
    largest = float(p.max())
    if q == math.inf:
        return 1 / largest
    # So near to 1 the quotient below loses more than the limit is off.
    if abs(q - 1) < 1e-8:
        return math.exp(-float((p * np.log(p)).sum()))
    log_sum = q * math.log(largest) + math.log(float(((p / largest) ** q).sum()))
    return math.exp(log_sum / (1 - q))


def _decided(
    prompts: Sequence[Sequence[Sample]], estimator: Estimator, *, compat: bool
) -> list[Decided]:
    """The estimator of each prompt; raises UsageError for what cannot be estimated."""
    if not prompts:
        raise UsageError("there are no prompts", hint="give at least 1")
    for samples in prompts:
        check_samples(samples, compat=compat)
    return [decide(samples, estimator, compat=compat) for samples in prompts]


def _group(samples: Sequence[Sample], quantity: Quantity, *, compat: bool) -> Group:
    if compat:
        return Group(len(samples), authors_last(samples, quantity))
    return group_of(sample_means(samples, quantity)[:, None])


def _observed(groups: Sequence[Group]) -> F64:
    """The prompts' BFs; shape (prompts,)."""
    return np.exp([max(0.0, float(group.observed()[0])) for group in groups])


def _bf(prompts: Sequence[Sequence[Sample]], quantity: Quantity, *, compat: bool) -> float:
    groups = [_group(samples, quantity, compat=compat) for samples in prompts]
    return float(_observed(groups).mean())
