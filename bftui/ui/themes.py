"""Themes: one TOML file each, read into Textual's theme and into the styles that the panes draw with.

A theme gives colours by role, never by widget. What a colour says is said by a sign, a letter or weight as well.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from rich.style import Style
from textual.theme import Theme

from bftui.core.errors import InputError, UsageError

ROLES = (
    *("background", "text", "dim", "line", "accent", "forced", "good", "bad"),
    *("cursor", "cursor_idle", "bar", "bar_past"),
)

RAMP_TOP = 4.0
"""Entropy in nats, from which on the last step of the ramp is used."""


@dataclass(frozen=True)
class Palette:
    """Complete styles by role: each has a foreground and a background, as drawing by lines needs it."""

    text: Style
    dim: Style
    line: Style
    title: Style
    accent: Style
    forced: Style
    good: Style
    bad: Style
    cursor: Style
    cursor_idle: Style
    bar: Style
    bar_past: Style
    ramp: tuple[Style, ...]

    def shade(self, share: float) -> Style:
        """The step of the ramp for a share of its scale; the last for all of it and more."""
        return self.ramp[int(max(0.0, min(share, 1.0)) * (len(self.ramp) - 1e-9))]


@dataclass(frozen=True)
class ThemeFile:
    """A theme as its file has it; colours are `#rrggbb` or `ansi_NAME`."""

    name: str
    dark: bool
    colors: dict[str, str]
    ramp_text: tuple[str, ...]
    ramp_steps: tuple[str, ...]
    file: str

    @property
    def ansi(self) -> bool:
        """Whether it uses the terminal's own colours."""
        return self.colors["background"].startswith("ansi_")

    def palette(self) -> Palette:
        """The styles of the panes."""
        c = {role: _rich(color) for role, color in self.colors.items()}
        ground = c["background"]

        def on_ground(role: str, bold: bool | None = None) -> Style:
            return Style(color=c[role], bgcolor=ground, bold=bold)

        return Palette(
            text=on_ground("text"),
            dim=on_ground("dim"),
            line=on_ground("line"),
            title=on_ground("text", bold=True),
            accent=on_ground("accent", bold=True),
            forced=on_ground("forced", bold=True),
            good=on_ground("good"),
            bad=on_ground("bad", bold=True),
            # Sixteen colours leave none to put under all the others: the row takes two for all that is in it.
            cursor=Style(color="black", bgcolor="white", bold=False)
            if self.ansi
            else Style(bgcolor=c["cursor"], bold=True),
            cursor_idle=Style(bold=True) if self.ansi else Style(bgcolor=c["cursor_idle"]),
            bar=on_ground("bar"),
            bar_past=on_ground("bar_past"),
            ramp=tuple(
                Style(color=_rich(text), bgcolor=_rich(step))
                for text, step in zip(self.ramp_text, self.ramp_steps, strict=True)
            ),
        )

    def theme(self) -> Theme:
        """What Textual's own widgets and the style sheets use."""
        c = self.colors
        return Theme(
            name=self.name,
            primary=c["accent"],
            secondary=c["accent"],
            accent=c["accent"],
            warning=c["forced"],
            error=c["bad"],
            success=c["good"],
            foreground=c["text"],
            background=c["background"],
            surface=c["background"],
            panel=c["background"],
            boost=c["background"],
            dark=self.dark,
            ansi=self.ansi,
            variables=self.variables(),
        )

    def variables(self) -> dict[str, str]:
        """Variables of the style sheets beside Textual's own."""
        c = self.colors
        return {
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "line": c["line"],
            "dim": c["dim"],
            "cursor": c["cursor"],
            "cursor-idle": c["cursor_idle"],
            "border": c["accent"],
            "border-blurred": c["line"],
            "block-cursor-background": c["cursor"],
            "block-cursor-foreground": c["text"],
            "input-cursor-background": c["text"],
            "input-cursor-foreground": "ansi_black" if self.ansi else c["background"],
            "input-selection-background": c["accent"],
            "input-selection-foreground": "ansi_black" if self.ansi else c["background"],
        }


def _rich(color: str) -> str:
    return color.removeprefix("ansi_")


def _folder() -> Traversable:
    """Inside the package in an installed wheel, beside it in a checkout."""
    packaged = files("bftui") / "themes"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "themes"


@cache
def themes() -> dict[str, ThemeFile]:
    """Every theme by name, the default one first."""
    found = [
        read(file.read_text(encoding="utf-8"), file.name)
        for file in _folder().iterdir()
        if file.name.endswith(".toml")
    ]
    return {t.name: t for t in sorted(found, key=lambda t: (t.name != "dark", t.name))}


def read(text: str, file: str) -> ThemeFile:
    """A theme from TOML; raises InputError where it is not one."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
        colors = {role: str(data["colors"][role]) for role in ROLES}
        ramp = data["ramp"]
        theme = ThemeFile(
            name=str(data["name"]),
            dark=bool(data["dark"]),
            colors=colors,
            ramp_text=tuple(ramp["text"]),
            ramp_steps=tuple(ramp["steps"]),
            file=file,
        )
        theme.palette()
    except KeyError as error:
        raise InputError(f"the theme {file} is damaged", f"it has no {error.args[0]!r}") from error
    except Exception as error:
        raise InputError(f"the theme {file} is damaged", str(error)) from error
    return theme


def find(name: str | None) -> ThemeFile:
    """A theme by name, the default one for None; raises UsageError where there is none of that name."""
    known = themes()
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        raise UsageError(f"there is no theme {name!r}", hint=f"choose one of {', '.join(known)}")
    return known[name]
