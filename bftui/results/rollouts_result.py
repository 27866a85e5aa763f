"""Rollouts and sampling again: what was asked for, the continuations that were drawn, and their branching factor."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from bftui.core.bf.estimate import Used, estimate
from bftui.core.bf.samples import Finish, Sample
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT, finite
from bftui.results.result_types import Count, Entropy, Factor, Id, Interval, LogProb, Number, Rank

UNKNOWN = math.nan
"""Stands for a surprisal that nobody asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleResult:
    """One continuation.

    Attributes:
        length: tokens, an end of generation included.
        mean_entropy: mean H(P~) over its positions, nats.
        mean_nll: mean -ln P~ of its tokens, nats; None where one was not drawn from P~.
        finish: `eog` ended by itself, `length` at the limit asked for, `context` where the context was full.
        nats_per_byte: -ln P~ of its tokens over the bytes of its text; None without bytes.
        token_ids: the tokens; empty where they were not kept, and then the next two too.
        entropy: H(P~) that each was drawn from, nats.
        logprob: ln P~ of each, nats; None where it is 0.
        surprisal: mean -ln P of its tokens, nats; None where it is infinite, `UNKNOWN` where it was not asked for.
    """

    length: Count
    mean_entropy: Entropy
    mean_nll: Number | None
    finish: Finish
    nats_per_byte: Number | None
    token_ids: Annotated[tuple[Id, ...], LEFT_OUT] = ()
    entropy: Annotated[tuple[Entropy, ...], LEFT_OUT] = ()
    logprob: Annotated[tuple[LogProb | None, ...], LEFT_OUT] = ()
    surprisal: Annotated[Number | None, LEFT_OUT] = UNKNOWN

    def __post_init__(self) -> None:
        """Raises UsageError where tokens were kept and another number of their numbers."""
        kept = len(self.token_ids)
        if (kept and kept != self.length) or {len(self.entropy), len(self.logprob)} != {kept}:
            raise UsageError(
                f"a continuation of {self.length} tokens has another number of numbers"
            )

    @classmethod
    def of(cls, sample: Sample, *, tokens: bool = True, surprisal: bool = False) -> SampleResult:
        """Says of a sample what is kept: with `tokens` those and their numbers, with `surprisal` that one."""
        return cls(
            length=sample.length,
            mean_entropy=sample.mean_entropy,
            mean_nll=sample.mean_nll,
            finish=sample.finish,
            nats_per_byte=sample.nats_per_byte,
            token_ids=sample.token_ids if tokens else (),
            entropy=tuple(sample.entropy_truncated.tolist()) if tokens else (),
            logprob=tuple(map(_known, sample.logprob_truncated.tolist())) if tokens else (),
            surprisal=finite(sample.surprisal) if surprisal else UNKNOWN,
        )

    def sample(self, full: float = math.nan) -> Sample:
        """Makes a sample again for estimates and curves; of H(P) and ln P only the means are known.

        `full` is the mean H(P), nats. Raises UsageError where the tokens were not kept.
        """
        count = len(self.token_ids)
        logprob = np.array([math.nan if each is None else each for each in self.logprob])
        surprisal = math.inf if self.surprisal is None else self.surprisal
        n_bytes = 0
        if self.nats_per_byte:
            n_bytes = round(-float(logprob.sum()) / self.nats_per_byte)
        return Sample(
            token_ids=self.token_ids,
            entropy=np.full(count, full),
            entropy_truncated=np.array(self.entropy, dtype=np.float64),
            logprob_truncated=logprob,
            logprob=np.full(count, -surprisal),
            n_bytes=n_bytes,
            finish=self.finish,
        )


def _known(logprob: float) -> float | None:
    return None if math.isnan(logprob) else logprob


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutsSettings:
    """What was asked for.

    Attributes:
        samples, horizon: how many continuations, of up to how many tokens.
        first: number of the first one: it counts on from those drawn there before.
        sampler: what they are drawn with.
        suffix: tokens after the node that are not in the tree.
        original: the path that they are compared with, where they were sampled again.
    """

    samples: Rank
    horizon: Rank
    first: Count
    sampler: Annotated[Sampler, FLAT]
    suffix: Annotated[tuple[Id, ...], LEFT_OUT] = ()
    original: Annotated[tuple[Id, ...], LEFT_OUT] = ()

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the path that they are compared with."""
        return self.original


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutsResult:
    """Continuations of one place and their branching factor; while they are drawn, as far as they are.

    Attributes:
        bf: by the estimator that was decided on.
        ci: 95 % interval of `bf`, in its unit; None for a single sample.
        bf_full: over the whole vocabulary, by the entropy estimator.
        estimator: the one that `bf` is by.
        bf_entropy, bf_nll: by either estimator; None where a token was chosen.
        samples: the continuations that have a token.
        original: the path that they are compared with, where they were sampled again.
    """

    bf: Factor
    ci: Interval | None
    bf_full: Factor
    estimator: Used
    bf_entropy: Factor
    bf_nll: Factor | None
    samples: tuple[SampleResult, ...]
    original: Annotated[SampleResult | None, LEFT_OUT] = None

    def __post_init__(self) -> None:
        """Raises UsageError without continuations, or without their tokens."""
        if not self.samples or not all(each.token_ids for each in self.samples):
            raise UsageError("there are no continuations, or not their tokens")

    @classmethod
    def of(
        cls, samples: Sequence[Sample], original: SampleResult | None = None, *, seed: int = 0
    ) -> RolloutsResult:
        """Estimates the branching factor of samples; raises UsageError where there are none."""
        found = estimate(samples, seed=seed)
        return cls(
            bf=found.bf,
            ci=found.ci,
            bf_full=found.bf_full,
            estimator=found.estimator,
            bf_entropy=found.bf_entropy,
            bf_nll=found.bf_nll,
            samples=tuple(
                SampleResult.of(each, surprisal=original is not None) for each in samples
            ),
            original=original,
        )

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the continuations, one after the other."""
        return tuple(i for each in self.samples for i in each.token_ids)

    @property
    def tokens(self) -> int:
        """Tokens drawn, over all continuations."""
        return sum(each.length for each in self.samples)

    @property
    def ended(self) -> float:
        """Share of the continuations that ended by themselves."""
        return Counter(each.finish for each in self.samples)["eog"] / len(self.samples)

    @property
    def lengths(self) -> tuple[int, int, int]:
        """The least, the median and the largest number of tokens."""
        lengths = sorted(each.length for each in self.samples)
        return lengths[0], lengths[len(lengths) // 2], lengths[-1]

    def drawn(self) -> tuple[Sample, ...]:
        """Makes the samples again, each with the mean H(P) of all."""
        return tuple(each.sample(math.log(self.bf_full)) for each in self.samples)
