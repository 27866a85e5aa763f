"""A grown tree as a section of a report."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.core import definitions
from bftui.core.text import label
from bftui.results.horizon_result import SHARES, HorizonResult, HorizonText
from bftui.results.horizon_words import between, bounds, ending, held, sentence, share
from bftui.trace.report.content import number
from bftui.trace.report.figures import horizon_figure
from bftui.trace.report.sentences import Asked, Section, Table, clipped


def horizon(asked: Asked) -> Section:
    """Says what was grown: BF by depth, how many texts hold the mass, and the most probable of them."""
    found: HorizonResult = asked.stored.result
    rows = tuple(
        (
            str(each.depth),
            bounds(each),
            between(number(each.entropy_low), number(each.entropy_high)),
            f"{each.texts:,}",
            share(each.mass),
            number(each.length),
        )
        for each in found.depths
    )
    picture = horizon_figure.horizon(asked.name, found)
    by_depth = Table(
        ("tokens", "tree BF", "H, nats", "texts", "mass", "length"),
        rows,
        f"{definitions.TREE_BF.meaning} Texts, their mass and length are of what is known.",
        folded=picture is not None and len(rows) > 8,
    )
    further = [_masses(found), _texts(found.best, "P~", definitions.TEXTS_FOR_MASS.meaning)]
    if found.merged is not None:
        caption = f"Spellings of the same bytes as one text: {found.merged.texts:,} are known."
        further.append(_texts(found.merged.best, "P~", caption))
    return Section(
        sentence(found),
        definitions.TREE_BF,
        by_depth,
        picture,
        notes=(f"{ending(found)}.",),
        further=tuple(further),
    )


def _masses(found: HorizonResult) -> Table:
    head, rows = ["share of the mass", "texts"], []
    if found.merged is not None:
        head.append("merged")
    for name in SHARES:
        row = [f"{100 * float(name):g} %", held(found, name)]
        if found.merged is not None:
            row.append(held(found.merged, name))
        rows.append(tuple(row))
    return Table(tuple(head), tuple(rows), definitions.TEXTS_FOR_MASS.meaning)


def _texts(texts: Sequence[HorizonText], prob: str, caption: str) -> Table:
    merged = any(each.spellings > 1 for each in texts)
    rows = tuple(
        (
            clipped(label(each.text.encode()), 60) + ("" if not each.ended else " ⏹"),
            f"{each.prob:.3g}",
            *((str(each.spellings),) if merged else ()),
        )
        for each in texts[:12]
    )
    head = ("text", prob, *(("spellings",) if merged else ()))
    return Table(head, rows, caption, tokens=True)
