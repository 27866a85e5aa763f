"""Grown trees for people: a sentence for each model, BF by depth side by side, and the most probable texts."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.cli.shared.tables import aligned, clipped, number, paragraph
from bftui.core.definitions import TEXTS_FOR_MASS, TREE_BF
from bftui.core.text import label, safe
from bftui.results.horizon_result import SHARES, HorizonResult, HorizonText, ModelHorizon
from bftui.results.horizon_words import bounds, ending, held, sentence, share

_BESIDE = 2
"""Models that stand beside each other in a table."""

_TEXTS = 8


def report(models: Sequence[ModelHorizon]) -> str:
    """Writes the result for people; safe to print."""
    parts = []
    for each in models:
        name = f"{_name(each)}: " if len(models) > 1 else ""
        told = sentence(each.result)
        first = f"{name}{told}" if name else f"{told[:1].upper()}{told[1:]}"
        parts.append(paragraph(f"{first} ({ending(each.result)})."))
    for start in range(0, len(models), _BESIDE):
        beside = models[start : start + _BESIDE]
        parts += [_depths(beside), _masses(beside)]
    for each in models:
        parts += _texts(each, named=len(models) > 1)
    parts.append(
        paragraph(f"Tree BF: {TREE_BF.meaning} Texts for the mass: {TEXTS_FOR_MASS.meaning}")
    )
    return "\n\n".join(parts)


def _name(model: ModelHorizon) -> str:
    return clipped(safe(str(model.facts.get("name") or model.model)), 24)


def _heads(models: Sequence[ModelHorizon], width: int) -> list[str]:
    """The names of the models over their columns; nothing where there is one."""
    if len(models) < 2:
        return []
    names = (cell for each in models for cell in (clipped(_name(each), 16), *[""] * (width - 1)))
    return ["", *names]


def _depths(models: Sequence[ModelHorizon]) -> str:
    rows = [_heads(models, 3)] if len(models) > 1 else []
    rows.append(["tokens", *["tree BF", "texts", "mass"] * len(models)])
    for place in range(len(models[0].result.depths)):
        cells = [each.result.depths[place] for each in models]
        row = [str(cells[0].depth)]
        for each in cells:
            row += [bounds(each), f"{each.texts:,}", share(each.mass)]
        rows.append(row)
    return aligned(rows, ">" * len(rows[-1]))


def _masses(models: Sequence[ModelHorizon]) -> str:
    merged = any(each.result.merged for each in models)
    columns = ["texts", *(["merged"] if merged else [])]
    rows = [_heads(models, len(columns))] if len(models) > 1 else []
    rows.append(["of the mass", *columns * len(models)])
    for name in SHARES:
        row = [f"{100 * float(name):g} %"]
        for each in models:
            row.append(held(each.result, name))
            if merged:
                row.append("–" if each.result.merged is None else held(each.result.merged, name))
        rows.append(row)
    return aligned(rows, ">" * len(rows[-1]))


def _texts(model: ModelHorizon, *, named: bool) -> list[str]:
    result: HorizonResult = model.result
    of = f" of {_name(model)}" if named else ""
    found = [f"most probable texts{of}\n{_listed(result.best)}"]
    if result.merged is not None:
        found.append(f"the same with spellings merged\n{_listed(result.merged.best)}")
    return found


def _listed(texts: Sequence[HorizonText]) -> str:
    rows = [
        [
            f"{number(100 * each.prob)} %",
            clipped(label(each.text.encode()), 56),
            "ended" if each.ended else "",
            f"{each.spellings} spellings" if each.spellings > 1 else "",
        ]
        for each in texts[:_TEXTS]
    ]
    return aligned(rows, "><<<")
