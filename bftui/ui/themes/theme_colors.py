"""Colour arithmetic: contrast, lightness, and themes for terminals of 256 colours.

Left to the terminal's library each colour goes to the nearest of a cube with only six levels, so that dark grounds turn
black or teal and steps of a ramp fall together. Here they are chosen together.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from operator import itemgetter

from bftui.ui.themes.theme_files import ThemeFile

_GROUNDS = ("background", "cursor", "cursor_idle")
_TEXTS = ("text", "dim", "accent", "forced", "good", "bad")
_SIGNS = ("bar", "bar_past", "line")
_LEVELS = (7.0, 4.5, 3.0, 2.0)
"""Contrasts that a colour keeps where it has them: those of WCAG 2.2 for text and signs, and that of a frame."""

_LEAST_STEP = 1.5
"""CIE L* by which a step of a ramp is away from the one before."""
_NEAR = 40
"""Entries that are tried for each step of a ramp."""

_FURTHER = 1.2
"""How much more contrast with the background a cursor's ground may have than it should."""


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb` from 0 to 1 (WCAG 2.2)."""
    red, green, blue = _linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    """Contrast of two colours from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(color: str) -> tuple[float, float, float]:
    """CIE L*, a*, b* under D65."""
    red, green, blue = _linear(color)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.0890
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(color: str) -> tuple[float, float, float]:
    return _decoded(color[1:3]), _decoded(color[3:5]), _decoded(color[5:])


@cache
def _decoded(level: str) -> float:
    """The light of a channel, of two hexadecimal digits."""
    value = int(level, 16) / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One of the 256 colours.

    Attributes:
        asked: the colour that Rich turns into this one.
        luminance, lab: those of what the terminal shows.
    """

    asked: str
    luminance: float
    lab: tuple[float, float, float]

    @property
    def readable(self) -> float:
        """The contrast that black or white text has on it."""
        return max(1.05 / (self.luminance + 0.05), (self.luminance + 0.05) / 0.05)

    def against(self, other: _Entry) -> float:
        """The contrast of the two."""
        low, high = sorted((self.luminance, other.luminance))
        return (high + 0.05) / (low + 0.05)


@cache
def _entries() -> tuple[_Entry, ...]:
    """The cube and the greys of xterm, without the sixteen that everybody sets as they like."""
    levels = (0, 95, 135, 175, 215, 255)
    entries = [
        (f"#{r:02x}{g:02x}{b:02x}",) * 2
        for r in levels
        for g in levels
        for b in levels
        if not r == g == b or r in (0, 255)
    ]
    # Rich counts 24 greys from 1/25 to 24/25 of white; the terminal shows 8, 18, … 238.
    for k in range(24):
        shown, asked = 8 + 10 * k, round((k + 1) / 25 * 255)
        entries.append((f"#{asked:02x}" + 2 * f"{asked:02x}", f"#{shown:02x}" + 2 * f"{shown:02x}"))
    return tuple(_Entry(asked, luminance(shown), lab(shown)) for asked, shown in entries)


def within_256(theme: ThemeFile) -> ThemeFile:
    """The theme in colours that a terminal of 256 has: near its own, its contrasts and the order of its ramp kept."""
    if theme.ansi:
        return theme
    chosen = {"background": _nearest(theme.colors["background"])}
    for role in _GROUNDS[1:]:
        chosen[role] = _ground(theme.colors, role, chosen)
    pairs = [(role, ground) for role in _TEXTS for ground in _GROUNDS]
    most = min(_level(theme.colors[role], theme.colors[ground], 21.0) for role, ground in pairs)
    by_color: dict[str, _Entry] = {}
    for role in (*_TEXTS, *_SIGNS):
        color = theme.colors[role]
        kept = [(chosen[g], _level(color, theme.colors[g], most)) for g in _GROUNDS]
        if color not in by_color:
            others = by_color.values() if role in _TEXTS else ()
            by_color[color] = _nearest(color, _holds(kept, others))
        chosen[role] = by_color[color]
    tokens = list(zip(theme.ramp_text, theme.ramp_steps, strict=True))
    most = min(_level(text, ground, 21.0) for text, ground in tokens)
    steps = _ordered(theme.ramp_steps, most)
    texts = [
        _nearest(text, _holds([(step, _level(text, ground, most))]))
        for (text, ground), step in zip(tokens, steps, strict=True)
    ]
    return replace(
        theme,
        colors={role: chosen[role].asked for role in theme.colors},
        ramp_text=tuple(entry.asked for entry in texts),
        ramp_steps=tuple(entry.asked for entry in steps),
    )


def _ground(colors: Mapping[str, str], role: str, chosen: Mapping[str, _Entry]) -> _Entry:
    """A ground of its own that lies to the side of the background that it should, and no further away."""
    darker = luminance(colors[role]) < luminance(colors["background"])
    most = contrast(colors[role], colors["background"]) * _FURTHER
    background = chosen["background"]

    def allowed(entry: _Entry) -> bool:
        aside = (entry.luminance < background.luminance) == darker
        return aside and entry not in chosen.values() and entry.against(background) <= most

    return _nearest(colors[role], allowed)


def _level(one: str, other: str, most: float) -> float:
    """The highest of the levels that two colours have, up to one."""
    has = contrast(one, other)
    return min(most, next((level for level in _LEVELS if has >= level), 1.0))


def _holds(
    kept: Iterable[tuple[_Entry, float]], others: Iterable[_Entry] = ()
) -> Callable[[_Entry], bool]:
    """Whether an entry has these contrasts, and is none of the others."""
    return lambda entry: (
        all(entry.against(ground) >= level for ground, level in kept) and entry not in others
    )


def _nearest(color: str, allowed: Callable[[_Entry], bool] = lambda _: True) -> _Entry:
    """The allowed entry that looks most alike; the most alike of all where none is allowed."""
    ranked = _ranked(color)
    return next(filter(allowed, ranked), ranked[0])


def _ranked(color: str) -> list[_Entry]:
    here, entries = lab(color), _entries()
    away = [math.dist(entry.lab, here) for entry in entries]
    return [entries[i] for i in sorted(range(len(entries)), key=away.__getitem__)]


def _ordered(steps: Iterable[str], readable: float) -> list[_Entry]:
    """An entry for each step, together as near as they can be while lightness goes one way.

    Black or white has at least the contrast `readable` on each. Where all that cannot be had, or the steps themselves
    go both ways, each has the entry nearest to it.
    """
    steps = list(steps)
    lightness = [lab(step)[0] for step in steps]
    sign = 1.0 if lightness[-1] > lightness[0] else -1.0
    one_way = lightness == sorted(lightness, reverse=sign < 0)
    # For each entry of the last step so far: how far its lightness is on the way, the cost of the best way there, and
    # that way.
    ways: list[tuple[float, float, list[_Entry]]] = [(-math.inf, 0.0, [])] if one_way else []
    for step in steps:
        here = lab(step)
        ways.sort(key=itemgetter(0))
        reached = [way[0] for way in ways]
        best = list(accumulate(ways, lambda *two: min(two, key=itemgetter(1))))
        ways = []
        for entry in [entry for entry in _ranked(step) if entry.readable >= readable][:_NEAR]:
            at = sign * entry.lab[0]
            before = bisect_right(reached, at - _LEAST_STEP)
            if before:
                _, least, way = best[before - 1]
                ways.append((at, least + math.dist(entry.lab, here) ** 2, [*way, entry]))
    if not ways:
        return [_nearest(step) for step in steps]
    return min(ways, key=itemgetter(1))[2]
