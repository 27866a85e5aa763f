"""Style injected for some positions of a text: which windows of it change what comes after, and how much.

A mixture of two models, or of one model after two prompts, is drawn from with a weight above 0 in a window and 0
elsewhere; see `core.pair.injection_numbers`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from bftui.backends.client.client_protocol import RolloutPlan, RolloutStep
from bftui.core.errors import ContextFull, UsageError
from bftui.core.job import Job
from bftui.core.pair.injection_numbers import (
    Ends,
    InjectedText,
    JudgedSpan,
    Place,
    SpanNumbers,
    by_position,
    effect,
    effects_apart,
    span_numbers,
)
from bftui.core.sampler import Sampler, SamplerWindow, written_sampler
from bftui.measures.bulk.sample_store import Store, base64_of, from_base64, model_identity
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, check_size
from bftui.measures.site import prompt_site
from bftui.model.loaded_model import Model
from bftui.results.injection_result import (
    InjectedPlace,
    InjectedPrompt,
    InjectedPromptResult,
    InjectedPromptWindow,
    InjectedWindow,
    InjectionContrast,
    InjectionResult,
    InjectionSettings,
    JudgedTexts,
)
from bftui.results.stored_result import StoredResult

Positions = tuple[int, int | None]
"""From which position to which, excluded; None for the end."""

EARLY_MIDDLE_LATE_WHOLE: tuple[Positions, ...] = ((0, 8), (8, 16), (16, 24), (0, None))


@dataclass(frozen=True, slots=True)
class InjectionAsked:
    """What is asked; see `InjectionSettings`."""

    windows: tuple[Positions, ...] = EARLY_MIDDLE_LATE_WHOLE
    weights: tuple[float, ...] = (1.0,)
    samples: int = 32
    after: int = 16

    def __post_init__(self) -> None:
        """Raises UsageError for sizes that make no sense, and for a window or a weight that comes twice."""
        check_size("samples", self.samples, MOST_SAMPLES)
        check_size("after", self.after, MOST_TOKENS)
        for name, values in (("window", self.windows), ("weight", self.weights)):
            if not values:
                raise UsageError(f"there is no {name}")
            if len(set(values)) != len(values):
                raise UsageError(f"a {name} comes twice")
        for window in self.windows:
            for weight in self.weights:
                _window(window, weight)
        check_size("horizon", self.horizon, MOST_TOKENS)

    @property
    def horizon(self) -> int:
        """Tokens of the longest texts."""
        return self.after + max(start if stop is None else stop for start, stop in self.windows)

    def judged(self, window: Positions) -> JudgedSpan:
        """The positions at which texts of a window are judged: after it, or from its beginning if it has no end."""
        start, stop = window
        return (
            JudgedSpan(start, self.horizon) if stop is None else JudgedSpan(stop, stop + self.after)
        )


def _window(window: Positions, weight: float) -> SamplerWindow:
    start, stop = window
    found = SamplerWindow(start, stop, (("weight", weight),))
    Sampler(windows=(found,))
    return found


@dataclass(frozen=True, slots=True)
class InjectionPrompt:
    """An instruction as the two conditions read it: token ids of the content, and of content and style.

    They are equal where the style is another model's.
    """

    told: InjectedPrompt
    content: tuple[int, ...]
    both: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class InjectedDraw:
    """A text with its numbers; `ended` where it ended by itself."""

    token_ids: tuple[int, ...]
    numbers: InjectedText
    ended: bool


Drawn = tuple[InjectedDraw, ...]


@dataclass(slots=True)
class _Row:
    token_ids: list[int] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    style: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    ended: bool = False

    def text(self) -> InjectedDraw:
        columns = (np.array(each) for each in (self.entropy, self.content, self.style, self.kl))
        return InjectedDraw(tuple(self.token_ids), InjectedText(*columns), self.ended)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Texts that are drawn alike; without a window those of the content alone."""

    window: Positions | None
    weight: float
    horizon: int

    @property
    def start(self) -> int:
        return 0 if self.window is None else self.window[0]

    def sampler(self, sampler: Sampler) -> Sampler:
        windows = () if self.window is None else (_window(self.window, self.weight),)
        return replace(sampler, weight=0.0, windows=windows)


