"""A mixture of models along its weight: the branching factor at each, from the same draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT
from bftui.results.result_types import Entropy, Factor, Interval, Number, Rank, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class DialSettings:
    """What was asked for.

    Attributes:
        weights: where it is measured, in order.
        samples, horizon: how many continuations at each, of up to how many tokens.
        sampler: what they are drawn with, but for the weight.
    """

    weights: tuple[Number, ...]
    samples: Rank
    horizon: Rank
    sampler: Annotated[Sampler, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPoint:
    """A mixture at one weight.

    Attributes:
        weight: see `core.mixing`.
        bf: of the continuations, by the entropy estimator.
        ci: its 95 % interval; None for a single sample.
        bf_full: the same of H(P), over the whole vocabulary.
        entropy, entropy_truncated: H(P) and H(P~) of the next token, nats.
        ended: share of the continuations that ended by themselves.
        length: their mean number of tokens.
        text: the first of them.
    """

    weight: Number
    bf: Factor
    ci: Interval | None
    bf_full: Factor
    entropy: Entropy
    entropy_truncated: Entropy
    ended: Share
    length: Number
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialResult:
    """A mixture at each weight, in order; while it is measured, as far as it is."""

    weights: tuple[DialPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOutput:
    """What `bftui dial` prints.

    Attributes:
        model: the mixture; `mixing` says how its models are mixed.
        prompt: the text that the continuations follow, as the models see it.
        samples, horizon, sampler: as in `DialSettings`.
    """

    model: str
    mixing: str
    prompt: str
    found: Annotated[DialResult, FLAT]
    samples: Rank
    horizon: Rank
    sampler: Annotated[Sampler, FLAT]
