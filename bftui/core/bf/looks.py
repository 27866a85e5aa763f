"""The looks at a forced text and its controls: what is known, and judged, while samples come (contract 4).

Samples of every text come in planned looks. Each look is judged at its part of 5 %, so that all of them together find
an effect that is not there in 5 of 100; it ends at the first one that says `narrows` or `widens`. Between looks the
ratio over the first tokens is told, without a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bftui.core.bf.contrast import ALPHA, contrast, contrast_samples, mean
from bftui.core.bf.samples import F64

Verdict = Literal["narrows", "widens", "no effect", "undecided"]

FEWEST = 8
"""Controls without which there is no verdict."""

EQUAL = math.log(1.10)
"""Differences within this are no effect."""

SPREAD = "within the spread of texts like it"
FEW_SAMPLES = "too few samples"
SEVERAL = "not clear as one of several texts"
"""Of a text that by itself would narrow or widen."""

_FIRST = 4
"""The shortest horizon that a ratio is told for; the next ones are twice as long each."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is judged once so many samples of every text are there.

    Attributes:
        samples: of each text.
        level: of its intervals; 1 - .05 / L, with L planned looks.
        delta, delta_ci: ln BF(forced) - mean ln BF(matched controls), nats, as of one text against texts like it.
        noise_ci: the same difference, with the noise of sampling alone; None for a single sample.
        p: two-sided, of the t that `delta_ci` comes from.
        verdict: what the intervals say.
    """

    samples: int
    level: float
    delta: float | None
    delta_ci: tuple[float, float] | None
    noise_ci: tuple[float, float] | None
    p: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class HorizonRatio:
    """BF(forced) over that of the controls (geometric mean), over the first tokens after each text.

    Attributes:
        tokens: how many tokens of each sample, or up to its end.
        samples: of each text, as far as all of them have come.
        ratio: the factor.
        noise_ci: its 95 % interval by the noise of sampling alone; None for a single sample.
    """

    tokens: int
    samples: int
    ratio: float
    noise_ci: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Grown:
    """One sample as far as it is drawn.

    Attributes:
        entropy: H(P~) that each token was drawn from, nats, shape (length,).
        ended: whether nothing comes after its last token.
    """

    entropy: F64
    ended: bool

    def reaches(self, tokens: int) -> bool:
        """Whether all that it ever has of its first tokens is there."""
        return self.ended or len(self.entropy) >= tokens

    def mean(self, tokens: int) -> float:
        """Mean of H(P~) over its first tokens, nats."""
        return float(self.entropy[:tokens].mean())


def look(
    forced: Sequence[float], controls: Sequence[Sequence[float]], *, planned: int, last: bool
) -> Look:
    """What one of `planned` looks says; arguments as those of `contrast_samples`.

    `narrows` and `widens`: the interval of one text against texts like it lies below or above 0. The last look says
    `no effect` where that of the noise alone lies within ln 1.10 of 0. All else is `undecided`, and so are fewer than
    `FEWEST` controls.
    """
    alpha = ALPHA / planned
    among = contrast(mean(forced), [mean(each) for each in controls], alpha)
    noise = contrast_samples(forced, controls, alpha).delta_ci
    verdict: Verdict = "undecided"
    if len(controls) >= FEWEST and among.delta_ci is not None:
        if among.delta_ci[1] < 0:
            verdict = "narrows"
        elif among.delta_ci[0] > 0:
            verdict = "widens"
        elif last and _within(noise):
            verdict = "no effect"
    return Look(len(forced), 1 - alpha, among.delta, among.delta_ci, noise, among.p, verdict)


def why_undecided(found: Look) -> str:
    """Why a last look with enough controls says nothing, once it is corrected."""
    if found.verdict in ("narrows", "widens"):
        return SEVERAL
    if found.noise_ci is None or found.noise_ci[0] <= 0 <= found.noise_ci[1]:
        return FEW_SAMPLES
    return SPREAD


def corrected(found: Look, p_holm: float | None) -> Look:
    """Says what a last look says as one of several texts: it narrows or widens only where Holm's p is below .05 too."""
    if found.verdict not in ("narrows", "widens") or p_holm is None or p_holm < ALPHA:
        return found
    return replace(found, verdict="no effect" if _within(found.noise_ci) else "undecided")


def horizons(horizon: int) -> list[int]:
    """The numbers of tokens that ratios are told for: 4, 8, 16, … below the horizon, and the horizon."""
    found = []
    tokens = _FIRST
    while tokens < horizon:
        found.append(tokens)
        tokens *= 2
    return [*found, horizon]


def common(texts: Sequence[Sequence[Grown]], tokens: int) -> int:
    """How many samples, from the first on, every text has of its first tokens."""
    count = 0
    for samples in zip(*texts, strict=False):
        if not all(each.reaches(tokens) and len(each.entropy) for each in samples):
            break
        count += 1
    return count


def by_horizon(
    forced: Sequence[Grown], controls: Sequence[Sequence[Grown]], horizon: int
) -> list[HorizonRatio]:
    """The ratio over the first 4, 8, 16, … tokens, as far as all texts have come; texts have samples in one order."""
    if not controls:
        return []
    found = []
    for tokens in horizons(horizon):
        count = common([forced, *controls], tokens)
        if not count:
            break
        one, *others = (
            [each.mean(tokens) for each in text[:count]] for text in (forced, *controls)
        )
        compared = contrast_samples(one, others)
        assert compared.delta is not None
        ci = compared.delta_ci
        noise = None if ci is None else (math.exp(ci[0]), math.exp(ci[1]))
        found.append(HorizonRatio(tokens, count, math.exp(compared.delta), noise))
    return found


def _within(ci: tuple[float, float] | None) -> bool:
    return ci is not None and ci[0] >= -EQUAL and ci[1] <= EQUAL
