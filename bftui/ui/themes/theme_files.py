"""Theme files: the ones that ship and the ones of this person, read and checked. Draws nothing, imports no Textual.

A theme is a TOML file that gives colours by role, never by widget; its name is the file's. A person's theme may extend
one that ships and say only what differs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from bftui.core.errors import InputError, UsageError
from bftui.core.text import did_you_mean
from bftui.trace.stream import read_bounded
from bftui.trace.user_folders import user_folder

ROLES = (
    *("background", "text", "dim", "line", "accent", "forced", "good", "bad"),
    *("cursor", "cursor_idle", "bar", "bar_past"),
)
ANSI = (
    "default",
    *(
        bright + name
        for bright in ("", "bright_")
        for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    ),
)
"""What may stand after `ansi_`: the terminal's own ground or text, and its sixteen colours."""

DEFAULT = "dark"
AUTO = "auto"
"""Stands for no theme of a name: what suits the terminal."""

_KEYS = ("extends", "dark", "colors", "ramp")
_RAMP = ("text", "steps")
_STEPS = range(2, 17)
_MOST_BYTES = 1 << 16
_RGB = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class ThemeFile:
    """A theme as its file has it; colours are `#rrggbb` or `ansi_NAME`, of one kind throughout.

    Attributes:
        dark: whether its ground is darker than its text.
        colors: a colour for each of `ROLES`.
        ramp_text, ramp_steps: text and ground of a token, from sure to open.
        file: where it was read.
        own: whether it is this person's, not one that ships.
        replaces: whether it stands in the place of one that ships.
    """

    name: str
    dark: bool
    colors: Mapping[str, str]
    ramp_text: tuple[str, ...]
    ramp_steps: tuple[str, ...]
    file: str
    own: bool = False
    replaces: bool = False

    @property
    def ansi(self) -> bool:
        """Whether it uses the terminal's own colours."""
        return self.colors["background"].startswith("ansi_")


@dataclass(frozen=True)
class Found:
    """The themes that there are: the default one first, then the others that ship, then this person's.

    Attributes:
        themes: by name; a person's theme is in the place of one that ships under its name.
        damaged: what is wrong with each of this person's files that is not a theme, by name.
    """

    themes: Mapping[str, ThemeFile]
    damaged: Mapping[str, InputError]


def own_folder() -> Path:
    """Where this person's themes are looked for; it need not be there."""
    return user_folder("config") / "themes"


def found(folder: Path | None = None) -> Found:
    """The themes that ship and those of a folder (default: this person's). A damaged one there hides no other."""
    themes, damaged = dict(shipped()), {}
    for path in _themes_in(own_folder() if folder is None else folder):
        try:
            themes[path.stem] = _own(path)
        except InputError as error:
            themes.pop(path.stem, None)
            damaged[path.stem] = error
    return Found(themes, damaged)


def named(name: str, folder: Path | None = None) -> ThemeFile:
    """One theme by name, from a folder (default: this person's), else the one that ships.

    Raises InputError where its file is damaged, UsageError where there is none.
    """
    folder = own_folder() if folder is None else folder
    own = next((path for path in _themes_in(folder) if path.stem == name), None)
    if own is not None:
        return _own(own)
    if any(path.stem == name for path in _themes_in(_folder())):
        return _shipped(name)
    raise UsageError(f"there is no theme {name!r}", hint=did_you_mean(name, found(folder).themes))


@cache
def shipped() -> Mapping[str, ThemeFile]:
    """The themes that ship, the default one first."""
    names = sorted((path.stem for path in _themes_in(_folder())), key=lambda n: (n != DEFAULT, n))
    return {name: _shipped(name) for name in names}


@cache
def _shipped(name: str) -> ThemeFile:
    path = _folder() / f"{name}.toml"
    return read(path.read_bytes(), name, file=str(path))


def _themes_in(folder: Path) -> list[Path]:
    """The theme files of a folder, by name; none where it cannot be looked into."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError:
        return []


@cache
def _folder() -> Path:
    """Inside the package in an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    packaged = package / "themes"
    return packaged if packaged.is_dir() else package.parent / "themes"


