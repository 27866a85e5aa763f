"""The picture of a grown tree: the bounds of BF by depth, and how much of the mass is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.results.horizon_result import HorizonResult
from bftui.trace.report.figures.axes import Picture
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def horizon(name: str, found: HorizonResult) -> Picture | None:
    """Draws BF and mass by depth; None for a tree of one depth."""
    if len(found.depths) < 2:
        return None

    def draw(figure: Figure, ink: Ink) -> None:
        from matplotlib.ticker import MaxNLocator

        upper, lower = figure.subplots(2, 1, sharex=True)
        at = [each.depth for each in found.depths]
        low, high = (
            [getattr(each, side) for each in found.depths] for side in ("bf_low", "bf_high")
        )
        upper.fill_between(at, low, high, color=ink.accent, alpha=0.25, linewidth=0)
        upper.plot(at, low, "o-", color=ink.accent, markersize=3, linewidth=1)
        # A bound that says nothing yet would leave no room for the others.
        upper.set_ylim(1, 1.05 * max(1.5, min(max(high), 3 * max(low))))
        upper.set_ylabel("tree BF")
        lower.bar(at, [each.mass for each in found.depths], color=ink.dim)
        lower.set_ylim(0, 1)
        lower.set_ylabel("mass known")
        lower.set_xlabel("tokens")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))

    caption = (
        "Above: the tree BF of texts of so many tokens; what was not read lies between the line and the upper bound. "
        "Below: the probability that the known texts of so many tokens hold together."
    )
    return Picture(name, caption, 3.6, draw)
