"""The picture of a dial: BF along the weight, with intervals, and where the models are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bftui.results.dial_result import DialPoint
from bftui.trace.report.figures.axes import Picture
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def dial(name: str, points: Sequence[DialPoint]) -> Picture | None:
    """Draws the curve; None for a single weight."""
    if len(points) < 2:
        return None
    known = sorted(points, key=lambda each: each.weight)

    def draw(figure: Figure, ink: Ink) -> None:
        axes = figure.subplots()
        weights = [each.weight for each in known]
        axes.plot(weights, [each.bf for each in known], "o-", color=ink.accent, linewidth=1.2)
        ends = [(each.weight, each.ci) for each in known if each.ci is not None]
        if ends:
            at = [weight for weight, _ in ends]
            axes.fill_between(
                at,
                [ci[0] for _, ci in ends],
                [ci[1] for _, ci in ends],
                color=ink.accent,
                alpha=0.2,
                linewidth=0,
            )
        for weight in (0.0, 1.0):
            axes.axvline(weight, color=ink.dim, linewidth=0.8, linestyle=":")
        axes.set_xlabel("weight")
        axes.set_ylabel("BF")

    caption = (
        "BF of continuations at each weight, with 95 % intervals. The dotted lines are weights 0 and 1, which "
        "on a dial are the two models."
    )
    return Picture(name, caption, 2.6, draw)
