"""Validity and diversity of a valid set that is too large to be walked: from samples of the model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from bftui.core.bf.bootstrap import REPLICATES, generator
from bftui.core.bf.samples import F64, Sample


@dataclass(frozen=True, slots=True)
class SampledNumbers:
    """What samples from P say of a valid set; intervals are 95 %.

    Attributes:
        samples, valid: how many were drawn, and how many of them are valid answers.
        validity, validity_ci: share of the valid ones, and its interval (Wilson).
        diversity, diversity_ci: exp of the entropy over valid answers, over |V*|, and its interval (bootstrap over
            samples); None with fewer than two valid ones.
    """

    samples: int
    valid: int
    validity: float
    validity_ci: tuple[float, float]
    diversity: float | None
    diversity_ci: tuple[float, float] | None


def sampled_numbers(
    samples: Sequence[Sample],
    is_valid: Callable[[tuple[int, ...]], bool],
    ends: Collection[int],
    answers: int,
    seed: int,
) -> SampledNumbers:
    """Estimates validity and diversity from one or more samples that were drawn from P.

    H of the valid answers is ln Val - E[ln P(y) | y valid], since P among valid answers is P / Val. A sample counts by
    its text, however it was split into tokens; its ln P is that of the tokens that were drawn, so that H is that of
    token paths, never below that of texts.

    Args:
        is_valid: whether tokens, without what ends them, spell a valid answer.
        ends: the ids that end an answer.
        answers: |V*|.
        seed: of the bootstrap.
    """
    found = [ln for sample in samples if (ln := _valid(sample, is_valid, ends)) is not None]
    count, valid = len(samples), len(found)
    wilson = binomtest(valid, count).proportion_ci(method="wilson")
    diversity = interval = None
    if valid > 1:
        logprobs = np.array(found)
        diversity = float(_diversity(np.array([valid / count]), logprobs.mean(), answers)[0])
        interval = _interval(logprobs, count, answers, seed)
    ends_of_share = float(wilson.low), float(wilson.high)
    return SampledNumbers(count, valid, valid / count, ends_of_share, diversity, interval)


def _valid(
    sample: Sample, is_valid: Callable[[tuple[int, ...]], bool], ends: Collection[int]
) -> float | None:
    """ln P of a sample up to what ends it, where that is a valid answer."""
    end = next((n for n, token_id in enumerate(sample.token_ids) if token_id in ends), None)
    if end is None or not is_valid(sample.token_ids[:end]):
        return None
    return float(sample.logprob[: end + 1].sum())


def _diversity(share: F64, mean: F64, answers: int) -> F64:
    """exp(H) / |V*|, at most 1; each of shape (n,)."""
    return np.minimum(1.0, np.exp(np.log(share) - mean) / answers)


def _interval(logprobs: F64, count: int, answers: int, seed: int) -> tuple[float, float]:
    """The percentile interval over samples drawn from the samples, of which some are valid."""
    drawn = generator(seed).integers(0, count, (REPLICATES, count))
    known = np.append(logprobs, 0.0)
    places = np.minimum(drawn, len(logprobs))
    valid = (places < len(logprobs)).sum(axis=1)
    some = valid > 0
    means = known[places].sum(axis=1)[some] / valid[some]
    found = _diversity(valid[some] / count, means, answers)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
