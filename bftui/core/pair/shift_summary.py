"""Answers that two models compared, as shares, means by position, and the tokens that shifted most often.

The quantities of Lin et al. (arXiv 2312.01552): the shares of section 2.2, the curves of figure 4, the table of shifted
tokens. Every function takes answers, each a sequence of positions.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bftui.core.bf.bootstrap import REPLICATES, choose, generator, interval
from bftui.core.bf.prompt_intervals import FEW_PROMPTS, t_half
from bftui.core.logits import F64
from bftui.core.pair.distribution_shift import KINDS, Author, Compared, Kind, Standing

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Position:
    """A piece of an answer that one model wrote and the other scored; a token, but for another vocabulary.

    Attributes:
        position: the place of its first token among those of its author, from 0.
        text: its bytes.
        token_ids: its tokens, as the author's.
        author: who wrote it.
        compared: it in the distributions of both.
        within_noise: whether its class is within the noise floor of the model that scored it: another shape of batch
            might give another one.
    """

    position: int
    text: bytes
    token_ids: tuple[int, ...]
    author: Author
    compared: Compared
    within_noise: bool = False

    @property
    def scored(self) -> Standing:
        """The text in the distribution of the model that did not write it."""
        return self.compared.beside(self.author)

    @property
    def written(self) -> Standing:
        """The text in the distribution of the model that wrote it."""
        return self.compared.of(self.author)

    @property
    def kind(self) -> Kind:
        """The class of the text in the model that did not write it."""
        return self.scored.kind

    @property
    def kl(self) -> float | None:
        """KL(author || the other), nats."""
        found = self.compared
        return found.kl_partner_base if self.author == "partner" else found.kl_base_partner


Answers = Sequence[Sequence[Position]]


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of `n` positions are of each class, in [0, 1]; with 95 % intervals where there are answers enough."""

    unshifted: float
    marginal: float
    shifted: float
    n: int
    intervals: tuple[Interval, Interval, Interval] | None = None


@dataclass(frozen=True, slots=True)
class Mean:
    """The `n` answers that reach a position, there.

    Attributes:
        shares: of the classes.
        rank, prob: the means of rank and P in the model that did not write the answers.
        kl: the mean of KL(author || other), nats; None where no answer has one, inf where one is.
    """

    position: int
    shares: Shares
    rank: float
    prob: float
    kl: float | None

    @property
    def n(self) -> int:
        return self.shares.n


def shares(kinds: Sequence[Kind]) -> Shares | None:
    """Counts the shares of the classes; None for no positions."""
    if not kinds:
        return None
    counted = Counter(kinds)
    unshifted, marginal, shifted = (counted[kind] / len(kinds) for kind in KINDS)
    return Shares(unshifted, marginal, shifted, len(kinds))


def overall(answers: Answers, seed: int = 0) -> Shares | None:
    """Counts the shares over all positions of all answers; None for no positions.

    With two answers or more there are intervals over them: by t for fewer than `bf.prompt_intervals.FEW_PROMPTS`, on
    what each answer moves the ratio of sums by, else by bootstrap.
    """
    found = shares([each.kind for answer in answers for each in answer])
    counts = _counts(answers)
    if found is None or len(counts) < 2:
        return found
    observed = counts.sum(axis=0) / counts.sum()
    # The influence function of a ratio of sums: how far each answer moves it.
    influence = counts - observed * counts.sum(axis=1, keepdims=True)
    if len(counts) < FEW_PROMPTS:
        half = t_half(influence) * len(counts) / counts.sum()
        low, high = observed - half, observed + half
    else:
        drawn = counts[choose(len(counts), REPLICATES, generator(seed))].sum(axis=1)
        replicates = drawn / drawn.sum(axis=1, keepdims=True)
        low, high = interval(replicates, observed, len(counts), influence)
    ends = np.clip([low, high], 0.0, 1.0)
    unshifted, marginal, shifted = ((float(a), float(b)) for a, b in ends.T)
    return Shares(
        found.unshifted,
        found.marginal,
        found.shifted,
        found.n,
        (unshifted, marginal, shifted),
    )


def _counts(answers: Answers) -> F64:
    """Positions of each class, shape (answers, 3); answers without positions are left out."""
    rows = [[sum(each.kind == kind for each in answer) for kind in KINDS] for answer in answers]
    return np.array([row for row in rows if sum(row)], dtype=np.float64).reshape(-1, len(KINDS))


def by_position(answers: Answers) -> list[Mean]:
    """Takes the means over the answers at each position that one of them has, in order."""
    reached = defaultdict[int, list[Position]](list)
    for answer in answers:
        for each in answer:
            reached[each.position].append(each)
    return [_mean(place, reached[place]) for place in sorted(reached)]


def _mean(place: int, found: Sequence[Position]) -> Mean:
    known = [each.kl for each in found if each.kl is not None]
    there = shares([each.kind for each in found])
    assert there is not None
    return Mean(
        place,
        there,
        rank=sum(each.scored.rank for each in found) / len(found),
        prob=math.fsum(each.scored.prob for each in found) / len(found),
        kl=math.fsum(known) / len(known) if known else None,
    )


def most_shifted(answers: Answers) -> list[tuple[bytes, int]]:
    """Counts how often the text of each shifted position shifted, the most frequent first, then by their bytes."""
    counted = Counter(each.text for answer in answers for each in answer if each.kind == "shifted")
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
