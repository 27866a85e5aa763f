"""The response to a forced text: its branching factor against that of its controls, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bftui.core.bf.contrast import Verdict
from bftui.core.bf.curves import CurvePoint
from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT
from bftui.results.result_types import (
    Difference,
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
        samples, horizon: continuations of each text, and tokens of each.
        controls: how many matched controls.
        sampler: what is drawn with.
    """

    token_ids: tuple[Id, ...]
    samples: Rank
    horizon: Rank
    controls: Rank
    sampler: Annotated[Sampler, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedResult:
    """The forced text.

    Attributes:
        logprob: ln P of it, nats; None where P is 0.
        bf, ci: of the tokens after it, by the entropy estimator, with its 95 % interval.
        ended: share of the samples that ended by themselves.
    """

    text: str
    token_ids: tuple[Id, ...] = ()
    logprob: LogProb | None
    bf: Factor
    ci: Interval | None
    ended: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlsResult:
    """The controls of one kind.

    Attributes:
        kind: `matched`, `free`, `neutral`, `random` or `top1`.
        texts: what was forced in the place of the text.
        bf, ci: geometric mean of BF after them, with its 95 % interval; None without texts.
        delta, delta_ci: ln BF(forced) - mean ln BF(controls), nats, with its 95 % interval.
    """

    kind: str
    texts: tuple[str, ...]
    bf: Factor | None
    ci: Interval | None
    delta: Number | None
    delta_ci: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseResult:
    """A forced text against its controls; while it is measured, as far as it is.

    Attributes:
        controls: those kinds that are measured.
        delta, delta_ci: against the matched controls, nats; None before they are measured.
        p, p_holm: two-sided, alone and corrected for the texts of one run.
        verdict, reason: what the interval says, and why it can say nothing.
        horizon, samples: tokens of each continuation, and continuations of each text.
        controls_curve: cumulative BF over positions after the matched controls.
    """

    forced: ForcedResult
    controls: tuple[ControlsResult, ...]
    delta: Number | None
    delta_ci: Difference | None
    p: Share | None = None
    p_holm: Share | None = None
    verdict: Verdict | None
    reason: str | None = None
    horizon: Rank
    samples: Rank
    controls_curve: tuple[CurvePoint, ...] = ()

    @property
    def matched(self) -> int:
        """How many matched controls were measured."""
        return next((len(each.texts) for each in self.controls if each.kind == "matched"), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedResponse:
    """A response as a command prints it: with whether its difference is within the noise floor of the model."""

    response: Annotated[ResponseResult, FLAT]
    within_noise: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedResponses:
    """The responses to several texts of one run."""

    responses: tuple[PrintedResponse, ...]
