"""The pictures of two models: which tokens shifted, and who wrote what of a nudged text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bftui.core.logits import F64
from bftui.core.pair.distribution_shift import KINDS
from bftui.trace.report.figures.axes import Picture, legend_above, token_axis
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_NAMED = 44
"""Most tokens that have a bar each, with the token below it."""

_BINS = 24
_BARS = 150
"""Most bars over positions."""


# Shift -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ComparedText:
    """A text that was read by another model, token by token.

    Attributes:
        kinds: the class of each token; None where it was not compared.
        kl: the divergence at its place, nats; NaN where there is none. Shape (n,).
        labels: the tokens, safe.
        whose: what the classes go by.
        direction: of the divergence.
    """

    kinds: tuple[str | None, ...]
    kl: F64
    labels: tuple[str, ...]
    whose: str
    direction: str


def shift(name: str, compared: ComparedText) -> Picture:
    """Draws a bar for each token, as high as the distributions are apart; for a longer text shares of the classes."""
    known = sum(each is not None for each in compared.kinds)
    classes = f"unshifted 1, marginal 2 or 3, shifted from 4 on, by {compared.whose}"
    whole = f"Of {known:,} tokens of one text, over the whole vocabulary: nothing is sampled."
    if len(compared.kinds) <= _NAMED and np.isfinite(compared.kl).any():
        return Picture(
            name,
            f"KL({compared.direction}) in nats of the distributions that each token comes from. The strip below, and "
            f"the look of the bars, say the class: {classes}. {whole}",
            3.0,
            lambda figure, ink: _divergences(figure, ink, compared),
        )
    return Picture(
        name,
        f"Shares of the classes over positions: {classes}. The width of a bar is the positions that it stands "
        f"for. {whole}",
        2.4,
        lambda figure, ink: _shares(figure, ink, compared.kinds),
    )


def _looks(ink: Ink) -> dict[str, dict[str, Any]]:
    """Returns how each class is drawn; two of the three are told apart without colours."""
    looks = zip((ink.ramp[3], ink.forced, ink.bad), ("", "////", "xxxx"), strict=True)
    return {
        kind: {"facecolor": colour, "hatch": hatch, "edgecolor": ink.background, "linewidth": 0.6}
        for kind, (colour, hatch) in zip(KINDS, looks, strict=True)
    }


def _divergences(figure: Figure, ink: Ink, compared: ComparedText) -> None:
    axes = figure.add_subplot()
    high = max(float(np.nanmax(compared.kl)), 0.1) * 1.08
    strip = high / 14
    for kind, look in _looks(ink).items():
        at = [t for t, each in enumerate(compared.kinds) if each == kind]
        axes.bar(at, [strip] * len(at), 0.92, -1.4 * strip, **look)
        axes.bar(at, np.nan_to_num(compared.kl[at]), 0.72, **look)
    axes.axhline(0, color=ink.line, linewidth=0.8)
    axes.set_ylim(-1.6 * strip, high)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= high])
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
    axes.set_ylabel(f"KL({compared.direction}), nats")
    axes.spines["right"].set_visible(False)
    token_axis(axes, compared.labels)
    _legend(axes, ink)


def _legend(axes: Axes, ink: Ink) -> None:
    from matplotlib.patches import Patch

    looks = _looks(ink)
    legend_above(axes, [Patch(**look) for look in looks.values()], list(looks))


def _shares(figure: Figure, ink: Ink, kinds: Sequence[str | None]) -> None:
    from matplotlib.ticker import PercentFormatter

    axes = figure.add_subplot()
    width = -(-len(kinds) // _BINS)
    starts = range(0, len(kinds), width)
    bins = [kinds[start : start + width] for start in starts]
    bottom = np.zeros(len(bins))
    for kind, look in _looks(ink).items():
        values = np.array(
            [
                sum(each == kind for each in found) / max(1, sum(each in KINDS for each in found))
                for found in bins
            ]
        )
        widths = [len(found) for found in bins]
        axes.bar(list(starts), values, widths, bottom, align="edge", **look)
        bottom = bottom + values
    axes.set_xlim(0, max(1, len(kinds)))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _positions(axes)
    _legend(axes, ink)


def _positions(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("position")
    axes.spines["right"].set_visible(False)


# Nudging -----------------------------------------------------------------------------------------------------------


def sure(
    name: str,
    best: Sequence[float],
    authors: Sequence[str],
    labels: Sequence[str],
    gamma: float | None,
) -> Picture:
    """Draws how sure the base was where each token of a nudged text stands, and who wrote it.

    Args:
        best: P of the base's most probable token there; NaN where it is not known.
        authors: `partner` or another.
        labels: the tokens, safe.
        gamma: the threshold; None where it is not known.
    """
    nudged = sum(each == "partner" for each in authors)
    caption = (
        f"P of the base's most probable token at each of the {len(best):,} tokens; hatched bars are the {nudged:,} "
        "that the partner wrote"
    )
    if gamma is not None:
        caption += f", the dashed line is gamma, {gamma:g}: below it the partner begins"
    caption += (
        ". Once asked it writes whole words until the base agrees or is sure, and near its own end all that is left. "
        "Of this one text: nothing is sampled."
    )
    width = -(-len(best) // _BARS)
    notes = (
        ()
        if width == 1
        else (f"A bar is the least of {width} tokens, hatched where the partner wrote most.",)
    )
    return Picture(
        name,
        caption,
        2.9 if len(best) <= _NAMED else 2.4,
        lambda figure, ink: _sure(figure, ink, best, authors, labels, gamma),
        notes,
    )


def _sure(
    figure: Figure,
    ink: Ink,
    best: Sequence[float],
    authors: Sequence[str],
    labels: Sequence[str],
    gamma: float | None,
) -> None:
    from matplotlib.patches import Patch

    axes = figure.add_subplot()
    width = -(-len(best) // _BARS)
    bins = [range(start, min(start + width, len(best))) for start in range(0, len(best), width)]
    values = [
        min((best[t] for t in found if not math.isnan(best[t])), default=math.nan) for found in bins
    ]
    partner = [2 * sum(authors[t] == "partner" for t in found) > len(found) for found in bins]
    shared: dict[str, Any] = {"edgecolor": ink.background, "linewidth": 0.6}
    handles: list[Any] = []
    for written, look in (
        (False, {"facecolor": ink.accent, **shared}),
        (True, {"facecolor": ink.bad, "hatch": "////", **shared}),
    ):
        at = [place for place, each in enumerate(partner) if each == written]
        middles = [bins[place][0] + (len(bins[place]) - 1) / 2 for place in at]
        widths = [0.8 * len(bins[place]) for place in at]
        axes.bar(middles, [values[place] for place in at], widths, **look)
        handles.append(Patch(**look))
    names = ["written by the base", "written by the partner"]
    if gamma is not None:
        handles.append(axes.axhline(gamma, color=ink.text, linestyle="--", linewidth=1.4))
        names.append(f"gamma {gamma:g}")
    axes.set_xlim(-0.6, len(best) - 0.4)
    axes.set_ylim(0, 1.02)
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
    axes.set_ylabel("P of the base's best token")
    axes.spines["right"].set_visible(False)
    if len(best) <= _NAMED:
        bold = [t for t, each in enumerate(authors) if each == "partner"]
        token_axis(axes, labels, bold)
    else:
        _positions(axes)
    legend_above(axes, handles, names)
