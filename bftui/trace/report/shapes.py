"""What the results of measurements look like, as far as a report draws them: a trace may hold anything there."""

from __future__ import annotations

from typing import Annotated

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
