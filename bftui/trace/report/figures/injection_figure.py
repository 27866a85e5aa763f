"""The picture of injected style: BF and KL along the texts of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.results.injection_result import InjectionResult
from bftui.results.injection_words import named
from bftui.trace.report.figures.axes import Picture, factor_axis, legend_above
from bftui.trace.report.palette import Ink
from bftui.trace.report.sentences import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLES = ("-", "--", "-.", ":")
_MOST = 6
"""Lines beyond that of the content alone."""


def injection(name: str, found: InjectionResult) -> Picture | None:
    """Draw BF at each position, and KL(P_B‖P_A) below it; None before there is a window."""
    shown = found.windows[:_MOST]
    if not shown or not found.plain:
        return None

    def draw(figure: Figure, ink: Ink) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        colours = (ink.accent, ink.forced, ink.good, ink.bad)
        lines, names = [], []
        plain = [each.position for each in found.plain]
        lines += upper.plot(plain, [each.bf for each in found.plain], color=ink.dim, linewidth=1)
        names.append("content alone")
        lower.plot(plain, [finite(each.kl) for each in found.plain], color=ink.dim, linewidth=1)
        for place, each in enumerate(shown):
            colour, dash = colours[place % 4], _STYLES[place // 4]
            at = [one.position for one in each.positions]
            lines += upper.plot(at, [one.bf for one in each.positions], dash, color=colour)
            lower.plot(at, [finite(one.kl) for one in each.positions], dash, color=colour)
            names.append(f"{named(each.start, each.stop)}, w {each.weight:g}")
            if each.stop is not None:
                upper.axvspan(each.start - 0.5, each.stop - 0.5, color=colour, alpha=0.1)
        bfs = [one.bf for each in shown for one in each.positions]
        factor_axis(upper, min(bfs), max(bfs))
        upper.set_ylabel("BF")
        legend_above(upper, lines, names)
        lower.set_ylabel("KL(P_B‖P_A), nats")
        lower.set_xlabel("position")

    caption = (
        "Above: BF at each position of the texts of each window, which is shaded, and of the content alone. Below: "
        "KL(P_B‖P_A) along them, which is what the style would still change there."
    )
    return Picture(name, caption, 4.6, draw)
