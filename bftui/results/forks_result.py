"""Forking tokens: positions of a path, what came of other tokens there, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, Named
from bftui.results.response_result import DrawnSample
from bftui.results.result_types import Count, Entropy, Factor, Id, Rank, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class ForksSettings:
    """What was asked for.

    Attributes:
        token_ids: the path, from the end of the prompt on.
        open_share: the share of its positions that are looked at, those of the largest H(P).
        alternatives, continuations, horizon: how many tokens are tried at each position, the one taken among them; how
            many continuations of each, of up to how many tokens.
        outcome: the regular expression whose first group, or all of it, is the outcome of a text; `number` for the last
            number; empty for that where the path has a number, else for all that the text says, white space aside.
    """

    token_ids: tuple[Id, ...]
    open_share: Share
    alternatives: Rank
    continuations: Rank
    horizon: Rank
    outcome: str = ""
    sampler: Annotated[Sampler, FLAT]

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the path."""
        return self.token_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """An outcome, empty where a text gives none, and how many continuations have it."""

    text: str
    count: Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkAlternative:
    """A token at a position: P~ of it, its outcomes, the most frequent first, and the continuations that gave them."""

    token_id: Annotated[Id, Named("id")]
    text: str
    prob: Share
    taken: bool
    outcomes: tuple[OutcomeCount, ...]
    samples: tuple[DrawnSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkPosition:
    """One position of the path; see `core.fork_numbers.ForkNumbers`.

    Attributes:
        position: its place among the tokens of the path, from 0.
        entropy: H(P) there, nats.
        covered: P~ of the alternatives that are tried.
        score, chance, p, p_holm, effective: of the outcomes; `p_holm` is corrected for all positions. None with a
            single alternative, and while continuations are missing.
    """

    position: Count
    entropy: Entropy
    score: Share | None
    chance: Share | None
    p: Share | None
    p_holm: Share | None
    effective: Factor | None
    covered: Share
    alternatives: tuple[ForkAlternative, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForksResult:
    """A path and its forks; while they are measured, as far as they are.

    Attributes:
        text, tokens: the path, as a whole and token by token.
        entropies: H(P) at each of its positions, nats.
        open_positions: those that are looked at.
        positions: what was found there, in their order.
    """

    text: str
    tokens: tuple[str, ...]
    entropies: tuple[Entropy, ...]
    open_positions: tuple[Count, ...]
    positions: tuple[ForkPosition, ...]

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the alternatives and of their continuations."""
        found = [each for position in self.positions for each in position.alternatives]
        own = [each.token_id for each in found]
        return (*own, *(i for each in found for sample in each.samples for i in sample.token_ids))

    @property
    def ranked(self) -> Sequence[ForkPosition]:
        """The positions with a score, the largest above chance first."""
        known = [each for each in self.positions if each.score is not None]
        return sorted(known, key=lambda each: (each.chance or 0.0) - (each.score or 0.0))
