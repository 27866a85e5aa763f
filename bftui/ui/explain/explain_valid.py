"""What the numbers of a valid set mean. Data for `K`, as in `explain_items.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core import definitions
from bftui.core.text import counted
from bftui.results.calibration_words import share
from bftui.ui.explain.explain_items import Item

if TYPE_CHECKING:
    from bftui.workbench.valid_shown import ValidShown


def valid(found: ValidShown | None) -> list[Item]:
    """The numbers of a valid set, as far as they are known."""
    result = None if found is None else found.result
    validity = diversity = order = shape = kept = front = "–"
    if result is not None:
        validity = share(result.validity)
        diversity = "–" if result.diversity is None else f"{result.diversity:.3g}"
        if result.order is not None:
            order = f"oracle recall {result.order.oracle_recall:.3g}, AUC {result.order.auc:.3g}"
        if result.shape is not None:
            gap = "infinite" if result.shape.gap is None else f"{result.shape.gap:.3g} nats"
            shape = f"gap {gap}"
        if result.steps:
            kept = counted(len(result.steps), "token")
        if result.frontier:
            front = f"{counted(len(result.best), 'setting')} of {len(result.frontier):,}"
    return [
        Item.of("validity", validity, definitions.VALIDITY),
        Item.of("diversity", diversity, definitions.VALID_DIVERSITY),
        Item.of("order", order, definitions.ORDER),
        Item.of("shape", shape, definitions.SHAPE),
        Item.of("what P~ keeps", kept, definitions.PRECISION_RECALL),
        Item.of("frontier", front, definitions.FRONTIER),
    ]
