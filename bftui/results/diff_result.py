"""Two traces side by side: what differs, and where they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from bftui.results.codec import Named
from bftui.results.result_types import Count, Number

Both = tuple[Count, Count]
EitherOr = tuple[Count | None, Count | None]
Factors = tuple[Number | None, Number | None]


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that differs, by its name in the trace; None where one of the two has none."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class PathPosition:
    """The two visible paths at one position after the prompt; None where a path is shorter.

    Attributes:
        nodes: the node of each.
        texts: its token, safe to show.
        bf: exp(H(P~)) of the distribution that the token comes from.
        common: whether the paths are the same up to here.
    """

    position: Count
    nodes: EitherOr
    texts: tuple[str | None, str | None]
    bf: Factors
    common: bool


@dataclass(frozen=True, slots=True)
class PromptPair:
    """A prompt of one or both traces.

    Attributes:
        roots: its node in each; None where a trace has no such prompt.
        text: as it was written; of the first trace that has it.
        nodes: how many nodes stand below it in each, itself included.
        common: how many of these are in both.
    """

    roots: Annotated[EitherOr, Named("nodes")]
    text: str
    nodes: Annotated[Both, Named("below")]
    common: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyDifference:
    """The largest difference of H(P) over common nodes, and where; whether the noise floor explains it."""

    nats: Number
    node: Count
    within_noise: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingAction:
    """An action of one trace or of both; `place` is its first place, `places` that in each, from 0."""

    place: Count
    places: EitherOr
    a: Mapping[str, Any] | None
    b: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedToken:
    """A node that only one trace has, with its token and the BF after it."""

    node: Count
    text: str
    bf_after: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedSide:
    """What follows in one trace alone: the first tokens, and how many there are."""

    tokens: tuple[PartedToken, ...]
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedNodes:
    """A node of both traces after which not the same tokens follow.

    Attributes:
        nodes: the node in each.
        prompt, position: of the tokens that differ: the place of their prompt, and theirs after it.
        bf: exp(H(P~)) there.
        a, b: what follows in one trace alone.
    """

    nodes: Both
    prompt: Count
    position: Count
    bf: Factors
    a: PartedSide
    b: PartedSide


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOutput:
    """What `bftui diff --json` says.

    Attributes:
        same: equal but for when they were made and how long it took, and from where the model came.
        common, nodes: nodes that both have, and that each has.
        first_difference: in words.
        largest_entropy_difference: over common nodes.
        settings, actions, prompts, partings: what differs; `…_differing` and `…_found` count all of it.
        bf: the visible paths side by side.
    """

    same: bool
    common: Count
    first_difference: str | None
    nodes: Both
    largest_entropy_difference: EntropyDifference | None
    settings: tuple[SettingDifference, ...]
    actions_differing: Count
    actions: tuple[DifferingAction, ...]
    prompts: tuple[PromptPair, ...]
    partings_found: Count
    partings: tuple[PartedNodes, ...]
    bf: tuple[PathPosition, ...]
