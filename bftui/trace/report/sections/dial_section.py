"""A dial as a section of a report."""

from __future__ import annotations

from bftui.core import definitions
from bftui.core.text import counted, label
from bftui.results.dial_result import DialPoint, DialResult, DialSettings
from bftui.trace.report.content import number
from bftui.trace.report.figures import dial_figure
from bftui.trace.report.sentences import Asked, Section, Table, clipped


def dial(asked: Asked) -> Section:
    """Says how BF goes along the weight."""
    found: DialResult = asked.stored.result
    settings: DialSettings = asked.stored.settings
    points = found.weights
    notes = []
    if len(points) < len(settings.weights):
        notes.append(f"{len(points)} of {counted(len(settings.weights), 'weight')} were measured.")
    return Section(
        _sentence(points, settings),
        definitions.DIAL,
        _table(points),
        dial_figure.dial(asked.name, points),
        notes=tuple(notes),
    )


def _sentence(points: tuple[DialPoint, ...], settings: DialSettings) -> str:
    narrow = min(points, key=lambda each: each.bf)
    wide = max(points, key=lambda each: each.bf)
    size = (
        f"{counted(settings.samples, 'continuation')} of up to {counted(settings.horizon, 'token')}"
    )
    return (
        f"BF of {size} goes from {number(narrow.bf)} at weight {narrow.weight:g} to {number(wide.bf)} at "
        f"{wide.weight:g}"
    )


def _table(points: tuple[DialPoint, ...]) -> Table:
    rows = tuple(
        (
            f"{each.weight:g}",
            number(each.bf),
            "" if each.ci is None else f"{number(each.ci[0])} to {number(each.ci[1])}",
            f"{each.entropy:.3f}",
            f"{100 * each.ended:.0f} %",
            clipped(label(each.text.encode()), 60),
        )
        for each in points
    )
    return Table(
        ("weight", "BF", "95 %", "H(P) of the next token", "ended", "first continuation"),
        rows,
        definitions.DIAL.meaning,
        folded=len(rows) > 12,
    )
