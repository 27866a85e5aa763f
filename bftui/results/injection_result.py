"""Injected style: windows of positions, and what BF, style and content are after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from bftui.core.sampler import Sampler
from bftui.results.codec import FLAT, OR_NULL, Named
from bftui.results.result_types import Count, Difference, Factor, Interval, Number, Rank

Nats = Annotated[Number | None, OR_NULL]
"""null where a condition gives a token no probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedPrompt:
    """An instruction: its name, its content, its style, and both as they are read; the last two are empty where the
    style is another model's."""

    id: str
    content: str
    style: str
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionSettings:
    """What was asked for.

    Attributes:
        windows: from which position to which, `to` excluded, null for the end; each with every weight.
        weights: w in the windows; outside of them it is 0.
        samples: texts of each instruction and window.
        after: how many positions after a window are judged.
        horizon: tokens of a text at most.
        sampler: of the texts; in the windows its weight is another.
    """

    windows: tuple[tuple[Count, Count | None], ...]
    weights: tuple[Number, ...]
    samples: Rank
    after: Rank
    horizon: Rank
    prompts: tuple[InjectedPrompt, ...]
    sampler: Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTexts:
    """Texts in some positions; see `core.pair.injection_numbers.SpanNumbers`."""

    bf: Factor
    ci: Interval | None
    style: Nats
    style_ci: Difference | None
    content: Nats
    content_ci: Difference | None
    kl: Nats
    kl_ci: Difference | None
    texts: Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedPlace:
    """All texts of a window at one position; see `core.pair.injection_numbers.Place`."""

    position: Count
    bf: Factor
    style: Nats
    content: Nats
    kl: Nats
    texts: Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedWindow:
    """A window with one weight, judged after its end; one without an end is judged from its beginning on.

    Attributes:
        start, stop: the window.
        weight: w in it.
        judged: the positions that count, the second excluded.
        found: the texts there.
        plain: those of the content alone at the same positions.
        delta, delta_ci: ln BF less that of the content alone, nats, mean over prompts.
        positions: the texts at each position.
    """

    start: Annotated[Count, Named("from")]
    stop: Annotated[Count | None, Named("to")]
    weight: Number
    found: Annotated[JudgedTexts, FLAT]
    judged: tuple[Count, Count]
    plain: JudgedTexts
    delta: Number
    delta_ci: Difference | None
    positions: tuple[InjectedPlace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionContrast:
    """How far the effect of one window is above that of a later one of the same length and weight, nats."""

    weight: Number
    first: tuple[Count, Count]
    second: tuple[Count, Count]
    delta: Number
    ci: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedPromptWindow:
    """A window of one instruction: its numbers after it, and the difference of ln BF to the content alone."""

    start: Annotated[Count, Named("from")]
    stop: Annotated[Count | None, Named("to")]
    weight: Number
    bf: Factor
    style: Nats
    content: Nats
    kl: Nats
    delta: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedPromptResult:
    """The windows of one instruction."""

    id: str
    windows: tuple[InjectedPromptWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionResult:
    """What was found; while it is measured, of the windows that every instruction has.

    Attributes:
        windows: in the order that was asked for, each with every weight.
        contrasts: each two windows that are as long as each other, the earlier one first, by weight.
        plain: texts of the content alone at each position.
        prompts: each instruction by itself, where there are several.
    """

    windows: tuple[InjectedWindow, ...]
    contrasts: tuple[InjectionContrast, ...]
    plain: tuple[InjectedPlace, ...]
    prompts: tuple[InjectedPromptResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionOutput:
    """What the command prints: the result, with what was asked for and the model."""

    result: Annotated[InjectionResult, FLAT]
    settings: InjectionSettings
    model: dict[str, Any]
