"""The fields of the sampler's screen: which there are, what the arrows step over, and how they are typed."""

from __future__ import annotations

import shlex
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bftui.core.errors import UsageError
from bftui.core.sampler import NUMBERS, Sampler
from bftui.model.token_names import typed_bias, typed_rule, typed_settings, typed_token


@dataclass(frozen=True, slots=True)
class SamplerSetting:
    """One field.

    Attributes:
        name: the setting of `Sampler`.
        title: how it is called.
        steps: the values that the arrows step over.
        help: what it does.
        read: for a field that holds a list: what reads one of its words.
        rule: the truncation rule that it is for.
    """

    name: str
    title: str
    steps: Sequence[float]
    help: str
    read: Callable[[str], Any] | None = None
    rule: str = ""

    @property
    def whole(self) -> bool:
        """Whether its value is a whole number."""
        return self.read is None and NUMBERS[self.name].whole


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """Fields that belong together, below a heading; the first group has none."""

    heading: str
    settings: Sequence[SamplerSetting]


_TENTHS = tuple(round(0.1 * n, 1) for n in range(1, 21))
_SHARES = (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)
_MASSES = (0.05, *_TENTHS[:9], 0.95, 0.98, 0.99, 1)
_SMALL = (0, 1e-4, 3e-4, 6e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)
_PENALTIES = (-1, -0.5, -0.2, 0, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2)
_WINDOWS = (0, 16, 32, 64, 128, 256, 512, 1024)

GROUPS: tuple[SettingGroup, ...] = (
    SettingGroup(
        "",
        (
            SamplerSetting(
                "temperature", "temperature", (*_TENTHS, 2.5, 3, 4, 5, 10), "1 is the model's own P"
            ),
            SamplerSetting(
                "top_k",
                "top-k",
                (0, 1, 2, 3, 5, 10, 20, 40, 50, 100, 200, 500, 1000),
                "the K best; 0 is off",
                rule="top_k",
            ),
            SamplerSetting(
                "top_p", "top-p", _MASSES, "the best that hold this mass; 1 is off", rule="top_p"
            ),
            SamplerSetting(
                "min_p",
                "min-p",
                _SHARES,
                "at least this share of the best; 0 is off",
                rule="min_p",
            ),
            SamplerSetting("seed", "seed", (), "of the draws from here on"),
        ),
    ),
    SettingGroup(
        "further truncation: what all rules keep is kept",
        (
            SamplerSetting(
                "top_n_sigma",
                "top-nσ",
                (0, 0.5, 1, 1.5, 2, 3),
                "deviations below the best logit; 0 is off",
                rule="top_n_sigma",
            ),
            SamplerSetting(
                "typical_p",
                "typical",
                _MASSES,
                "nearest to H, this mass; 1 is off",
                rule="typical",
            ),
            SamplerSetting(
                "epsilon", "epsilon", _SMALL, "at least this probability; 0 is off", rule="epsilon"
            ),
            SamplerSetting(
                "eta", "eta", _SMALL, "the same, less where H is high; 0 is off", rule="eta"
            ),
            SamplerSetting(
                "xtc_probability",
                "XTC",
                (0, *_TENTHS[:10]),
                "how often top choices go; 0 is off",
            ),
            SamplerSetting(
                "xtc_threshold",
                "XTC from",
                (0.02, 0.05, 0.08, *_TENTHS[:5]),
                "top choices have this probability",
                rule="xtc",
            ),
            SamplerSetting("added", "added", (), "NAME=VALUE of other packages' rules", typed_rule),
            SamplerSetting("pinned", "pinned", (), "tokens that no rule removes", typed_token),
        ),
    ),
    SettingGroup(
        "changes to logits, before the temperature",
        (
            SamplerSetting("bias", "bias", (), "TOKEN=VALUE: a text or an id", typed_bias),
            SamplerSetting("banned", "banned", (), "tokens: ids, texts in quotes", typed_token),
            SamplerSetting(
                "repetition_penalty",
                "repetition",
                (1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2),
                "÷ logits of tokens before; 1 is off",
            ),
            SamplerSetting(
                "frequency_penalty", "frequency", _PENALTIES, "− for each time in the text"
            ),
            SamplerSetting(
                "presence_penalty", "presence", _PENALTIES, "− once for each in the text"
            ),
            SamplerSetting("penalty_window", "in the last", _WINDOWS, "tokens; 0 looks at all"),
            SamplerSetting(
                "dry_multiplier", "DRY", (0, 0.2, 0.4, 0.8, 1, 2, 4), "against sequences; 0 is off"
            ),
            SamplerSetting("dry_base", "DRY base", (1, 1.25, 1.5, 1.75, 2, 3), "how fast it grows"),
            SamplerSetting("dry_length", "DRY from", (1, 2, 3, 4, 5, 8), "tokens that repeat"),
            SamplerSetting("dry_window", "DRY in", _WINDOWS, "the last tokens; 0 looks at all"),
        ),
    ),
    SettingGroup(
        "a mixture of models",
        (
            SamplerSetting(
                "weight",
                "weight",
                (-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2),
                "0 is its first model, 1 its second",
            ),
            SamplerSetting(
                "plausibility", "plausibility", _SHARES, "at least this share of its first's best"
            ),
        ),
    ),
)

SETTINGS = tuple(setting for group in GROUPS for setting in group.settings)
"""Every field; those of the last group are for mixtures alone."""

ORDER = "order: bias, penalties, DRY, bans, constraint → ÷ T → rules → pinned → P~"
"""The order of the stages."""


def parsed(setting: SamplerSetting, text: str) -> Any:
    """Return the value of a field; raises UsageError where it is none. Tokens may be texts."""
    if setting.read is not None:
        try:
            words = shlex.split(text)
        except ValueError:
            raise UsageError("a quote is not closed") from None
        return tuple(map(setting.read, words))
    try:
        value = int(text) if setting.whole else float(text)
    except ValueError:
        kind = "a whole number" if setting.whole else "a number"
        raise UsageError(f"not {kind}") from None
    Sampler(**{setting.name: value})  # type: ignore[arg-type]
    return value


def shown_values(sampler: Sampler) -> dict[str, str]:
    """Return what each field shows of a sampler, by the name of the setting."""
    found = typed_settings(sampler)
    lists = {"added": "rule", "bias": "bias", "banned": "ban", "pinned": "pin"}
    values: dict[str, str] = {}
    for setting in SETTINGS:
        value = found[lists.get(setting.name, setting.name)]
        values[setting.name] = shlex.join(value) if isinstance(value, list) else written(value)
    return values


def stepped(setting: SamplerSetting, value: float, by: int) -> float:
    """Return the next sensible value in a direction; the same at the end."""
    if not setting.steps:
        return max(0, min(int(value) + by, 2**64 - 1))
    steps = setting.steps
    place = bisect_right(steps, value) if by > 0 else bisect_left(steps, value) - 1
    return steps[place] if 0 <= place < len(steps) else value


def written(value: float) -> str:
    """Return a value as a field shows it."""
    return str(value) if isinstance(value, int) else f"{value:.10g}"
