"""The numbers of one prompt's outputs, of all of them or of some, at any number of outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from bftui.core.diversity.answers import distinct_at_k
from bftui.core.diversity.kernels import mean_distance, mean_distances, vendis
from bftui.core.diversity.lexical import (
    ORDERS,
    compression_ratio,
    distinct_ngrams,
    expectation_adjusted_distinct,
)
from bftui.core.diversity.prompt_values import resample_counts
from bftui.core.diversity.rarefaction import rarefied, subsets
from bftui.core.logits import F64
from bftui.measures.diversity.self_bleu import SelfBleu
from bftui.results.diversity_result import OutputNumbers

FEW_SUBSETS = 16
"""Subsets that a slow metric is the mean over, where there are more."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadOutputs:
    """The outputs of one prompt, read.

    Attributes:
        id: the prompt.
        texts: the outputs, thinking taken out where that was asked for.
        answers: what each answers, in one form: outputs with equal ones are one answer.
        correct: whether each is; None where the checker cannot say. None as a whole where nothing was checked.
        kernel: how alike they are, shape (K, K).
        entailment: the same by what entails what; None where no model tells.
        surprise: of each given the others, nats a byte; None where no model tells.
        cut, unfinished: outputs that ended at a limit, and those left out as without an answer.
    """

    id: str
    texts: tuple[str, ...]
    answers: tuple[str, ...]
    correct: tuple[bool | None, ...] | None
    kernel: F64 = field(repr=False)
    entailment: F64 | None = field(default=None, repr=False)
    surprise: tuple[float | None, ...] | None = None
    cut: int | None = None
    unfinished: int = 0

    @property
    def k(self) -> int:
        """How many outputs."""
        return len(self.texts)

    @property
    def right(self) -> tuple[int, ...]:
        """The places of the correct ones."""
        return tuple(place for place, each in enumerate(self.correct or ()) if each)

    @property
    def known(self) -> int:
        """How many outputs could be judged."""
        return sum(each is not None for each in self.correct or ())

    def some(self, places: Sequence[int]) -> ReadOutputs:
        """Returns these outputs alone; surprise is given all others and is left out."""
        chosen = np.ix_(places, places)
        return ReadOutputs(
            self.id,
            tuple(self.texts[place] for place in places),
            tuple(self.answers[place] for place in places),
            None if self.correct is None else tuple(self.correct[place] for place in places),
            self.kernel[chosen],
            None if self.entailment is None else self.entailment[chosen],
        )


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What numbers are made with: V of EAD, sacrebleu where it is installed, the seed of subsets."""

    vocabulary: int
    bleu: SelfBleu | None
    seed: int


def numbers(outputs: ReadOutputs, k: int, by: Yardstick) -> OutputNumbers:
    """Returns the numbers of k outputs: means over subsets without replacement where there are more.

    Distances are means over pairs whatever their number, so that they are of all outputs; so is surprise.
    """
    if outputs.k < 2:
        return OutputNumbers()

    def at_k(metric: Callable[[list[str]], float | None]) -> float | None:
        return _at_k(outputs.texts, k, metric, by.seed)

    entailed = outputs.entailment
    surprise = [each for each in outputs.surprise or () if each is not None]
    return OutputNumbers(
        ead=at_k(lambda some: expectation_adjusted_distinct(some, by.vocabulary)),
        self_bleu=None if by.bleu is None else at_k(by.bleu.score),
        vendi=vendi_at_k(outputs.kernel, k, by.seed),
        distance=mean_distance(outputs.kernel),
        distinct=distinct_at_k(outputs.answers, k),
        compression=at_k(compression_ratio),
        entailment=None if entailed is None else mean_distance(entailed),
        surprise=sum(surprise) / len(surprise) if surprise else None,
    )


def vendi_at_k(kernel: F64, k: int, seed: int) -> float | None:
    """Returns the mean Vendi score of k outputs, without replacement; None for k below 2 or above their number."""
    n = len(kernel)
    if not 2 <= k <= n:
        return None
    chosen = subsets(n, k, seed)
    counts = np.zeros((len(chosen), n))
    np.put_along_axis(counts, chosen, 1.0, axis=1)
    return float(vendis(kernel, counts).mean())


def distinct_of_orders(outputs: ReadOutputs, k: int, seed: int) -> tuple[float | None, ...]:
    """Returns distinct n-grams over all of k outputs, for n from 1 to 5."""
    return tuple(
        _at_k(outputs.texts, k, partial(distinct_ngrams, n=order), seed) for order in ORDERS
    )


def _at_k(
    texts: Sequence[str], k: int, metric: Callable[[list[str]], float | None], seed: int
) -> float | None:
    found = rarefied(
        lambda places: metric([texts[place] for place in places]), len(texts), k, seed, FEW_SUBSETS
    )
    return None if found is None else found.value


def resampled(outputs: ReadOutputs, seed: int, times: int) -> dict[str, F64]:
    """Returns what outputs drawn again would have given, for the metrics of the kernel: shape (times,) each."""
    right = [each is True for each in outputs.correct or [False] * outputs.k]
    counts = resample_counts(right, seed, times)
    return {
        "vendi": vendis(outputs.kernel, counts),
        "distance": mean_distances(outputs.kernel, counts),
    }
