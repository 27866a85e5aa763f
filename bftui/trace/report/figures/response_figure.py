"""The picture of a response: BF after each text, and the ratio over the first tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bftui.core.bf.looks import HorizonRatio
from bftui.trace.report.figures.axes import Picture, factor_axis
from bftui.trace.report.figures.session_figures import Spread, spreads_on
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATIOS = 2.0
"""Inches of the lower part."""
_MOST, _FURTHEST = 1e6, 100.0
"""Ratios that are drawn, and how far from one an end of its interval is."""


def response(
    name: str, drawn: Sequence[Spread], told: Sequence[HorizonRatio], caption: str
) -> Picture:
    """Draws the texts under each other, and below them the ratio over the first 4, 8, … tokens where it is known."""
    known = [each for each in told if 1 / _MOST <= each.ratio <= _MOST]
    height = 0.9 + 0.26 * len(drawn)

    def draw(figure: Figure, ink: Ink) -> None:
        if not known:
            spreads_on(figure.add_subplot(), ink, "BF of what follows", drawn)
            return
        texts, ratios = figure.subplots(2, 1, height_ratios=[height, _RATIOS])
        spreads_on(texts, ink, "BF of what follows", drawn)
        _draw_ratios(ratios, ink, known)

    return Picture(name, caption, height + (_RATIOS if known else 0), draw)


def _draw_ratios(axes: Axes, ink: Ink, told: Sequence[HorizonRatio]) -> None:
    places, ratios = range(len(told)), [each.ratio for each in told]
    low, high = (
        [
            each.ratio if each.noise_ci is None else _near(each.noise_ci[end], each.ratio)
            for each in told
        ]
        for end in (0, 1)
    )
    factor_axis(axes, min(*low, *ratios, 1.0), max(*high, *ratios, 1.0))
    axes.axhline(1.0, color=ink.dim, linestyle="--", linewidth=1)
    for place, *ends in zip(places, low, high, strict=True):
        axes.plot([place] * 2, ends, color=ink.forced, linewidth=2.2, solid_capstyle="butt")
    axes.plot(places, ratios, "^-", color=ink.forced, markersize=6)
    axes.set_xticks(places, [str(each.tokens) for each in told])
    axes.set_xlim(-0.5, len(told) - 0.5)
    axes.set_xlabel("over the first tokens")
    axes.set_ylabel("BF ×")
    axes.spines["right"].set_visible(False)


def _near(end: float, ratio: float) -> float:
    return min(max(end, ratio / _FURTHEST), ratio * _FURTHEST)
