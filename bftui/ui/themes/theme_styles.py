"""Themes as they are drawn: the styles of the panes and Textual's own theme, made from a theme's file.

What a colour says is said by a sign, a letter or weight as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.theme import Theme

from bftui.core.errors import InputError
from bftui.ui.terminal.terminal_colors import TerminalColors
from bftui.ui.themes.theme_files import AUTO, ThemeFile, found, named, shipped

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


def themes() -> Mapping[str, ThemeFile]:
    """Every theme by name, the default one first."""
    return found().themes


def find(name: str | None, colors: TerminalColors | None = None) -> ThemeFile:
    """A theme by name in colours that the terminal has (default: all); for None or `auto` the one that suits it.

    Raises UsageError where there is none of that name, InputError where its file is damaged.
    """
    colors = colors or TerminalColors()
    if name is None or name == AUTO:
        # Whoever asked for no theme is shown one, whatever lies in a file of theirs.
        try:
            theme = named(colors.suited)
        except InputError:
            theme = shipped()[colors.suited]
    else:
        theme = named(name)
    if colors.depth != "256":
        return theme
    from bftui.ui.themes.theme_colors import within_256

    return within_256(theme)


def palette(theme: ThemeFile) -> Palette:
    """The styles of the panes."""
    c = {role: _rich(color) for role, color in theme.colors.items()}
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
        # Sixteen colours leave none to put under all the others, and the ground may be dark or light: the row is turned
        # round as a whole, which shows without any colour as well.
        cursor=Style(color="default", bgcolor="default", reverse=True, bold=False)
        if theme.ansi
        else Style(bgcolor=c["cursor"], bold=True),
        cursor_idle=Style(bold=True) if theme.ansi else Style(bgcolor=c["cursor_idle"]),
        bar=on_ground("bar"),
        bar_past=on_ground("bar_past"),
        ramp=tuple(
            Style(color=_rich(text), bgcolor=_rich(step))
            for text, step in zip(theme.ramp_text, theme.ramp_steps, strict=True)
        ),
    )


def textual_theme(theme: ThemeFile) -> Theme:
    """What Textual's own widgets and the style sheets use."""
    c = theme.colors
    return Theme(
        # Textual makes a class of it, which takes no blanks and no other letters.
        name=f"bftui-{theme.name.encode().hex()}",
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
        dark=theme.dark,
        ansi=theme.ansi,
        variables=variables(theme),
    )


def variables(theme: ThemeFile) -> dict[str, str]:
    """Variables of the style sheets beside Textual's own."""
    c = theme.colors
    # Of sixteen colours these two stand out from each other, and from a ground that may be dark or light.
    standing = ("ansi_bright_white", "ansi_magenta")
    row = standing if theme.ansi else (c["text"], c["cursor"])
    chosen = standing if theme.ansi else (c["background"], c["accent"])
    caret = ("ansi_default",) * 2 if theme.ansi else (c["background"], c["text"])
    return {
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "line": c["line"],
        "dim": c["dim"],
        "cursor": c["cursor"],
        "cursor-text": "ansi_bright_white" if theme.ansi else c["text"],
        "cursor-idle": c["cursor_idle"],
        "border": c["accent"],
        "border-blurred": c["line"],
        **{
            f"block-cursor{blurred}-{part}": value
            for blurred in ("", "-blurred")
            for part, value in zip(
                ("foreground", "background", "text-style"), (*row, "bold"), strict=True
            )
        },
        "input-cursor-foreground": caret[0],
        "input-cursor-background": caret[1],
        "input-selection-foreground": chosen[0],
        "input-selection-background": chosen[1],
        "scrollbar": c["line"],
        "scrollbar-hover": c["dim"],
        "scrollbar-active": c["accent"],
        "scrollbar-background": c["background"],
        "scrollbar-background-hover": c["background"],
        "scrollbar-background-active": c["background"],
        "scrollbar-corner-color": c["background"],
    }


def _rich(color: str) -> str:
    return color.removeprefix("ansi_")
