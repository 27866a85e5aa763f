"""How the classes of token distribution shift are drawn: a sign, a word and a style each, never colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style

from bftui.ui.themes.theme_styles import Palette

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Kind

SIGNS: dict[Kind, str] = {"unshifted": "=", "marginal": "≈", "shifted": "≠"}
"""The other model takes the token as its best, among its best three, or not."""

WITHIN = "~"
"""Behind a class that is within the noise floor."""

_STRONG = Style(bold=True)
_SLANTED = Style(italic=True)
_UNDERLINED = Style(underline=True)


def kind_style(palette: Palette, kind: Kind) -> Style:
    """For the sign and the word."""
    if kind == "shifted":
        return palette.forced
    return palette.good if kind == "marginal" else palette.dim


def shaded(palette: Palette, kind: Kind) -> Style:
    """For a token of running text: shifted is bold and underlined, marginal slanted."""
    if kind == "shifted":
        return palette.forced + _STRONG + _UNDERLINED
    return palette.good + _SLANTED if kind == "marginal" else palette.text
