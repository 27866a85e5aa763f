"""Samples, and the two ways in which the samples of one prompt become one number.

`Combine` is what both ways have in common: how often each sample counts goes in, ln BF comes out. Estimates put in
ones, the bootstrap puts in its resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import UsageError

F64 = NDArray[np.float64]
Finish = Literal["eog", "length", "context"]
Estimator = Literal["auto", "entropy", "nll"]
"""`nll` is the likelihood estimator."""
Decided = Literal["entropy", "nll"]
Quantity = Literal["entropy", "nll", "full"]
"""What is averaged: H(P~), -ln P~ of the token, or H(P)."""

SWITCH = 50
"""The likelihood estimator needs samples longer than this (the authors' `asymptotic_limit`)."""

SURVIVORS = 4
"""Samples that must reach a position for the authors' aggregation to go on there."""

Combine = Callable[[F64], F64]
"""Counts of the samples, shape (n, M), to ln BF in nats, shape (n, T); NaN where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One continuation of a prompt.

    Arrays have shape (length,); entry t is of the distribution that token t was drawn from, in nats.

    Attributes:
        token_ids: the tokens, an end of generation included.
        entropy: H(P).
        entropy_truncated: H(P~).
        logprob_truncated: ln P~ of the token; NaN where P~ of it is 0, as it may be of a chosen token.
        logprob: ln P of the token.
        n_bytes: bytes of its text, an end of generation left out.
        finish: `eog` ended by itself, `length` at the limit asked for, `context` where the context was full.
        chosen: holds a forced, greedy or nudged token, so that its likelihood estimates nothing.

    Raises UsageError for no tokens, or arrays of other lengths.
    """

    token_ids: tuple[int, ...]
    entropy: F64 = field(repr=False)
    entropy_truncated: F64 = field(repr=False)
    logprob_truncated: F64 = field(repr=False)
    logprob: F64 = field(repr=False)
    n_bytes: int
    finish: Finish
    chosen: bool = False

    def __post_init__(self) -> None:
        shape = (len(self.token_ids),)
        if not self.token_ids:
            raise UsageError(
                "a sample has no tokens",
                "it has no branching factor",
                "ask for a horizon of at least 1 token",
            )
        for name in ("entropy", "entropy_truncated", "logprob_truncated", "logprob"):
            if getattr(self, name).shape != shape:
                raise UsageError(
                    f"a sample of {shape[0]} tokens has {name} of shape {getattr(self, name).shape}",
                    hint=f"give one number for each token: shape {shape}",
                )

    @property
    def length(self) -> int:
        """Tokens, an end of generation included."""
        return len(self.token_ids)

    @property
    def drawn(self) -> bool:
        """Whether every token was drawn from P~, so that -ln P~ estimates an entropy."""
        return not self.chosen and bool(np.isfinite(self.logprob_truncated).all())

    @property
    def mean_entropy(self) -> float:
        """Mean of H(P~) over its positions, nats."""
        return float(self.entropy_truncated.sum()) / self.length

    @property
    def mean_nll(self) -> float | None:
        """-ln P~ of the sample over its length, nats; None where a token was not drawn from P~."""
        if not self.drawn:
            return None
        return -float(self.logprob_truncated.sum()) / self.length

    @property
    def surprisal(self) -> float:
        """Mean -ln P of its tokens, nats."""
        return -float(self.logprob.sum()) / self.length

    @property
    def nats_per_byte(self) -> float | None:
        """-ln P~ of the sample over the bytes of its text; None without bytes, or where P~ of it is 0."""
        total = -float(self.logprob_truncated.sum())
        return total / self.n_bytes if self.n_bytes and np.isfinite(total) else None


def likelihood_allowed(samples: Sequence[Sample]) -> bool:
    """Whether every token of every sample was drawn from P~."""
    return all(sample.drawn for sample in samples)


def decide(samples: Sequence[Sample], estimator: Estimator, *, compat: bool) -> Decided:
    """The estimator that is used for the samples of one prompt.

    `auto` takes the likelihood where every sample was drawn and is longer than `SWITCH` tokens; as the authors' code
    has it (`compat`), where their common length is. Raises UsageError where `nll` is asked of chosen tokens.
    """
    if estimator not in ("auto", "entropy", "nll"):
        raise UsageError(f"there is no estimator {estimator!r}", hint="use auto, entropy or nll")
    if estimator == "nll" and not likelihood_allowed(samples):
        raise UsageError(
            "the likelihood estimator cannot be used",
            "a sample holds forced, greedy or nudged tokens, which were not drawn",
            "use the entropy estimator",
        )
    if estimator != "auto":
        return estimator
    if not likelihood_allowed(samples):
        return "entropy"
    lengths = np.array([sample.length for sample in samples])
    reached = _common_length(lengths, np.ones((1, len(lengths))))[0] if compat else lengths.min()
    return "nll" if reached > SWITCH else "entropy"


def check_samples(samples: Sequence[Sample], *, compat: bool) -> None:
    """Raises UsageError for no samples, or too few for the authors' aggregation."""
    if not samples:
        raise UsageError("there are no samples", hint="draw at least 1")
    if compat and len(samples) < SURVIVORS:
        raise UsageError(
            f"{len(samples)} samples cannot be aggregated as the authors' code does it",
            f"it leaves out positions that fewer than {SURVIVORS} samples reach",
            f"draw at least {SURVIVORS}, or leave out --compat",
        )


def of_tokens(sample: Sample, quantity: Quantity) -> F64:
    """The quantity at each token of a sample, nats; shape (length,)."""
    if quantity == "nll":
        return -sample.logprob_truncated
    return sample.entropy_truncated if quantity == "entropy" else sample.entropy


def sample_means(samples: Sequence[Sample], quantity: Quantity) -> F64:
    """Each sample's mean over its own length, nats; shape (M,)."""
    return np.array([of_tokens(sample, quantity).sum() / sample.length for sample in samples])


def prefix_means(samples: Sequence[Sample], quantity: Quantity, positions: int) -> F64:
    """Each sample's mean over its first t + 1 tokens, nats; shape (M, positions).

    A sample that ended stays at the mean over its whole length.
    """
    values, running = _padded(samples, quantity, positions)
    means: F64 = np.cumsum(values, axis=1) / np.cumsum(running, axis=1)
    for row, sample, whole in zip(means, samples, sample_means(samples, quantity), strict=True):
        # To the last bit, so that a curve ends at its estimate.
        row[sample.length - 1 :] = whole
    return means


def mean_of(values: F64) -> Combine:
    """ln BF as the mean over samples; `values` has shape (M, T)."""

    def combine(counts: F64) -> F64:
        mean: F64 = weighted(counts, values) / counts.sum(axis=1, keepdims=True)
        return mean

    return combine


def authors_curve(samples: Sequence[Sample], quantity: Quantity, positions: int) -> Combine:
    """ln BF over the first t + 1 tokens as the authors' code has it (github yangalan123/LLMBranchingFactor).

    Position after position the mean over the samples that reach it: of an entropy, then averaged over the positions
    so far; or of -ln P~ of the first t + 1 tokens over t + 1. Ends at the 0.95 quantile of the lengths, or where
    fewer than `SURVIVORS` samples go on; NaN from there.
    """
    values, running = _padded(samples, quantity, positions)
    lengths = np.array([sample.length for sample in samples])
    steps = np.arange(1, positions + 1)
    if quantity == "nll":
        values = np.cumsum(values, axis=1) / steps * running

    def combine(counts: F64) -> F64:
        curve = weighted(counts, values) / np.maximum(weighted(counts, running), 1)
        if quantity != "nll":
            curve = np.cumsum(curve, axis=1) / steps
        curve[steps > _common_length(lengths, counts)[:, None]] = np.nan
        return curve

    return combine


def authors_last(samples: Sequence[Sample], quantity: Quantity) -> Combine:
    """ln BF of a prompt as the authors' code has it: the end of `authors_curve`; T is 1."""
    lengths = np.array([sample.length for sample in samples])
    curve = authors_curve(samples, quantity, int(lengths.max()))

    def combine(counts: F64) -> F64:
        last = _common_length(lengths, counts)[:, None] - 1
        return np.take_along_axis(curve(counts), last, axis=1)

    return combine


def weighted(counts: F64, values: F64) -> F64:
    """Sums of values, shape (M, T), weighted by counts, shape (n, M)."""
    # Not `@`: the threads of a BLAS would fight with those of the model.
    total: F64 = np.einsum("nm,mt->nt", counts, values)
    return total


def _padded(samples: Sequence[Sample], quantity: Quantity, positions: int) -> tuple[F64, F64]:
    """The quantity and whether a sample runs there, with 0 after its end; each of shape (M, positions)."""
    values, running = np.zeros((2, len(samples), positions))
    for row, sample in enumerate(samples):
        values[row, : sample.length] = of_tokens(sample, quantity)[:positions]
        running[row, : sample.length] = 1
    return values, running


def _common_length(lengths: NDArray[np.int64], counts: F64) -> NDArray[np.int64]:
    """The length of the authors' aggregated profile, for each row of counts; shape (n,)."""
    order = np.argsort(lengths)
    ascending = lengths[order]
    up_to = np.cumsum(counts[:, order], axis=1)
    total = up_to[:, -1]

    def at(rank: F64) -> NDArray[np.int64]:
        found: NDArray[np.int64] = ascending[np.argmax(up_to > rank[:, None], axis=1)]
        return found

    place = 0.95 * (total - 1)
    below = np.floor(place)
    low, high = at(below), at(np.minimum(below + 1, total - 1))
    quantile = np.floor(low + (high - low) * (place - below)).astype(np.int64)
    return np.minimum(quantile, at(total - SURVIVORS))
