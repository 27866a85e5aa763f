"""The picture of a valid set: the probability of each valid answer, and validity against diversity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.results.calibration_result import CalibrationResult
from bftui.results.calibration_words import RULES
from bftui.trace.report.figures.axes import Picture, legend_above
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
_ORACLES = ("cutoff_oracle", "validity_oracle")


def calibration(name: str, found: CalibrationResult) -> Picture | None:
    """Draws what is known: the sorted answers beside the frontier; None where neither is."""
    answers = any(each.logprob is not None for each in found.answers)
    parts = [answers, bool(found.frontier)]
    if not any(parts):
        return None
    captions = []
    if answers:
        captions.append(
            "P of each valid answer, the most probable first; dashed: all equally likely at this validity."
        )
    if found.frontier:
        captions.append(
            f"{definitions.FRONTIER.meaning} The line joins the best settings of real truncations."
        )

    def draw(figure: Figure, ink: Ink) -> None:
        axes = figure.subplots(1, sum(parts), squeeze=False)[0]
        if answers:
            _answers(axes[0], ink, found)
        if found.frontier:
            _frontier(axes[-1], ink, found)

    return Picture(name, " ".join(captions), 3.6, draw)


def _answers(axes: Axes, ink: Ink, found: CalibrationResult) -> None:
    probs = [math.exp(each.logprob) for each in found.answers if each.logprob is not None]
    places = range(1, len(probs) + 1)
    axes.plot(places, probs, "o-", color=ink.accent, markersize=3)
    if found.validity:
        even = found.validity / found.answers_in_set
        axes.axhline(even, color=ink.dim, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set_xlabel("valid answers, by rank")
    axes.set_ylabel("P")


def _frontier(axes: Axes, ink: Ink, found: CalibrationResult) -> None:
    colours = (ink.dim, ink.accent, ink.good, ink.forced, ink.bad)
    handles, names = [], []
    for place, rule in enumerate(RULES):
        points = [
            (each.validity, each.diversity)
            for each in found.frontier
            if each.rule == rule and each.diversity is not None
        ]
        if not points:
            continue
        colour = ink.text if rule in _ORACLES else colours[place % len(colours)]
        handles += axes.plot(
            *zip(*points, strict=True), _MARKS[place % len(_MARKS)], color=colour, markersize=3.5
        )
        names.append(RULES[rule])
    best = [(each.validity, each.diversity or 0.0) for each in found.best]
    if best:
        axes.plot(*zip(*best, strict=True), color=ink.accent, linewidth=1)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("validity")
    axes.set_ylabel("diversity")
    legend_above(axes, handles, names)