def _own(path: Path) -> ThemeFile:
    """One of this person's themes; raises InputError."""
    data = read_bounded(path, _MOST_BYTES)
    if path.stem == AUTO:
        reason = f"{AUTO} stands for what suits the terminal"
        raise InputError(f"the theme {path} cannot have this name", reason, "rename the file")
    return read(data, path.stem, file=str(path), bases=shipped(), own=True)


def read(
    data: bytes,
    name: str,
    *,
    file: str,
    bases: Mapping[str, ThemeFile] | None = None,
    own: bool = False,
) -> ThemeFile:
    """A theme from TOML.

    Args:
        data: at most some KiB; the caller sees to that.
        bases: the themes that it may extend; None lets it extend none.

    Raises InputError where it is not a theme.
    """
    bases = bases or {}
    try:
        given = tomllib.loads(data.decode())
        known = _KEYS if bases else _KEYS[1:]
        _check_keys(given, known, "key")
        base = _base(given, bases)
        colors = _colors(given.get("colors", {}), base)
        text, steps = _ramp(given, base, ansi=colors["background"].startswith("ansi_"))
        dark = given.get("dark", base.dark if base else None)
        if not isinstance(dark, bool):
            raise ValueError("dark is missing, or neither true nor false")
    except (ValueError, RecursionError) as error:
        # A decoding error's text would quote the bytes; TOML's own errors say line and column.
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InputError(f"the theme {file} is damaged", reason) from error
    return ThemeFile(name, dark, colors, text, steps, file, own, replaces=own and name in bases)


def _base(given: dict[str, Any], bases: Mapping[str, ThemeFile]) -> ThemeFile | None:
    if "extends" not in given:
        return None
    name = given["extends"]
    if not isinstance(name, str) or name not in bases:
        raise ValueError(
            f"it extends {name!r}, which does not ship; {did_you_mean(str(name), bases)}"
        )
    return bases[name]


def _colors(given: Any, base: ThemeFile | None) -> dict[str, str]:
    """A colour for each role, those of the base where none is given."""
    table = _table(given, "colors")
    _check_keys(table, ROLES, "role")
    colors: dict[str, Any] = {**(base.colors if base else {}), **table}
    missing = [role for role in ROLES if role not in colors]
    if missing:
        raise ValueError(f"it has no colour for {', '.join(missing)}, and extends no theme")
    ansi = str(colors["background"]).startswith("ansi_")
    return {role: _color(colors[role], role, ansi=ansi) for role in ROLES}


def _ramp(
    given: dict[str, Any], base: ThemeFile | None, *, ansi: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Text and ground of the steps: both are given, or both are the base's."""
    if "ramp" not in given:
        if base is None:
            raise ValueError("it has no ramp, and extends no theme")
        text, steps = base.ramp_text, base.ramp_steps
    else:
        table = _table(given["ramp"], "ramp")
        _check_keys(table, _RAMP, "key")
        if not all(isinstance(table.get(key), list) for key in _RAMP):
            raise ValueError("ramp has no list of text, or no list of steps")
        text, steps = (tuple(table[key]) for key in _RAMP)
    if len(text) != len(steps) or len(steps) not in _STEPS:
        raise ValueError(
            f"ramp has {len(text)} text and {len(steps)} steps; "
            f"it takes as many of both, from {_STEPS[0]} to {_STEPS[-1]}"
        )
    return (
        tuple(_color(color, "ramp.text", ansi=ansi) for color in text),
        tuple(_color(color, "ramp.steps", ansi=ansi) for color in steps),
    )


def _color(color: Any, where: str, *, ansi: bool) -> str:
    if isinstance(color, str) and color.startswith("ansi_"):
        if color.removeprefix("ansi_") not in ANSI:
            near = did_you_mean(color, [f"ansi_{name}" for name in ANSI])
            raise ValueError(f"{where} is {color!r}, which is not a colour; {near}")
    elif not isinstance(color, str) or not _RGB.fullmatch(color):
        raise ValueError(f"{where} is {color!r}, which is not a colour; write #rrggbb or ansi_NAME")
    if color.startswith("ansi_") != ansi:
        kind = "ansi_ colours" if ansi else "#rrggbb colours"
        raise ValueError(
            f"{where} is {color!r}, but the background is one of {kind}; take one kind"
        )
    return color


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a table; write [{where}]")
    return cast(dict[str, Any], value)


def _check_keys(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"there is no {what} {key!r}; {did_you_mean(key, known)}")
