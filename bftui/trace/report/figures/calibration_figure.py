"""The picture of a valid set: the probability of each valid answer, and validity against diversity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.valid.frontier import ORACLES
from bftui.results.calibration_result import CalibrationResult
from bftui.results.calibration_words import RULES, is_tiny, real_points, share
from bftui.trace.report.figures.axes import Picture
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")


def calibration(name: str, found: CalibrationResult) -> Picture | None:
    """Draws what is known: the sorted answers beside the frontier; None where neither is."""
    answers = any(each.logprob is not None for each in found.answers)
    # Oracles alone say nothing of what can be had.
    frontier = bool(real_points(found))
    if not answers and not frontier:
        return None
    captions = []
    if answers:
        captions.append(
            "P of each valid answer, the most probable first; dashed: all equally likely at this validity."
        )
    if frontier:
        captions.append(
            f"{definitions.FRONTIER.meaning} The line is the best that real truncations reach; the oracles, which no "
            "sampler can follow, are references."
        )
        if is_tiny(found):
            captions.append("Validity is so small that its axis is logarithmic.")

    def draw(figure: Figure, ink: Ink) -> None:
        axes = figure.subplots(1, answers + frontier, squeeze=False)[0]
        if answers:
            _answers(axes[0], ink, found)
        if frontier:
            _frontier(figure, axes[-1], ink, found)

    return Picture(name, " ".join(captions), 4.2 if frontier else 3.4, draw)


def _answers(axes: Axes, ink: Ink, found: CalibrationResult) -> None:
    from matplotlib.ticker import MaxNLocator

    probs = [math.exp(each.logprob) for each in found.answers if each.logprob is not None]
    axes.plot(range(1, len(probs) + 1), probs, "o-", color=ink.accent, markersize=3, linewidth=1)
    if found.validity:
        even = found.validity / found.answers_in_set
        axes.axhline(even, color=ink.dim, linestyle="--", linewidth=1)
    _share_axis(axes, "y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlabel("valid answers, the most probable first")
    axes.set_ylabel("P")


def _share_axis(axes: Axes, axis: str) -> None:
    """Makes an axis logarithmic, in percent: powers as formulas would be read as text."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    which = axes.yaxis if axis == "y" else axes.xaxis
    (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
    which.set_major_locator(LogLocator(numticks=6))
    which.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    which.set_minor_formatter(NullFormatter())
    which.grid(True, which="major")
    axes.set_axisbelow(True)


def _percent(value: float) -> str:
    return f"{100 * value:g} %" if value >= 0.001 else share(value)


def _frontier(figure: Figure, axes: Axes, ink: Ink, found: CalibrationResult) -> None:
    colours = (ink.dim, ink.accent, ink.good, ink.forced, ink.bad)
    handles, names = [], []
    for place, rule in enumerate(RULES):
        points = [
            (each.validity, each.diversity)
            for each in found.frontier
            if each.rule == rule and each.diversity is not None and each.validity > 0
        ]
        if not points:
            continue
        oracle = rule in ORACLES
        colour = ink.text if oracle else colours[place % len(colours)]
        handles += axes.plot(
            *zip(*points, strict=True),
            _MARKS[place % len(_MARKS)],
            color=colour,
            markersize=4,
            # Five colours for seven rules: the second round is hollow.
            markerfacecolor="none" if not oracle and place >= len(colours) else colour,
            markeredgewidth=0.8,
        )
        names.append(RULES[rule])
    best = [(each.validity, each.diversity or 0.0) for each in found.best]
    # What a setting reaches holds for every smaller validity too.
    axes.step(*zip(*best, strict=True), where="pre", color=ink.accent, linewidth=1, zorder=1)
    if is_tiny(found):
        _share_axis(axes, "x")
        axes.set_xlabel("validity, logarithmic")
        axes.set_xlim(right=1.3)
    else:
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("validity")
        axes.xaxis.grid(True)
    axes.yaxis.grid(True)
    axes.set_axisbelow(True)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("diversity")
    figure.legend(handles, names, loc="outside upper center", ncols=5)
