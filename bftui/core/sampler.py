"""How the next token is drawn, as frozen data. Imports no NumPy: the first frame of the workbench needs it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from bftui.core.errors import UsageError

LOWEST, HIGHEST = 1e-6, 1e6
"""Bounds of the temperature; beyond them float64 has no room for the logits."""

ConstraintKind = Literal["", "regex", "json-schema", "lark"]

MOST_BIAS = 1e3
"""Logits are moved by less; a token that is never to come is banned."""

MOST_WEIGHT = 10.0
"""Of a mixture; beyond it one model's noise is all that is left."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a text must be: only tokens that can go on to such a text are drawn. One without a kind allows every text.

    Attributes:
        kind: what `text` is: a regular expression, a JSON schema or a Lark grammar.
        text: the expression, the schema or the grammar.
        start: how many tokens after the prompt are before the text that is governed.
    """

    kind: ConstraintKind = ""
    text: str = ""
    start: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(ConstraintKind):
            raise UsageError(f"{self.kind!r} is not a kind of constraint")
        if type(self.start) is not int or self.start < 0:
            raise UsageError(f"a constraint cannot begin at position {self.start!r}")

    def __bool__(self) -> bool:
        return bool(self.kind)

    @property
    def called(self) -> str:
        """What people call its kind."""
        return {"": "none", "regex": "regex", "json-schema": "schema", "lark": "grammar"}[self.kind]

    @property
    def whole(self) -> Constraint:
        """The same for a text from the prompt on: what may come follows from that and the governed tokens."""
        return Constraint(self.kind, self.text)


@dataclass(frozen=True, slots=True)
class SamplerWindow:
    """Positions at which some settings of a sampler are others.

    Attributes:
        start, stop: positions after the prompt, counted from 0, `stop` excluded; None goes on to the end.
        changes: names of settings with their values there.
    """

    start: int
    stop: int | None
    changes: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        for end in (self.start, self.stop):
            if end is not None and (type(end) is not int or end < 0):
                raise UsageError(f"{end!r} is not a position", hint="positions count from 0")
        if self.stop is not None and self.stop <= self.start:
            raise UsageError(f"the window {self.start}-{self.stop} holds no position")
        for name, _ in self.changes:
            if name not in NUMBERS or name == "seed":
                raise UsageError(f"a window cannot change {name!r}")

    def holds(self, position: int) -> bool:
        """Whether a position is inside."""
        return self.start <= position and (self.stop is None or position < self.stop)


@dataclass(frozen=True, slots=True)
class Number:
    """What a setting may be: from `low` to `high`, without `low` where it is open; `off` changes nothing."""

    off: float
    low: float
    high: float
    open: bool = False
    whole: bool = False


NUMBERS: Mapping[str, Number] = {
    "temperature": Number(1.0, LOWEST, HIGHEST),
    "top_k": Number(0, 0, math.inf, whole=True),
    "top_p": Number(1.0, 0, 1, open=True),
    "min_p": Number(0.0, 0, 1),
    "seed": Number(0, 0, 2**64 - 1, whole=True),
    "top_n_sigma": Number(0.0, 0, 1e6),
    "typical_p": Number(1.0, 0, 1, open=True),
    "epsilon": Number(0.0, 0, 1),
    "eta": Number(0.0, 0, 1),
    "xtc_probability": Number(0.0, 0, 1),
    "xtc_threshold": Number(0.1, 0, 1, open=True),
    "repetition_penalty": Number(1.0, 0, 1e3, open=True),
    "frequency_penalty": Number(0.0, -MOST_BIAS, MOST_BIAS),
    "presence_penalty": Number(0.0, -MOST_BIAS, MOST_BIAS),
    "penalty_window": Number(0, 0, math.inf, whole=True),
    "dry_multiplier": Number(0.0, 0, MOST_BIAS),
    "dry_base": Number(1.75, 1, 1e3),
    "dry_length": Number(2, 1, math.inf, whole=True),
    "dry_window": Number(0, 0, math.inf, whole=True),
    "weight": Number(1.0, -MOST_WEIGHT, MOST_WEIGHT),
    "plausibility": Number(0.0, 0, 1),
}
"""The settings of a sampler that are numbers, by name."""


FREE = Constraint()
"""Every text is allowed."""


def _further(off: Any) -> Any:
    """A setting that is written only where it differs, so that what is written of usual samplers stays as it was."""
    return field(default=off, metadata={"left_out": True})


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next token is drawn.

    The stages, in order: the models of a mixture are combined (`weight`, `plausibility`), which gives P; biases, bans,
    penalties and the constraint change logits; they are divided by the temperature; each truncation rule is judged on
    what the softmax then gives, what all of them keep is kept, and pinned tokens with it; that, renormalised, is P~.

    Attributes:
        temperature: what logits are divided by.
        top_k, top_p, min_p, top_n_sigma, typical_p, epsilon, eta: truncation rules, see `core.truncation`; 0 switches
            one off, and 1 top-p and typical.
        xtc_probability, xtc_threshold: how often the likelier choices are left out, and which these are.
        added: truncation rules of other packages, by name, with their values.
        repetition_penalty: divides logits above 0 of tokens that came before, multiplies those below; 1 is off.
        frequency_penalty, presence_penalty: taken from logits of tokens of the text after the prompt, for each time
            and once; 0 is off.
        penalty_window: how many of the latest tokens count as before; 0 counts all.
        dry_multiplier, dry_base, dry_length, dry_window: DRY, against sequences that repeat; a multiplier of 0 is off.
        bias: what is added to the logits of some tokens, by id.
        banned: ids that are never drawn.
        pinned: ids that no truncation rule removes.
        weight: of a mixture of models, see `core.mixing`: 0 is its first model. One model has none.
        plausibility: of a mixture: tokens below this share of its expert's largest P are left out.
        constraint: what the text must be.
        windows: where settings are others, in order; no two overlap.
        seed: of the draws.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    min_p: float = 0.0
    seed: int = 0
    top_n_sigma: float = _further(0.0)
    typical_p: float = _further(1.0)
    epsilon: float = _further(0.0)
    eta: float = _further(0.0)
    xtc_probability: float = _further(0.0)
    xtc_threshold: float = _further(0.1)
    added: tuple[tuple[str, float], ...] = _further(())
    repetition_penalty: float = _further(1.0)
    frequency_penalty: float = _further(0.0)
    presence_penalty: float = _further(0.0)
    penalty_window: int = _further(0)
    dry_multiplier: float = _further(0.0)
    dry_base: float = _further(1.75)
    dry_length: int = _further(2)
    dry_window: int = _further(0)
    bias: tuple[tuple[int, float], ...] = _further(())
    banned: tuple[int, ...] = _further(())
    pinned: tuple[int, ...] = _further(())
    weight: float = _further(1.0)
    plausibility: float = _further(0.0)
    constraint: Constraint = _further(FREE)  # noqa: RUF009 - as the others
    windows: tuple[SamplerWindow, ...] = _further(())

    def __post_init__(self) -> None:
        for name, number in NUMBERS.items():
            _check(name, number, getattr(self, name))
        for token_id, bias in self.bias:
            if not -MOST_BIAS <= bias <= MOST_BIAS:
                raise UsageError(f"a bias of {bias:g} is not in [{-MOST_BIAS:g}, {MOST_BIAS:g}]")
            _check_id(token_id)
        for token_id in (*self.banned, *self.pinned):
            _check_id(token_id)
        if not isinstance(self.constraint, Constraint):
            raise UsageError(f"{self.constraint!r:.60} is not a constraint")
        if both := sorted({*self.banned} & {*self.pinned}):
            raise UsageError(f"token {both[0]} cannot be banned and pinned")
        for before, after in zip(self.windows, self.windows[1:], strict=False):
            if before.stop is None or after.start < before.stop:
                raise UsageError(
                    f"the windows from {before.start} and from {after.start} overlap",
                    hint="write them in order, each from where the one before ends, or later",
                )
        for window in self.windows:
            self._within(window)

    def at(self, position: int) -> Sampler:
        """Return the sampler that holds for the token at a position after the prompt, from 0; it has no windows."""
        if not self.windows:
            return self
        inside = next((each for each in self.windows if each.holds(position)), None)
        return replace(self, windows=()) if inside is None else self._within(inside)

    def for_other_tokens(self) -> Sampler:
        """Return what of it holds for a model whose ids are other tokens."""
        return replace(self, bias=(), banned=(), pinned=())

    def _within(self, window: SamplerWindow) -> Sampler:
        changes: dict[str, Any] = dict(window.changes)
        return replace(self, windows=(), **changes)

    def same_mixture(self, other: Sampler) -> bool:
        """Whether both make one P of the logits of a mixture, wherever in a text."""
        return self._mixes() == other._mixes()

    def _mixes(self) -> tuple[object, ...]:
        changed = [
            (each.start, each.stop, pair)
            for each in self.windows
            for pair in each.changes
            if pair[0] in ("weight", "plausibility")
        ]
        return self.weight, self.plausibility, changed

    def same_numbers(self, other: Sampler) -> bool:
        """Whether both make one P~ of the same logits: the seed is in the draws, and not in the numbers."""
        return replace(self, seed=other.seed) == other

    @property
    def steers(self) -> bool:
        """Whether it may change logits before the temperature, at some position."""
        own = (
            self.bias,
            self.banned,
            self.constraint,
            *(getattr(self, name) != NUMBERS[name].off for name in _STEERING),
        )
        return any(own) or any(
            name in _STEERING for each in self.windows for name, _ in each.changes
        )

    @property
    def by_rank(self) -> bool:
        """Whether what it keeps are the likeliest tokens of P, however many, so that one number tells which."""
        return not (
            self.typical_p < 1 or self.xtc_probability or self.added or self.pinned or self.steers
        )

    @property
    def plain(self) -> bool:
        """Whether the truncation is top-k, top-p and min-p, and nothing changes logits."""
        return self.by_rank and not (self.top_n_sigma or self.epsilon or self.eta or self.windows)

    def settings(self) -> dict[str, Any]:
        """Return every setting by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


