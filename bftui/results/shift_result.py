"""Token distribution shift: one answer read by both models, and what the answers to many prompts say together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bftui.core.pair.distribution_shift import Author, Compared, Kind, Standing
from bftui.core.pair.shift_summary import Position, Shares
from bftui.results.codec import FLAT, OR_NULL, Named
from bftui.results.result_types import Count, Id, Number, Rank, Share

Ended = Literal["eog", "stop", "length", "context", "given"]
"""Why an answer is not longer: an end of generation, a stop string, the limit, a full context; or it was given."""

Whose = Literal["base", "aligned"]
"""Who wrote the answers, in the words of the command."""

WHOSE: Mapping[Author, Whose] = {"base": "base", "partner": "aligned"}

ShareInterval = tuple[Share, Share]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftSettings:
    """What was asked for: whose answer is read, and how many tokens a greedy one may have."""

    text: Whose
    max_tokens: Rank

    @property
    def author(self) -> Author:
        """Who wrote the answer."""
        return "base" if self.text == "base" else "partner"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShares:
    """The share of the positions that are of each class; None where nothing was compared."""

    unshifted: Share | None
    marginal: Share | None
    shifted: Share | None

    @classmethod
    def of(cls, found: Shares | None) -> ClassShares:
        """Takes the shares of a summary."""
        if found is None:
            return cls(unshifted=None, marginal=None, shifted=None)
        return cls(unshifted=found.unshifted, marginal=found.marginal, shifted=found.shifted)

    def share(self, kind: Kind) -> float:
        """Returns the share of one class; 0 where nothing was compared."""
        return {"unshifted": self.unshifted, "marginal": self.marginal, "shifted": self.shifted}[
            kind
        ] or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftPosition:
    """A piece of an answer that one model wrote and the other scored; a token, but for another vocabulary.

    Attributes:
        position: the place of its first token among those of its author, from 0.
        text: its bytes; of half a character a trace keeps U+FFFD.
        token_ids: its tokens, as the author's.
        kind: its class in the model that did not write it.
        within_noise: whether the class is within the noise floor of that model.
        base_rank, base_prob, aligned_rank, aligned_prob: its rank and P in either model.
        kl_aligned_base, kl_base_aligned, js: how far the distributions are apart there, nats; None where the
            vocabularies differ, and in a trace where it is infinite.
    """

    position: Count
    text: bytes
    token_ids: tuple[Id, ...]
    kind: Annotated[Kind, Named("class")]
    within_noise: bool = False
    base_rank: Rank
    base_prob: Share
    aligned_rank: Rank
    aligned_prob: Share
    kl_aligned_base: Annotated[Number | None, OR_NULL]
    kl_base_aligned: Annotated[Number | None, OR_NULL]
    js: Annotated[Number | None, OR_NULL]

    @classmethod
    def of(cls, found: Position) -> ShiftPosition:
        """Takes a position as it was compared."""
        compared = found.compared
        return cls(
            position=found.position,
            text=found.text,
            token_ids=found.token_ids,
            kind=found.kind,
            within_noise=found.within_noise,
            base_rank=compared.base.rank,
            base_prob=compared.base.prob,
            aligned_rank=compared.partner.rank,
            aligned_prob=compared.partner.prob,
            kl_aligned_base=compared.kl_partner_base,
            kl_base_aligned=compared.kl_base_partner,
            js=compared.js,
        )

    @property
    def compared(self) -> Compared:
        """The piece in the distributions of both models."""
        return Compared(
            _standing(self.base_rank, self.base_prob),
            _standing(self.aligned_rank, self.aligned_prob),
            kl_partner_base=self.kl_aligned_base,
            kl_base_partner=self.kl_base_aligned,
            js=self.js,
        )


def _standing(rank: int, prob: float) -> Standing:
    return Standing(rank, math.log(prob) if prob > 0 else -math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftContext:
    """What one model read before the answer: the template, the text, and how many tokens it is."""

    template: str
    rendered: str
    tokens: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftContexts:
    """What both models read; `seam`: whether the answer begins with a blank in one of them only."""

    base: ShiftContext
    aligned: ShiftContext
    seam: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftAnswer:
    """One answer as a whole.

    Attributes:
        text, token_ids: the answer, and its tokens as the author's.
        ended: why it is not longer; None while it is written.
        shares: of the classes.
        within_noise: positions with a class within the noise floor.
        contexts: what stood before it in either model.
    """

    text: str
    token_ids: tuple[Id, ...]
    ended: Ended | None
    shares: Annotated[ClassShares, FLAT]
    within_noise: Count = 0
    contexts: ShiftContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftResult:
    """One answer and its positions; while it is read, as far as it is."""

    answer: Annotated[ShiftAnswer, FLAT]
    positions: tuple[ShiftPosition, ...]


# Many prompts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAnswer:
    """An answer under the name of its prompt."""

    id: str
    answer: Annotated[ShiftAnswer, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPosition:
    """A position under the name of its prompt."""

    prompt: str
    position: Annotated[ShiftPosition, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareIntervals:
    """95 % intervals of the shares over answers."""

    unshifted: ShareInterval
    marginal: ShareInterval
    shifted: ShareInterval

    def __iter__(self) -> Iterator[ShareInterval]:
        """Yields them in the order of `KINDS`."""
        return iter((self.unshifted, self.marginal, self.shifted))


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMean:
    """The `n` answers that reach a position, there: means of rank, P and KL(author || other), nats."""

    position: Count
    n: Count
    shares: Annotated[ClassShares, FLAT]
    mean_rank: Number
    mean_prob: Share
    mean_kl: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedText:
    """A text and how often it is shifted."""

    text: str
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """How text goes from one model to the other: as `ids` or as `text`, and why not as ids."""

    by: Literal["ids", "text"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftOutput:
    """What `bftui shift --json` says.

    Attributes:
        shares: of the classes, over all positions of all answers.
        n, within_noise: positions, and those with a class within the noise floor.
        intervals, intervals_basis: of the shares, and what they are made from; None for a single answer.
        text: who wrote the answers.
        models: both, as a trace describes them.
        hand_over: how the answers went from one to the other.
        answers, positions: each answer, and all their positions.
        by_position: means over the answers at each position.
        most_shifted: the texts that shifted, the most frequent first.
    """

    shares: Annotated[ClassShares, FLAT]
    n: Count
    within_noise: Count
    intervals: ShareIntervals | None
    intervals_basis: str | None
    text: Whose
    models: Mapping[Whose, Mapping[str, Any]]
    hand_over: HandedOver
    answers: tuple[NamedAnswer, ...]
    by_position: tuple[PositionMean, ...]
    most_shifted: tuple[ShiftedText, ...]
    positions: tuple[NamedPosition, ...]
