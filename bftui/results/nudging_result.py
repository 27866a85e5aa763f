"""Nudging: a text that two models wrote, and what the texts of many prompts say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bftui.core.pair.distribution_shift import Author
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT
from bftui.results.result_types import Count, Factor, Id, Interval, Number, Share
from bftui.results.shift_result import HandedOver, ShareInterval, Whose

Ending = Literal["partner", "repeat", "rounds", "length", "context", "moved"]
"""Why a text ended: as `core.pair.nudging_rounds.Stop`, or somebody `moved` in the session that it was written into."""

MANY = 0.2
"""Share of nudged tokens above which pairs tend to fail (BlendIn, arXiv 2606.11201)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingSettings:
    """What was asked for; `plain`: as published, with the whole text split again at each hand-over."""

    settings: Annotated[NudgeSettings, FLAT]
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingPiece:
    """Text of one author: its bytes, and its tokens in the base's vocabulary."""

    author: Author
    text: bytes
    token_ids: tuple[Id, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRounds:
    """Rounds in which the base took over since it `agrees`, since it is `sure`, and in which it did not."""

    agrees: Count
    sure: Count
    none: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingResult:
    """A nudged text, and the branching factor along it; while it is written, as far as it is.

    Attributes:
        text: what was written, without an ending that says the same again.
        share_nudged: the share of its tokens that the partner wrote; None of an empty text.
        stop: why it ended; None while it is written, and where somebody stopped it.
        rounds: how many are finished.
        bf_base, bf_nudged, bf_base_written, bf_partner: BF of the base along its own greedy text, along this one, along
            what the base wrote of it, and of the partner along its own greedy text; None before they are measured.
        tokens, tokens_nudged: all tokens, and those of the partner.
        gamma: the threshold.
        taken: why the base took over.
        pieces: everything that was written, in order.
    """

    text: str
    share_nudged: Share | None
    stop: Ending | None
    rounds: Count
    bf_base: Factor | None
    bf_nudged: Factor | None
    bf_base_written: Factor | None
    bf_partner: Factor | None
    tokens: Count
    tokens_nudged: Count
    gamma: Share
    taken: Annotated[TakenRounds | None, LEFT_OUT] = None
    pieces: tuple[NudgingPiece, ...]

    @property
    def warning(self) -> str:
        """What people should know of the share of nudged tokens; "" where there is nothing."""
        if (self.share_nudged or 0.0) <= MANY:
            return ""
        return (
            f"the partner wrote {100 * (self.share_nudged or 0.0):.0f} % of the tokens: above {100 * MANY:.0f} % pairs "
            "tend to fail (arXiv 2606.11201)"
        )


# Many prompts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNudging:
    """A nudged text under the name of its prompt."""

    id: str
    result: Annotated[NudgingResult, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOverPrompts:
    """The mean of a share over prompts, its 95 % interval, and what that was made from."""

    mean: Share
    ci: ShareInterval | None
    ci_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorOverPrompts:
    """The mean of BF over prompts, its 95 % interval, and what that was made from."""

    bf: Factor
    ci: Interval | None
    ci_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioOverPrompts:
    """A ratio of two BFs over prompts, its 95 % interval, and what that was made from."""

    ratio: Number
    ci: tuple[Number, Number] | None
    ci_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingSummary:
    """The texts of all prompts under one gamma; None where there is nothing to take a mean of.

    Attributes:
        gamma, prompts: the threshold, and how many texts there are.
        share_nudged: of the tokens, those that the partner wrote.
        bf_base, bf_nudged, bf_base_written, bf_partner: as in `NudgingResult`.
        ratio, ratio_aligned: the base's BF alone over that along nudged texts, and over the aligned model's alone.
        stops: how many texts ended for each reason.
        tokens: of all texts.
    """

    gamma: Share
    prompts: Count
    share_nudged: ShareOverPrompts | None
    bf_base: FactorOverPrompts | None
    bf_nudged: FactorOverPrompts | None
    bf_base_written: FactorOverPrompts | None
    bf_partner: FactorOverPrompts | None
    ratio: RatioOverPrompts | None
    ratio_aligned: RatioOverPrompts | None
    stops: Mapping[str, Count]
    tokens: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingHandOver:
    """How text goes from one model to the other; `split_anew`: as published, the whole text at each hand-over."""

    by: Annotated[HandedOver, FLAT]
    split_anew: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingAsked:
    """What was asked for, with the first gamma; `sampler`: whose P~ the branching factors are of."""

    settings: Annotated[NudgeSettings, FLAT]
    sampler: Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgingOutput:
    """What `bftui nudge --json` says.

    Attributes:
        results: every text.
        summary, sweep: all texts of the first gamma, and of each.
        models, templates: both models as a trace describes them, and what their prompts were put into.
        hand_over: how text went from one to the other.
        settings: what was asked for.
        warnings: what people should know of these texts.
    """

    results: tuple[NamedNudging, ...]
    summary: NudgingSummary
    sweep: tuple[NudgingSummary, ...]
    models: Mapping[Whose, Mapping[str, Any]]
    hand_over: NudgingHandOver
    templates: Mapping[Whose, str]
    settings: NudgingAsked
    warnings: tuple[str, ...]