SETTINGS: tuple[str, ...] = tuple(each.name for each in fields(Sampler))
"""Names of all settings."""

_STEERING = ("repetition_penalty", "frequency_penalty", "presence_penalty", "dry_multiplier")

FIRST = ("temperature", "top_k", "top_p", "min_p", "seed")
"""The settings that are always written."""


def written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values."""
    return {name: _written(value) for name, value in settings.items()}


def written_sampler(sampler: Sampler) -> dict[str, Any]:
    """Return a sampler as JSON values: temperature, top-k, top-p, min-p and seed always, others where they differ."""
    usual = Sampler()
    return written(
        {
            name: value
            for name, value in sampler.settings().items()
            if name in FIRST or value != getattr(usual, name)
        }
    )


def read_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `written`; what is null, or not a setting, is passed over. Raises UsageError."""
    found: dict[str, Any] = {}
    for name in SETTINGS:
        value = values.get(name)
        if value is None:
            continue
        try:
            if name == "constraint":
                value = Constraint(**{each: value[each] for each in ("kind", "text", "start")})
            elif name == "windows":
                value = tuple(
                    SamplerWindow(each["start"], each["stop"], _pairs(each["changes"]))
                    for each in value
                )
            elif name in ("bias", "added"):
                value = _pairs(value)
            elif name in ("banned", "pinned"):
                value = tuple(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{name} {value!r:.60} cannot be read") from error
        found[name] = value
    return found


def _pairs(values: Sequence[Sequence[Any]]) -> tuple[tuple[Any, Any], ...]:
    return tuple((first, second) for first, second in values)


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    return _written_fields(value) if isinstance(value, (Constraint, SamplerWindow)) else value


def _written_fields(value: Constraint | SamplerWindow) -> dict[str, Any]:
    return {name: _written(each) for name, each in asdict(value).items()}


def _check(name: str, number: Number, value: Any) -> None:
    called = name.replace("_", "-")
    if number.whole and type(value) is not int:
        raise UsageError(f"{name} {value!r} is not a whole number")
    if name == "temperature" and not number.low <= value <= number.high:
        raise UsageError(
            f"temperature {value:g} is not in [{LOWEST:g}, {HIGHEST:g}]",
            hint="for the most probable token use greedy steps",
        )
    if name == "top_k" and value < 0:
        raise UsageError(f"top-k {value} is negative", hint="0 switches it off")
    if name == "seed" and not 0 <= value <= number.high:
        raise UsageError(f"seed {value} is not in [0, 2**64)")
    if not (number.low < value if number.open else number.low <= value) or value > number.high:
        left, high = "(" if number.open else "[", f"{number.high:g}]"
        raise UsageError(f"{called} {value:g} is not in {left}{number.low:g}, {high}")


def _check_id(token_id: Any) -> None:
    if type(token_id) is not int or token_id < 0:
        raise UsageError(f"{token_id!r} is not a token id")
