"""The picture of forking tokens: H(P) along the path, and the fork score of its open positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.results.forks_result import ForksResult
from bftui.trace.report.figures.axes import Picture, legend_above
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def forks(name: str, found: ForksResult) -> Picture | None:
    """Draws the path with its forks; None before a position has a score."""
    known = found.ranked
    if not known:
        return None

    def draw(figure: Figure, ink: Ink) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.plot(range(len(found.entropies)), found.entropies, color=ink.dim, linewidth=1)
        at = [each for each in found.open_positions if each < len(found.entropies)]
        marks = upper.plot(at, [found.entropies[n] for n in at], "o", color=ink.accent)
        upper.set_ylabel("H(P), nats")
        legend_above(upper, marks, ["looked at: the largest"])
        places = [each.position for each in known]
        scores = lower.bar(places, [each.score or 0.0 for each in known], color=ink.forced)
        chance = lower.plot(places, [each.chance or 0.0 for each in known], "_", color=ink.text)
        lower.set_ylim(0, 1)
        lower.set_ylabel("fork score")
        lower.set_xlabel("position")
        legend_above(lower, [scores, *chance], ["score", "by chance"])

    caption = (
        "Above: H(P) at each token of the path. Below: how much the outcome would change, on average, were the "
        "token drawn again, and how much it would by chance."
    )
    return Picture(name, caption, 3.8, draw)