class Injection(Job):
    """Some instructions, each with the content alone and with every window and weight.

    Attributes:
        node: where in the tree of a session; 0 without one.
        units, units_done: sets of texts, and how many of them are drawn.
        doing: what is done now, for people.
    """

    def __init__(
        self,
        model: Model,
        prompts: Sequence[InjectionPrompt],
        asked: InjectionAsked,
        sampler: Sampler,
        store: Store[Drawn] | None = None,
        *,
        node: int = 0,
    ) -> None:
        """Draws nothing before the first `advance`.

        Raises UsageError without prompts and for a model that mixes no two conditions, ContextFull where texts have no
        room.
        """
        if not prompts:
            raise UsageError("there is no instruction")
        if model.mixes != 2:
            raise UsageError(
                f"{model.name} mixes no two conditions",
                hint="open two models, as dial:BASE::ALIGNED, or one model twice, as dial:MODEL::MODEL",
            )
        self.node, self.asked, self.sampler = node, asked, sampler
        self._model, self._prompts = model, tuple(prompts)
        self._store: Store[Drawn] = store or Store()
        self._cells = [
            _Cell(None, 0.0, asked.horizon),
            *(
                _Cell(window, weight, asked.judged(window).stop)
                for window in asked.windows
                for weight in asked.weights
            ),
        ]
        self._drawn: dict[tuple[int, _Cell], Drawn] = {}
        self._now = 0.0
        self.units, self.units_done = len(self._cells) * len(self._prompts), 0
        for each in self._prompts:
            self._check_room(each)
        super().__init__()

    def _check_room(self, prompt: InjectionPrompt) -> None:
        n_ctx = self._model.info.n_ctx
        longest = max(len(prompt.content), len(prompt.both))
        if longest + self.asked.horizon > n_ctx:
            raise ContextFull(
                f"a prompt of {longest} tokens and texts of {self.asked.horizon} do not fit the context of {n_ctx}",
                hint="take earlier windows, or open the model with a larger --ctx",
            )

    # What there is ---------------------------------------------------------------------------------------------

    @property
    def share(self) -> float:
        return 1.0 if self.done else (self.units_done + self._now) / self.units

    @property
    def seconds_a_unit(self) -> float | None:
        """How long a set of texts takes; None before there is something to say."""
        share = self.share
        return self.seconds / (share * self.units) if share > 0.2 / self.units else None

    @property
    def doing(self) -> str:
        place = min(self.units_done, self.units - 1)
        cell = self._cells[place // len(self._prompts)]
        what = "content alone" if cell.window is None else f"window {positions(cell.window)}"
        if len(self._prompts) == 1:
            return what
        return f"{what}, instruction {place % len(self._prompts) + 1} of {len(self._prompts)}"

    def settings(self) -> InjectionSettings:
        """Says what was asked for."""
        asked = self.asked
        return InjectionSettings(
            windows=asked.windows,
            weights=asked.weights,
            samples=asked.samples,
            after=asked.after,
            horizon=asked.horizon,
            prompts=tuple(each.told for each in self._prompts),
            sampler=replace(self.sampler, weight=0.0, windows=()),
        )

    def texts(self, window: Positions | None, weight: float = 0.0) -> list[Drawn]:
        """The texts of each instruction with a window, or of the content alone; those that are drawn."""
        cell = next(c for c in self._cells if (c.window, c.weight) == (window, weight))
        return [
            self._drawn[place, cell]
            for place in range(len(self._prompts))
            if (place, cell) in self._drawn
        ]

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the first window is drawn."""
        found = self.result()
        if not found.windows:
            return None
        return StoredResult("injection", self.node, self.settings(), found)

    # The work --------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[None]:
        for cell in self._cells:
            for place, prompt in enumerate(self._prompts):
                key = self._key(prompt, cell)
                known = self._store.get(key)
                if known is None:
                    rows = [_Row() for _ in range(self.asked.samples)]
                    yield from self._draw(prompt, cell, rows)
                    known = tuple(row.text() for row in rows)
                    self._store.put(key, known)
                self._drawn[place, cell] = known
                self.units_done += 1
                self._now = 0.0

    def _draw(self, prompt: InjectionPrompt, cell: _Cell, rows: list[_Row]) -> Iterator[None]:
        client, sampler = self._model.client, cell.sampler(self.sampler)
        client.pair_prompts(prompt.content, prompt.both)
        with prompt_site(self._model, prompt.content, sampler) as site:
            plan = RolloutPlan(
                site.tree,
                site.node,
                [()],
                sampler,
                range(len(rows)),
                cell.horizon,
                conditions=True,
            )
            for drawn in client.rollouts(plan):
                _join(drawn, rows)
                left = sum(0 if row.ended else cell.horizon - len(row.token_ids) for row in rows)
                self._now = 1 - left / (len(rows) * cell.horizon)
                yield

    def _key(self, prompt: InjectionPrompt, cell: _Cell) -> str:
        """A hash of everything that texts depend on."""
        fields = [
            model_identity(self._model.info),
            prompt.content,
            prompt.both,
            written_sampler(cell.sampler(self.sampler)),
            [self.asked.samples, cell.horizon],
        ]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()

    # The result ------------------------------------------------------------------------------------------------

    def result(self) -> InjectionResult:
        """Says what was found so far: of the windows that every instruction has."""
        plain = self._whole(self._cells[0])
        windows, sides = [], []
        for cell in self._cells[1:]:
            texts = self._whole(cell)
            if plain is None or texts is None or cell.window is None:
                continue
            span = self.asked.judged(cell.window)
            both = (texts, span), (plain, span)
            found = self._judged(cell, *both)
            if found is not None:
                windows.append(found)
                sides.append((cell, both))
        contrasts = []
        in_order = sorted(sides, key=lambda side: side[0].start)
        for (first, one), (second, other) in combinations(in_order, 2):
            ends = _same_length(first, second)
            apart = ends and effects_apart(one, other, self.sampler.seed)
            if ends and apart:
                contrasts.append(
                    InjectionContrast(
                        weight=first.weight,
                        first=ends[0],
                        second=ends[1],
                        delta=apart.delta,
                        ci=apart.ci,
                    )
                )
        return InjectionResult(
            windows=tuple(windows),
            contrasts=tuple(contrasts),
            plain=_places(by_position(plain)) if plain else (),
            prompts=self._by_prompt(sides) if len(self._prompts) > 1 else (),
        )

    def _whole(self, cell: _Cell) -> list[list[InjectedText]] | None:
        """The numbers of the texts of every instruction; None where some are not drawn yet."""
        found = [self._drawn.get((place, cell)) for place in range(len(self._prompts))]
        if any(each is None for each in found):
            return None
        return [[text.numbers for text in each] for each in found if each is not None]

    def _judged(self, cell: _Cell, injected: _Side, plain: _Side) -> InjectedWindow | None:
        seed = self.sampler.seed
        found, beside = (span_numbers(*side, seed) for side in (injected, plain))
        apart = effect(injected, plain, seed)
        if found is None or beside is None or apart is None or cell.window is None:
            return None
        texts, span = injected
        return InjectedWindow(
            start=cell.window[0],
            stop=cell.window[1],
            weight=cell.weight,
            found=_told(found),
            judged=(span.start, span.stop),
            plain=_told(beside),
            delta=apart.delta,
            delta_ci=apart.ci,
            positions=_places(by_position(texts)),
        )

    def _by_prompt(
        self, sides: list[tuple[_Cell, tuple[_Side, _Side]]]
    ) -> tuple[InjectedPromptResult, ...]:
        found = []
        for place, prompt in enumerate(self._prompts):
            windows = []
            for cell, (injected, plain) in sides:
                one, beside = (([side[0][place]], side[1]) for side in (injected, plain))
                numbers, apart = span_numbers(*one), effect(one, beside)
                if numbers is None or apart is None or cell.window is None:
                    continue
                windows.append(
                    InjectedPromptWindow(
                        start=cell.window[0],
                        stop=cell.window[1],
                        weight=cell.weight,
                        bf=numbers.bf,
                        style=numbers.style,
                        content=numbers.content,
                        kl=numbers.kl,
                        delta=apart.delta,
                    )
                )
            found.append(InjectedPromptResult(id=prompt.told.id, windows=tuple(windows)))
        return tuple(found)


_Side = tuple[list[list[InjectedText]], JudgedSpan]


def _same_length(first: _Cell, second: _Cell) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The two windows, where they are as long as each other and have one weight, the earlier one first."""
    if first.weight != second.weight or first.window is None or second.window is None:
        return None
    (a, b), (c, d) = first.window, second.window
    if b is None or d is None or b - a != d - c or a >= c:
        return None
    return (a, b), (c, d)


def _join(drawn: RolloutStep, rows: list[_Row]) -> None:
    for place, number in enumerate(drawn.numbers):
        row, seen = rows[number], drawn.conditions[place]
        row.token_ids.append(drawn.token_ids[place])
        row.entropy.append(drawn.entropy_truncated[place])
        row.content.append(seen.content)
        row.style.append(seen.style)
        row.kl.append(seen.kl)
        row.ended = drawn.eog[place]


def _told(found: SpanNumbers) -> JudgedTexts:
    return JudgedTexts(
        bf=found.bf,
        ci=found.bf_ci,
        style=found.style,
        style_ci=_finite(found.style_ci),
        content=found.content,
        content_ci=_finite(found.content_ci),
        kl=found.kl,
        kl_ci=_finite(found.kl_ci),
        texts=found.texts,
    )


def _finite(ends: Ends | None) -> Ends | None:
    return ends if ends is not None and all(map(math.isfinite, ends)) else None


def _places(places: Sequence[Place]) -> tuple[InjectedPlace, ...]:
    return tuple(
        InjectedPlace(
            position=each.position,
            bf=each.bf,
            style=each.style,
            content=each.content,
            kl=each.kl,
            texts=each.texts,
        )
        for each in places
    )


def positions(window: Positions) -> str:
    """Writes a window as people do: 0-8, or 8- where it has no end."""
    start, stop = window
    return f"{start}-{'' if stop is None else stop}"


def parse_positions(text: str) -> tuple[Positions, ...]:
    """Reads windows, as 0-8,8-16,0-. Raises UsageError."""
    found: list[Positions] = []
    for each in text.split(","):
        start, dash, stop = each.strip().partition("-")
        if not (dash and start.isdecimal() and (stop.isdecimal() or not stop)):
            raise UsageError(
                f"{each.strip()!r} is not a window",
                hint="write FROM-TO, as 0-8; without TO it goes on to the end",
            )
        found.append((int(start), int(stop) if stop else None))
    return tuple(found)


class DrawnPacking:
    """How drawn texts stand in a file that a measurement goes on from; numbers lose nothing."""

    def pack(self, found: Drawn) -> dict[str, Any]:
        return {
            "texts": [
                {
                    "ids": list(each.token_ids),
                    "ended": each.ended,
                    **{name: base64_of(getattr(each.numbers, name)) for name in _COLUMNS},
                }
                for each in found
            ]
        }

    def unpack(self, fields: Mapping[str, Any]) -> Drawn:
        return tuple(
            InjectedDraw(
                tuple(each["ids"]),
                InjectedText(*(from_base64(each[name]) for name in _COLUMNS)),
                bool(each["ended"]),
            )
            for each in fields["texts"]
        )


_COLUMNS = ("entropy", "content", "style", "kl")
