"""Look-ahead: how wide the distribution is after each of the best candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from bftui.core.distribution import NextToken
from bftui.results.codec import FLAT, Named
from bftui.results.result_types import Count, Entropy, Factor, Id, Rank, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """How wide a distribution is: entropies of P and P~ in nats, and their exp."""

    entropy: Entropy
    entropy_truncated: Entropy
    bf: Factor
    bf_full: Factor

    @classmethod
    def of(cls, following: NextToken) -> Width:
        """Takes the four numbers of a distribution."""
        return cls(
            entropy=following.entropy,
            entropy_truncated=following.entropy_truncated,
            bf=following.bf,
            bf_full=following.bf_full,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AheadResult:
    """A candidate and what comes after it.

    Attributes:
        token_id, text: the candidate.
        prob, rank: in P at the node.
        after: the distribution after it; None where the text would end.
    """

    token_id: Annotated[Id, Named("id")]
    text: str
    prob: Share
    rank: Rank
    after: Width | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookaheadSettings:
    """What was asked for: how many candidates, and how many tokens later; those after the candidate are greedy."""

    top: Count
    steps: Rank


# Without slots, since two of its properties are kept once they were read.
@dataclass(frozen=True, kw_only=True)
class LookaheadResult:
    """The candidates that were looked at by now, best first.

    Attributes:
        width: that of the distribution at the node.
        evaluated: tokens forwarded for it.
    """

    width: Annotated[Width, FLAT]
    evaluated: Count
    candidates: tuple[AheadResult, ...]

    def spelled(self) -> tuple[int, ...]:
        """Returns the candidates."""
        return tuple(each.token_id for each in self.candidates)

    @cached_property
    def after(self) -> Mapping[int, float | None]:
        """BF after each candidate, by token id; None where the text ends."""
        return {
            each.token_id: None if each.after is None else each.after.bf for each in self.candidates
        }

    @cached_property
    def narrowest(self) -> int | None:
        """The token after which BF is smallest; None for fewer than two after which the text goes on."""
        known = {token_id: bf for token_id, bf in self.after.items() if bf is not None}
        return min(known, key=known.__getitem__) if len(known) > 1 else None
