"""The response to a forced text: its branching factor against that of its controls, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bftui.core.bf.curves import CurvePoint
from bftui.core.bf.looks import HorizonRatio, Look, Verdict
from bftui.core.bf.samples import Finish
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT
from bftui.results.result_types import (
    Difference,
    Entropy,
    Factor,
    Id,
    Interval,
    LogProb,
    Number,
    Rank,
    Share,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSettings:
    """What was asked for.

    Attributes:
        token_ids: the forced text.
        samples: continuations of each text at the last planned look.
        horizon: tokens of each continuation.
        controls: how many matched controls.
        sampler: what is drawn with.
        looks: samples of each text at each planned look; empty in older traces, which have one.
        early: whether the first look that says `narrows` or `widens` ends it; not where several texts are compared.
    """

    token_ids: tuple[Id, ...]
    samples: Rank
    horizon: Rank
    controls: Rank
    sampler: Annotated[Sampler, FLAT]
    looks: tuple[Rank, ...] = ()
    early: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerResponseSettings:
    """What was asked of a second model beside a session: what the same text does at the same place of its own text.

    Attributes:
        base_token_ids: the forced text in the session's tokens.
        model, sha256: who the partner is.
        prefix: of its own tokens before the text, the key that its draws have, in hexadecimal.
        asked: the rest, in the partner's tokens.
    """

    base_token_ids: tuple[Id, ...]
    model: str
    sha256: str | None
    prefix: str
    asked: Annotated[ResponseSettings, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedResult:
    """The forced text.

    Attributes:
        logprob: ln P of it, nats; None where P is 0.
        rank, kept: of its first token: 1 + tokens with a larger logit, and whether the truncation keeps it.
        bf, ci: of the tokens after it, by the entropy estimator, with its 95 % interval.
        ended: share of the samples that ended by themselves.
    """

    text: str
    token_ids: tuple[Id, ...] = ()
    logprob: LogProb | None
    rank: Rank | None = None
    kept: bool | None = None
    bf: Factor
    ci: Interval | None
    ended: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlsResult:
    """The controls of one kind.

    Attributes:
        kind: `matched`, `free`, `neutral`, `random` or `top1`.
        texts: what was forced in the place of the text.
        logprobs: ln P of each, nats; None where P is 0.
        bfs: BF after each.
        bf, ci: geometric mean of BF after them, with its 95 % interval; None without texts.
        delta, delta_ci: ln BF(forced) - mean ln BF(controls), nats, with its 95 % interval.
    """

    kind: str
    texts: tuple[str, ...]
    logprobs: tuple[LogProb | None, ...] = ()
    bfs: tuple[Factor, ...] = ()
    bf: Factor | None
    ci: Interval | None
    delta: Number | None
    delta_ci: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """How near the matched controls are to the forced text.

    Attributes:
        low, high: the least and the largest ln P of the controls as whole texts, nats.
        gap: distance of their mean ln P from that of the forced text, nats; None where P of it is 0.
    """

    low: LogProb
    high: LogProb
    gap: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedResult:
    """Estimates from samples or tokens that were added after the looks; they make no verdict.

    Attributes:
        samples, horizon: of each text, as far as all of them have come.
        delta: ln BF(forced) - mean ln BF(matched controls), nats.
        delta_ci, noise_ci: its 95 % intervals, as one text against texts like it, and by the noise of sampling alone.
    """

    samples: Rank
    horizon: Rank
    delta: Number
    delta_ci: Difference | None
    noise_ci: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSample:
    """One continuation as far as it is drawn.

    Attributes:
        token_ids: the tokens.
        entropy: H(P~) that each was drawn from, nats.
        finish: `eog` and `context` have no more tokens, `length` may go on.
    """

    token_ids: tuple[Id, ...]
    entropy: tuple[Entropy, ...]
    finish: Finish

    def __post_init__(self) -> None:
        """Raises UsageError where a token has no entropy, or an entropy no token."""
        if len(self.token_ids) != len(self.entropy):
            raise UsageError("a continuation has another number of entropies than of tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnText:
    """One text and all that was drawn after it.

    Attributes:
        kind: `forced`, or the kind of control.
        logprob: ln P of the text, nats; None where P is 0.
        samples: in the order of their numbers.
    """

    kind: str
    token_ids: tuple[Id, ...]
    logprob: LogProb | None
    samples: tuple[DrawnSample, ...]

    def reaches(self, samples: int, tokens: int) -> bool:
        """Whether there are so many continuations, each of so many tokens or ended by itself."""
        return len(self.samples) >= samples and all(
            each.finish != "length" or len(each.token_ids) >= tokens
            for each in self.samples[:samples]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseResult:
    """A forced text against its controls; while it is measured, as far as it is.

    Attributes:
        controls: those kinds that are measured.
        match: how near the matched controls are; None without any.
        delta, delta_ci: against the matched controls at the last look that was done, nats; None before the first. The
            interval is that of one text against texts like it, at the level of the look.
        p, p_holm: two-sided, alone and corrected for the texts of one run.
        verdict, reason: what the last look says that was done, and why it is undecided; None before the first.
        noise_ci: the interval of `delta` by the noise of sampling alone, at the level of the look.
        by_horizon: the ratio over the first 4, 8, 16, … tokens.
        looks: those that were done.
        horizon, samples: tokens of each continuation, and continuations of each text at the last look done; those
            planned before the first.
        extended: what was added after the looks.
        asked: samples of each text and tokens of each sample that are asked for beyond the looks, so that what was
            stopped half way goes on to there; None where none are, and in older traces.
        controls_curve: cumulative BF over positions after the matched controls.
        drawn: all that was drawn, so that more can be added to it.
    """

    forced: ForcedResult
    controls: tuple[ControlsResult, ...]
    match: MatchResult | None = None
    delta: Number | None
    delta_ci: Difference | None
    p: Share | None = None
    p_holm: Share | None = None
    verdict: Verdict | None
    reason: str | None = None
    noise_ci: Difference | None = None
    by_horizon: tuple[HorizonRatio, ...] = ()
    looks: tuple[Look, ...] = ()
    horizon: Rank
    samples: Rank
    extended: Annotated[ExtendedResult | None, LEFT_OUT] = None
    asked: Annotated[tuple[Rank, Rank] | None, LEFT_OUT] = None
    controls_curve: tuple[CurvePoint, ...] = ()
    drawn: Annotated[tuple[DrawnText, ...], LEFT_OUT] = ()

    @property
    def matched(self) -> int:
        """How many matched controls were measured."""
        return next((len(each.texts) for each in self.controls if each.kind == "matched"), 0)

    @property
    def size(self) -> tuple[int, int]:
        """Samples of each text and tokens of each sample that BF is over: before the first look those that all have."""
        if self.looks or not self.by_horizon:
            return self.samples, self.horizon
        return self.by_horizon[-1].samples, self.by_horizon[-1].tokens

    @property
    def beyond(self) -> tuple[int, int] | None:
        """Samples and tokens that are asked for beyond the looks; those that were added where a trace says no more."""
        if self.asked is not None or self.extended is None:
            return self.asked
        return self.extended.samples, self.extended.horizon

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the texts and of their continuations."""
        return tuple(
            i
            for text in self.drawn
            for ids in (text.token_ids, *(each.token_ids for each in text.samples))
            for i in ids
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerResponseResult:
    """What a second model's response is. Its tokens are of its own vocabulary, and not among those of the trace."""

    response: Annotated[ResponseResult, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedResponse:
    """A response as a command prints it: with whether its difference is within the noise floor of the model."""

    response: Annotated[ResponseResult, FLAT]
    within_noise: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerResponses:
    """The responses of a second model to the same texts, at the same place of its own text.

    Attributes:
        model: its name.
    """

    model: str
    responses: tuple[PrintedResponse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedResponses:
    """The responses to several texts of one run, or of two models."""

    responses: tuple[PrintedResponse, ...]
    partner: Annotated[PartnerResponses | None, LEFT_OUT] = None
