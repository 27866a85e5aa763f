"""Forking tokens as a section of a report."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.core import definitions
from bftui.core.text import counted, label
from bftui.results.forks_result import ForkPosition, ForksResult
from bftui.results.forks_words import outcomes, sentence
from bftui.trace.report.content import number
from bftui.trace.report.figures import forks_figure
from bftui.trace.report.sentences import ROWS, Asked, Section, Table, clipped


def forks(asked: Asked) -> Section:
    """Says where another token would have led elsewhere."""
    found: ForksResult = asked.stored.result
    ranked = found.ranked[:ROWS]
    notes = []
    if len(found.positions) < len(found.open_positions):
        notes.append(
            f"{len(found.positions)} of {counted(len(found.open_positions), 'position')} were looked at."
        )
    return Section(
        sentence(found),
        definitions.FORKS,
        _table(ranked),
        forks_figure.forks(asked.name, found),
        notes=tuple(notes),
    )


def _table(ranked: Sequence[ForkPosition]) -> Table:
    rows = tuple(
        (
            str(each.position),
            clipped(label(alternative.text.encode()), 24),
            number(alternative.prob),
            "" if not first or each.score is None else number(each.score),
            "" if not first or each.chance is None else number(each.chance),
            "" if not first or each.p_holm is None else f"{each.p_holm:.2g}",
            clipped(outcomes(alternative, each), 60),
        )
        for each in ranked
        for first, alternative in ((n == 0, a) for n, a in enumerate(each.alternatives))
    )
    return Table(
        ("position", "token", "P~", "score", "by chance", "p Holm", "outcomes"),
        rows,
        definitions.FORKS.meaning,
        words=1,
        folded=len(rows) > 12,
    )
