"""Answers of one prompt as classes: how many different ones there are, what the majority says, and pass@k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bftui.core.diversity.rarefaction import I64, SUBSETS, Rarefied, rarefied
from bftui.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """The answers of one prompt, those that are equal counted together.

    Attributes:
        k: how many answers.
        distinct: how many different ones; None below two answers.
        effective: exp of the entropy of their shares, in [1, distinct]; None below two answers. It is of these
            answers: of the model's own answers it is too low, the more the fewer there are.
        majority: the most frequent answers, in the order in which they came: several where they tie, none without
            answers.
        votes: how often each of these came.
    """

    k: int
    distinct: int | None
    effective: float | None
    majority: tuple[str, ...]
    votes: int

    @property
    def tied(self) -> bool:
        """Whether no single answer has the most votes."""
        return len(self.majority) > 1


def answer_counts(answers: Sequence[str]) -> AnswerCounts:
    """Counts answers; two are one answer where they are equal as texts, so bring them to one form before."""
    k, counts = len(answers), Counter(answers)
    votes = max(counts.values(), default=0)
    majority = tuple(answer for answer, count in counts.items() if count == votes)
    if k < 2:
        return AnswerCounts(k, None, None, majority, votes)
    entropy = -math.fsum(count / k * math.log(count / k) for count in counts.values())
    effective = min(max(math.exp(entropy), 1.0), float(len(counts)))
    return AnswerCounts(k, len(counts), effective, majority, votes)


def distinct_at_k(answers: Sequence[str], k: int) -> float | None:
    """Returns how many different answers k of these hold on average, without replacement (Hurlbert, Ecology 1971).

    Exact: each answer with c copies among n is missed by C(n - c, k) of the C(n, k) subsets. None where k is below 2 or
    above n.
    """
    n = len(answers)
    if not 2 <= k <= n:
        return None
    return math.fsum(_hit(n, count, k) for count in Counter(answers).values())


def pass_at_k(n: int, correct: int, k: int) -> float | None:
    """Returns the probability that k of n outputs, without replacement, hold a correct one.

    1 - C(n - c, k) / C(n, k), the unbiased estimate of Chen et al. (arXiv 2107.03374). None where k is below 1 or above
    n: nothing is known of more outputs than there are. Raises UsageError for counts that cannot be.
    """
    if not 0 <= correct <= n:
        raise UsageError(f"{correct} of {n} outputs cannot be correct")
    return _hit(n, correct, k) if 1 <= k <= n else None


def _hit(n: int, count: int, k: int) -> float:
    """The share of the subsets of k of n that hold one of `count`."""
    # In whole numbers, so that a share near 0 keeps its digits.
    every = math.comb(n, k)
    return (every - math.comb(n - count, k)) / every


def majority_at_k(
    answers: Sequence[str], right: Sequence[bool], k: int, seed: int = 0, most: int = SUBSETS
) -> Rarefied | None:
    """Returns how often the majority of k answers is right, over subsets without replacement, in [0, 1].

    Where answers tie, each has the same chance to be taken, so that their mean counts. Where copies of one answer were
    judged differently, the share of those in the subset that are right counts.

    Args:
        answers: of one prompt.
        right: whether each is right.
        k: how many vote.
        seed: for the subsets, where there are more than `most`.

    Returns:
        None where k is below 2 or above the number of answers. Raises UsageError for lists of different lengths.
    """
    if len(answers) != len(right):
        raise UsageError(f"{len(answers)} answers have {len(right)} judgements")

    def vote(places: I64) -> float:
        given, correct = Counter[str](), Counter[str]()
        for place in places.tolist():
            given[answers[place]] += 1
            correct[answers[place]] += right[place]
        votes = max(given.values())
        shares = [correct[answer] / votes for answer, count in given.items() if count == votes]
        return math.fsum(shares) / len(shares)

    return rarefied(vote, len(answers), k, seed, most)
