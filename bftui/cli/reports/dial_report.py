"""A dial for people: BF at each weight with its interval, as a table and a plot, and what is said there."""

from __future__ import annotations

from bftui.cli.shared.plot import Spot, coloured, spots
from bftui.cli.shared.tables import aligned, clipped, interval, number, paragraph
from bftui.core.definitions import DIAL
from bftui.core.mixing import MIXINGS
from bftui.core.text import counted, safe
from bftui.results.dial_result import DialOutput

_TEXT = 44


def report(found: DialOutput) -> str:
    """Writes the result for people; safe to print."""
    points = found.found.weights
    mixing = MIXINGS[found.mixing]
    head = f"{safe(found.model)}: logits are {mixing.formula}"
    rows = [["w", "BF", "95 %", "H(P) next", "ended", "first continuation"]]
    rows += [
        [
            f"{each.weight:g}",
            number(each.bf),
            interval(each.ci) if each.ci else "",
            f"{each.entropy:.3f}",
            f"{each.ended:.0%}",
            clipped(safe(" ".join(each.text.split())), _TEXT),
        ]
        for each in points
    ]
    drawn = [(f"w {each.weight:g}", [Spot(each.bf, each.ci)]) for each in points]
    size = f"{counted(found.samples, 'continuation')} of up to {counted(found.horizon, 'token')}"
    return "\n\n".join(
        [
            paragraph(head),
            aligned(rows, ">>>>><"),
            spots(drawn, [f"BF of {size}, with its interval"], colour=coloured()),
            paragraph(f"{DIAL.meaning} The draws are the same at every weight."),
        ]
    )
