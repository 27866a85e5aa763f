"""What the screen shows of a tree of continuations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.core.horizon import DepthNumbers, MergedText, Text
from bftui.core.horizon_rows import GrownRow
from bftui.measures.tree_growth import HorizonAsked
from bftui.results.horizon_result import (
    HorizonDepth,
    HorizonResult,
    HorizonSettings,
    HorizonText,
)
from bftui.results.stored_result import StoredResult

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler


@dataclass(frozen=True, slots=True)
class GrownShown:
    """What is known of the tree of one place.

    Attributes:
        node, sampler: the place.
        asked: how far it grows.
        nodes: distributions that were read.
        numbers: its texts by depth.
        rows: its most probable paths; () of one that was recorded.
        best, merged: its most probable texts, each spelling apart, and those of the same bytes as one.
        result: all that a trace keeps; None while it grows, as the texts are.
        running, share: whether it grows now, and how far it is.
    """

    node: int
    sampler: int
    asked: HorizonAsked
    nodes: int
    numbers: Sequence[DepthNumbers | HorizonDepth]
    rows: tuple[GrownRow, ...]
    best: Sequence[Text | HorizonText]
    merged: Sequence[MergedText | HorizonText]
    result: HorizonResult | None
    running: bool
    share: float

    @staticmethod
    def past(stored: StoredResult, samplers: Sequence[Sampler]) -> GrownShown:
        """Reads what a trace holds of a tree. Raises ValueError for a sampler that it does not name."""
        result: HorizonResult = stored.result
        asked: HorizonSettings = stored.settings
        return GrownShown(
            node=stored.node,
            sampler=samplers.index(asked.sampler),
            asked=HorizonAsked(asked.depth, asked.mass, asked.least, asked.most, asked.merge),
            nodes=result.nodes,
            numbers=result.depths,
            rows=(),
            best=result.best,
            merged=() if result.merged is None else result.merged.best,
            result=result,
            running=False,
            share=1.0,
        )
