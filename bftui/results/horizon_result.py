"""A tree that was grown: the BF of its texts by depth with what is unexplored as a bound, and how few hold the mass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, LEFT_OUT
from bftui.results.result_types import Count, Factor, Id, Number, Rank, Share

Stop = Literal["mass", "least", "nodes", "whole", "stopped"]
"""Why a tree grew no further: its texts hold the mass; no path is as probable as the least one; it has all the nodes
that it may have; there is nothing more; or somebody stopped it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonSettings:
    """What was asked for.

    Attributes:
        depth: tokens of the longest texts.
        mass: share of the mass that the texts are to hold; at 1 all of it.
        least: the least probability of a path that is read; 0 is none.
        most: nodes of the tree at most.
        merge: whether spellings of the same bytes are told as one text, too.
    """

    depth: Rank
    mass: Share
    least: Share = 0.0
    most: Rank
    merge: bool = False
    sampler: Annotated[Sampler, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonDepth:
    """The texts of up to `depth` tokens: those of so many, and those that ended before.

    Attributes:
        bf_low, bf_high: bounds of the tree BF, exp(H/depth).
        entropy_low, entropy_high: bounds of H, the entropy of these texts under P~, nats.
        texts: how many are known.
        mass: the probability that they hold together.
        length: their tokens on average; a lower bound where not all are known.
    """

    depth: Rank
    bf_low: Factor
    bf_high: Factor
    texts: Count
    mass: Share
    entropy_low: Number
    entropy_high: Number
    length: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonText:
    """One text: its tokens, its probability under P~, whether it ended; how many spellings were merged into it."""

    text: str
    token_ids: tuple[Id, ...]
    prob: Share
    ended: bool
    spellings: Annotated[Rank, LEFT_OUT] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedTexts:
    """The texts of the whole depth, with those of the same bytes as one.

    Attributes:
        texts: how many are known.
        texts_for_mass, texts_for_mass_high, at_least, best: as in `HorizonResult`.
    """

    texts: Count
    texts_for_mass: Mapping[str, Count]
    texts_for_mass_high: Mapping[str, Count | None]
    at_least: tuple[str, ...]
    best: tuple[HorizonText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonResult:
    """A tree at one place; while it grows, as far as it did.

    Attributes:
        nodes: distributions that were read.
        stop: why it grew no further.
        depths: its texts by depth, from 1.
        texts_for_mass: how few texts of the whole depth hold a share of the mass, by the share.
        texts_for_mass_high: so many certainly do; null where those that are known hold less.
        at_least: the shares of which the number is a lower bound.
        best: the most probable texts, at most `MOST_TEXTS`.
        merged: None where it was not asked for.
    """

    nodes: Count
    stop: Stop
    depths: tuple[HorizonDepth, ...]
    texts_for_mass: Mapping[str, Count]
    texts_for_mass_high: Mapping[str, Count | None]
    at_least: tuple[str, ...]
    best: tuple[HorizonText, ...]
    merged: Annotated[MergedTexts | None, LEFT_OUT] = None

    def spelled(self) -> tuple[int, ...]:
        """Returns the tokens of the texts that are told."""
        told = [*self.best, *(() if self.merged is None else self.merged.best)]
        return tuple(i for each in told for i in each.token_ids)


SHARES = ("0.5", "0.8", "0.95")
"""Shares of the mass of which the number of texts is told."""

MOST_TEXTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHorizon:
    """A tree on one model.

    Attributes:
        model: the MODEL form that was asked for.
        facts: `name`, `sha256` and more of the model.
        template: what the prompt was put into.
    """

    model: str
    facts: Mapping[str, Any]
    template: str
    result: Annotated[HorizonResult, FLAT]


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonOutput:
    """What `bftui horizon --json` says."""

    settings: HorizonSettings
    prompt: str
    models: tuple[ModelHorizon, ...]
