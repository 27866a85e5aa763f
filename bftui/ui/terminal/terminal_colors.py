"""What the terminal says about its colours, by environment variables: nothing is asked of it and nothing waited for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bftui.ui.themes.theme_files import DEFAULT

Depth = Literal["truecolor", "256", "16"]

_LIGHT_GROUNDS = ("7", "15")
"""The last field of COLORFGBG, the number of the ground's colour: light grey and white."""


@dataclass(frozen=True, slots=True)
class TerminalColors:
    """What a terminal can show.

    Attributes:
        depth: how many colours.
        light: whether it says that its ground is light.
        none: whether the person wants no colour (no-color.org).
    """

    depth: Depth = "truecolor"
    light: bool = False
    none: bool = False

    @property
    def suited(self) -> str:
        """The theme for those who named none: of sixteen colours where there are no more, or none is wanted."""
        if self.none or self.depth == "16":
            return "ansi"
        return "light" if self.light else DEFAULT


def terminal_colors(environ: Mapping[str, str] | None = None) -> TerminalColors:
    """Reads NO_COLOR, COLORTERM, TERM and COLORFGBG."""
    from rich.console import Console
    from textual.constants import COLOR_SYSTEM

    environ = os.environ if environ is None else environ
    # As Textual will see it: the same library, forced to the same.
    console = Console(
        color_system=COLOR_SYSTEM,  # type: ignore[arg-type]
        force_terminal=True,
        legacy_windows=False,
        _environ=dict(environ),
    )
    depths: dict[str | None, Depth] = {"truecolor": "truecolor", "256": "256"}
    return TerminalColors(
        depth=depths.get(console.color_system, "16"),
        light=environ.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_GROUNDS,
        none="NO_COLOR" in environ,
    )
