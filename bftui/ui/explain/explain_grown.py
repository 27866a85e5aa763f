"""What the numbers of a grown tree mean. Data for `K`, as in `explain_items.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.noise_floor import finest
from bftui.core.text import counted
from bftui.results.horizon_result import SHARES
from bftui.results.horizon_words import held, unexplored
from bftui.ui.explain.explain_items import Item

if TYPE_CHECKING:
    from bftui.workbench.grown_shown import GrownShown


def grown(found: GrownShown | None) -> list[Item]:
    """The numbers of a tree, as far as they are known."""
    bf = holds = left = "–"
    if found is not None and found.numbers:
        last = found.numbers[-1]
        low, high = finest(last.bf_low, None), finest(last.bf_high, None)
        bf = f"{low if low == high else f'{low} to {high}'} over {counted(last.depth, 'token')}"
        left = unexplored(last.mass)
        if found.result is not None:
            holds = ", ".join(f"{float(name):.0%}: {held(found.result, name)}" for name in SHARES)
    return [
        Item.of("tree BF", bf, definitions.TREE_BF),
        Item.of("texts that hold a share", holds, definitions.TEXTS_FOR_MASS),
        Item(
            "unexplored",
            left,
            "1 − Σ P~ of the texts that are known",
            "What the bounds of the tree BF are wide by: paths that were not read yet. It falls as the tree grows.",
        ),
        Item(
            "path",
            "P~ of each row",
            "Π P~(token | all before it)",
            "The probability that sampling from this place writes just these tokens. A chain of tokens without a fork "
            "is one row, with the probability at its end; BF stands for what comes after it. The rest of a fork is one "
            "row where it holds as much as the least probable path that is shown.",
        ),
    ]
