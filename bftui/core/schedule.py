"""A schedule: windows of positions with other settings of the sampler, and gammas of nudging, as people write it.

One window a line, `FROM TO WEIGHT` or `FROM TO NAME=VALUE …`; TO may be `end`. `else WEIGHT` is what holds where no
window is. Positions count from 0 after the prompt, TO is excluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from bftui.core.errors import UsageError
from bftui.core.sampler import NUMBERS, Sampler, SamplerWindow

VARIANTS = {"content": 0.0, "both": 1.0}
"""The conditions of two prompts of one model, and the weights at which they alone hold."""

END, ELSE = "end", "else"


@dataclass(frozen=True, slots=True)
class GammaWindow:
    """Positions at which nudging has another gamma; `stop` None goes on to the end."""

    start: int
    stop: int | None
    gamma: float

    def holds(self, position: int) -> bool:
        """Whether a position is inside."""
        return self.start <= position and (self.stop is None or position < self.stop)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What holds where.

    Attributes:
        windows: settings of the sampler, in the order of their positions.
        gammas: gammas of nudging, in the same order.
        outside: settings of the sampler where no window is.
    """

    windows: tuple[SamplerWindow, ...] = ()
    gammas: tuple[GammaWindow, ...] = ()
    outside: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, sampler: Sampler) -> Schedule:
        """Return the windows of a sampler as a schedule."""
        return cls(sampler.windows)

    def settings(self) -> dict[str, Any]:
        """Return what it changes of a sampler, by the names of its settings."""
        return {**dict(self.outside), "windows": self.windows}

    def applied(self, sampler: Sampler) -> Sampler:
        """Return the sampler with this schedule in place of its own windows. Raises UsageError."""
        return replace(sampler, **self.settings())

    def lines(self) -> list[str]:
        """Write it one window a line."""
        windows = [f"{name(each)} {_settings(each.changes)}" for each in self.windows]
        gammas = [f"{name(each)} gamma={each.gamma:g}" for each in self.gammas]
        outside = [f"{ELSE} {_settings(self.outside)}"] if self.outside else []
        return [*windows, *gammas, *outside]


def _settings(changes: tuple[tuple[str, float], ...]) -> str:
    if len(changes) == 1 and changes[0][0] == "weight":
        return f"{changes[0][1]:g}"
    return " ".join(f"{setting}={value:g}" for setting, value in changes)


def read_window(
    start: Any, stop: Any, settings: dict[str, Any]
) -> tuple[SamplerWindow | None, GammaWindow | None]:
    """Make the windows that one entry of a schedule stands for.

    `settings` are those of a sampler by name, `variant` in place of `weight`, and `gamma`. Raises UsageError.
    """
    if type(start) is not int or not (stop is None or type(stop) is int):
        raise UsageError("a window is from a whole number to a whole number")
    changes = dict(settings)
    gamma = changes.pop("gamma", None)
    if "variant" in changes:
        variant = changes.pop("variant")
        if variant not in VARIANTS:
            raise UsageError(
                f"there is no variant {variant!r}", hint=f"choose {' or '.join(VARIANTS)}"
            )
        if "weight" in changes:
            raise UsageError("a window has a variant or a weight, not both")
        changes["weight"] = VARIANTS[variant]
    if not changes and gamma is None:
        raise UsageError("a window changes nothing", hint="give it a weight, or another setting")
    if gamma is not None and not (_is_number(gamma) and 0 <= gamma <= 1):
        raise UsageError(f"gamma {gamma!r} is not a probability")
    return (
        window(start, stop, changes) if changes else None,
        None if gamma is None else GammaWindow(start, stop, float(gamma)),
    )


def window(start: int, stop: int | None, changes: dict[str, Any]) -> SamplerWindow:
    """Make a window of checked settings. Raises UsageError."""
    if not changes:
        raise UsageError("a window changes nothing", hint="give it a weight, or another setting")
    for setting, value in changes.items():
        if setting not in NUMBERS:
            raise UsageError(f"a window cannot change {setting!r}")
        if not _is_number(value):
            raise UsageError(f"{setting} {value!r} is not a number")
    found = SamplerWindow(start, stop, tuple(sorted(changes.items())))
    # A value that no sampler may have is refused where it was written.
    Sampler(windows=(found,))
    return found


def read_lines(text: str) -> Schedule:
    """Read windows as `Schedule.lines` writes them; empty lines and those from `#` on are passed over.

    Raises UsageError, with the number of the line, and where windows overlap.
    """
    windows, gammas = list[SamplerWindow](), list[GammaWindow]()
    outside: tuple[tuple[str, float], ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        found = gamma = None
        try:
            if words[0] == ELSE:
                outside = window(0, None, _values(words[1:])).changes
            else:
                found, gamma = _line(words)
        except (UsageError, ValueError) as error:
            reason = error.message if isinstance(error, UsageError) else "it has no such form"
            raise UsageError(
                f"line {number} is not a window", reason, "write FROM TO WEIGHT, as 0 8 1"
            ) from error
        windows += [found] if found else []
        gammas += [gamma] if gamma else []
    return in_order(windows, gammas, outside)


def _line(words: list[str]) -> tuple[SamplerWindow | None, GammaWindow | None]:
    start, stop, *settings = words
    return read_window(int(start), None if stop == END else int(stop), _values(settings))


def _values(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in words:
        setting, equals, value = each.rpartition("=")
        setting = setting.replace("-", "_") if equals else "weight"
        if setting in found:
            raise UsageError(f"{setting} is there twice")
        whole = setting in NUMBERS and NUMBERS[setting].whole
        found[setting] = value if setting == "variant" else int(value) if whole else float(value)
    return found


def in_order(
    windows: list[SamplerWindow],
    gammas: list[GammaWindow],
    outside: tuple[tuple[str, float], ...] = (),
) -> Schedule:
    """Put windows in the order of their positions. Raises UsageError where two of one kind overlap."""
    windows, gammas = (
        sorted(windows, key=lambda each: each.start),
        sorted(gammas, key=lambda each: each.start),
    )
    _check_apart(windows)
    _check_apart(gammas)
    return Schedule(tuple(windows), tuple(gammas), outside)


def _check_apart(windows: Sequence[SamplerWindow | GammaWindow]) -> None:
    for before, after in pairwise(windows):
        if before.stop is None or after.start < before.stop:
            raise UsageError(
                f"the windows {name(before, '-')} and {name(after, '-')} overlap",
                hint="a position has one window; join them, or end the first one earlier",
            )


def name(each: SamplerWindow | GammaWindow, between: str = " ") -> str:
    """Write the ends of a window."""
    return f"{each.start}{between}{END if each.stop is None else each.stop}"


def window_told(each: SamplerWindow) -> str:
    """Write what a window changes, for people, as `w 1` or `top_p=0.5`."""
    return " ".join(
        f"w {value:g}" if setting == "weight" else f"{setting}={value:g}"
        for setting, value in each.changes
    )


def gammas_told(windows: Sequence[GammaWindow]) -> str:
    """Write gammas by their positions, for people; "" where there are none."""
    return ", ".join(f"{each.gamma:g} at {name(each, '-')}" for each in windows)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
