"""Many prompts measured on one or several models: BF with its interval, curves, and what else was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bftui.core.bf.estimate import CurvePoint, Used, Window
from bftui.core.bf.samples import Estimator
from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT
from bftui.results.result_types import Count, Factor, Interval, Number, Share
from bftui.results.rollouts_result import UNKNOWN, SampleResult


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkEstimate:
    """A branching factor, of one prompt over its samples or over prompts.

    Attributes:
        bf, ci, ci_basis: by the estimator that was decided on, its 95 % interval, and what that was made from.
        bf_full: over the whole vocabulary.
        estimator: the one that `bf` is by.
        bf_entropy, bf_nll: by either estimator; None where a token was chosen.
        ended: share of the samples that ended by themselves.
        mean_length: tokens of a sample.
    """

    bf: Factor
    ci: Interval | None
    bf_full: Factor
    estimator: Used
    bf_entropy: Factor
    bf_nll: Factor | None
    ci_basis: str | None
    ended: Share
    mean_length: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSample:
    """One continuation; `text`: what it says, without an end of generation, where tokens are kept."""

    sample: Annotated[SampleResult, FLAT]
    text: Annotated[str | None, LEFT_OUT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPrompt:
    """One prompt: its name, its BF and its samples."""

    id: str
    estimate: Annotated[BulkEstimate, FLAT]
    samples: tuple[BulkSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPart:
    """The BF of parts of samples, as `BulkEstimate`; without any only the reason why.

    Attributes:
        ended: None where something was put in after these parts: there nothing ends.
        n: how many there are.
        reason: why there is none; None where there are some.
        windows: BF over every few tokens, counted from the start of the samples; None where nobody asked.
    """

    bf: Factor | None = None
    ci: Interval | None = None
    bf_full: Annotated[Factor | None, LEFT_OUT] = None
    estimator: Annotated[Used | None, LEFT_OUT] = None
    bf_entropy: Annotated[Factor | None, LEFT_OUT] = None
    bf_nll: Annotated[Factor | None, LEFT_OUT] = UNKNOWN
    ci_basis: str | None = None
    ended: Annotated[Share | None, LEFT_OUT] = UNKNOWN
    mean_length: Annotated[Number | None, LEFT_OUT] = None
    n: Count
    reason: str | None
    windows: Annotated[tuple[Window, ...] | None, LEFT_OUT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSegments:
    """Parts in and after a thinking block, and samples after an empty one."""

    inside: BulkPart
    after: BulkPart
    empty_block: BulkPart


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkInsertion:
    """Random tokens put into the middle of samples.

    Attributes:
        tokens, position: how many, and after how many of a sample.
        n: samples that they were put into.
        before, continued, inserted: the tokens before them, those that came without them, and those that came after.
    """

    tokens: Count
    position: Count
    n: Count
    before: BulkPart
    continued: BulkPart
    inserted: BulkPart


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkTempered:
    """BF over prompts under one setting of a sweep."""

    temperature: Number
    top_k: Count
    top_p: Share
    min_p: Share
    estimate: Annotated[BulkEstimate, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSpread:
    """The least and the largest BF of a sweep, and the mean difference of two (arXiv 2506.17871)."""

    low: Factor | None
    high: Factor | None
    mean_difference: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkModel:
    """One model.

    Attributes:
        model: the MODEL form that was asked for.
        estimate: over prompts.
        prompts: each finished one.
        curve, windows: BF over positions.
        facts: `name`, `sha256` and more of the model.
        template: what its prompts were put into.
        notes: what people should know of these samples.
        segments, insertion, sweep, spread: where they were asked for.
    """

    model: str
    estimate: Annotated[BulkEstimate, FLAT]
    prompts: tuple[BulkPrompt, ...]
    curve: tuple[CurvePoint, ...]
    windows: tuple[Window, ...]
    facts: Mapping[str, Any]
    template: str
    notes: tuple[str, ...]
    segments: Annotated[BulkSegments | None, LEFT_OUT] = None
    insertion: Annotated[BulkInsertion | None, LEFT_OUT] = None
    sweep: Annotated[tuple[BulkTempered, ...] | None, LEFT_OUT] = None
    spread: Annotated[BulkSpread | None, LEFT_OUT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRatio:
    """Mean BF of the first model over mean BF of another one, over the prompts that both have; or why there is none."""

    base: str
    aligned: str
    ratio: Number | None = None
    ci: tuple[Number, Number] | None = None
    ci_basis: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFailure:
    """A model that is missing or not measured to the end, and why."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSettings:
    """What was asked for; `compat`: aggregated position by position, as the authors' code does."""

    sampler: Annotated[Sampler, FLAT]
    samples: Count
    max_tokens: Count
    cap_k: Count
    sweep: tuple[Sampler, ...]
    frame: Mapping[str, Any]
    think: bool
    insert: Count
    estimator: Estimator
    compat: Literal["repo"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureOutput:
    """What `bftui measure --json` says: the models, ratios of the first to each other one, and what failed."""

    models: tuple[BulkModel, ...]
    ratios: tuple[BulkRatio, ...]
    failed: Annotated[tuple[BulkFailure, ...], LEFT_OUT] = ()
    settings: BulkSettings
