"""What a text is shaded by: H(P), surprisal, author and others; and how one token is drawn then."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rich.style import Style

from bftui.ui.themes.theme_styles import RAMP_TOP, Palette

if TYPE_CHECKING:
    from bftui.ui.view import View

SURPRISAL_TOP = 8.0
"""Surprisal in nats, from which on the last step of the ramp is used."""

_BOLD = Style(bold=True)
_GREEDY = Style(italic=True)
_UNDERLINED = Style(underline=True)


class Shading(StrEnum):
    """What the text is shaded by."""

    ENTROPY = "entropy"
    SURPRISAL = "surprisal"
    AUTHOR = "author"
    SHIFT = "shift"
    NUDGE = "nudge"
    NONE = "none"


LEGENDS = {
    Shading.ENTROPY: (
        f"shade: H 0 to {RAMP_TOP:g} nats · ▲ forced",
        f"H 0 to {RAMP_TOP:g} nats",
    ),
    Shading.SURPRISAL: (
        f"shade: surprisal 0 to {SURPRISAL_TOP:g} nats · ▲ forced",
        f"surprisal 0 to {SURPRISAL_TOP:g} nats",
    ),
    Shading.AUTHOR: (
        "▲ forced · ◇ partner: underlined · greedy: slanted · prompt: dim · sampled: plain",
        "▲ forced · ◇ partner: underlined · greedy: slanted",
        "▲ forced · ◇ partner",
    ),
    Shading.SHIFT: (
        "by rank in the partner: underlined shifted · slanted marginal · plain unshifted",
        "rank in partner: underlined shifted · slanted marginal",
        "rank in partner",
    ),
    Shading.NUDGE: (
        "underlined: P of the best token below γ {gamma:.2f}, where the partner would write",
        "underlined: best P < γ {gamma:.2f}",
        "γ {gamma:.2f}",
    ),
    Shading.NONE: ("not shaded · ▲ forced", "not shaded"),
}


def token_style(view: View, palette: Palette, shading: Shading, before: int, node: int) -> Style:
    """Shades a token of a path, after the node before it, by entropy, surprisal or author; else not at all."""
    source, style = view.tree.source(node).word, palette.text
    if shading is Shading.ENTROPY and (entropies := view.tree.entropies(before)) is not None:
        style = palette.shade(entropies[0] / RAMP_TOP)
    elif shading is Shading.SURPRISAL:
        style = palette.shade(-view.tree.logprob(node) / SURPRISAL_TOP)
    elif shading is Shading.AUTHOR:
        authors = {
            "forced": palette.forced,
            "greedy": palette.good + _GREEDY,
            "nudged": palette.accent + _UNDERLINED,
        }
        style = authors.get(source, style)
    return style + _BOLD if source == "forced" else style
