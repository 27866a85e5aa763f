"""What the results of measurements look like, as far as a report draws them: a trace may hold anything there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# No vocabulary is larger: what says more was measured by nobody, and would only spoil the axes.
Factor = Annotated[float, Field(ge=0.5, le=1e10)]
Share = Annotated[float, Field(ge=0, le=1)]
Entropy = Annotated[float, Field(ge=0, le=23)]
Finite = Annotated[float, Field(ge=-1e9, le=1e9)]
Interval = tuple[Factor, Factor]
Difference = tuple[Finite, Finite]
Place = Annotated[int, Field(ge=0, lt=2**31)]


class _Shape(BaseModel):
    """Fields that are not drawn are passed over."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Forced(_Shape):
    text: str
    logprob: Finite | None
    bf: Factor
    ci: Interval | None
    ended: Share


class Controls(_Shape):
    kind: str
    texts: list[str]
    bf: Factor | None
    ci: Interval | None
    delta: Finite | None
    delta_ci: Difference | None


class Response(_Shape):
    forced: Forced
    controls: list[Controls]
    delta: Finite | None
    delta_ci: Difference | None
    verdict: str | None
    p: Share | None = None
    reason: str | None = None
    horizon: Place
    samples: Place


class Width(_Shape):
    bf: Factor
    bf_full: Factor


class LookedAt(_Shape):
    text: str
    prob: Share
    rank: Place
    after: Width | None


class Lookahead(_Shape):
    bf: Factor
    bf_full: Factor
    candidates: list[LookedAt]


class ShiftedAt(_Shape):
    position: Place
    text: str
    kind: Annotated[Literal["unshifted", "marginal", "shifted"], Field(alias="class")]
    base_rank: Place
    kl_aligned_base: Finite | None
    within_noise: bool = False


class Shift(_Shape):
    text: str
    ended: str
    unshifted: Share | None
    marginal: Share | None
    shifted: Share | None
    positions: list[ShiftedAt]


class Piece(_Shape):
    author: Literal["base", "partner"]
    text: str
    token_ids: list[Place] = Field(default_factory=list)


class Nudging(_Shape):
    share_nudged: Share | None
    stop: str | None
    rounds: Place
    tokens: Place
    tokens_nudged: Place
    gamma: Finite
    bf_base: Factor | None
    bf_nudged: Factor | None
    bf_base_written: Factor | None
    bf_partner: Factor | None
    pieces: list[Piece]
