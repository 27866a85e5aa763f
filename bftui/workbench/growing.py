"""Trees of continuations that grow beside everything else: begun, stopped, gone on with, and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.horizon import HorizonTree, merged_texts
from bftui.core.horizon_rows import grown_rows
from bftui.measures.tree_growth import Horizon, HorizonAsked
from bftui.workbench.grown_shown import GrownShown
from bftui.workbench.snapshot import GROWN_TREE

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.session.session import Session
    from bftui.workbench.rollout_series import Place
    from bftui.workbench.snapshot import Measured

MOST_ROWS = 2_000
"""Paths that are shown."""

MOST_TEXTS = 200
"""Texts that are shown."""

MOST_MERGED = 5_000
"""Texts among which those of the same bytes are told as one."""


class Growing:
    """One tree while it grows."""

    name = GROWN_TREE

    def __init__(self, job: Horizon, place: Place, asked: HorizonAsked, model: Model) -> None:
        self.job, self.place, self.asked = job, place, asked
        self.published = 0.0
        self._ends = frozenset(model.info.eog_ids)
        self._token_bytes = model.token_bytes

    @property
    def told(self) -> str:
        return f"{self.name} at {self.job.doing}"

    def close(self) -> None:
        self.job.close()

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        tree = self.job.tree
        node, sampler = self.place
        # What looks at every text is for the end alone.
        still = not running and len(tree) > 0
        best = tree.best_texts(MOST_MERGED) if still else []
        shown = GrownShown(
            node=node,
            sampler=sampler,
            asked=self.asked,
            nodes=len(tree),
            numbers=tuple(tree.numbers()),
            rows=grown_rows(tree, MOST_ROWS, self._ends),
            best=tuple(best[:MOST_TEXTS]),
            merged=tuple(merged_texts(best, self._token_bytes, self._ends)[:MOST_TEXTS]),
            result=self.job.result() if still else None,
            running=running,
            share=self.job.share,
        )
        return replace(measured, grown={**measured.grown, self.place: shown})


class GrownTrees:
    """The trees of a session that can grow on, by place and depth."""

    def __init__(self) -> None:
        self._trees: dict[tuple[Place, int], HorizonTree] = {}

    def begin(self, session: Session, node: int, asked: HorizonAsked) -> Growing:
        """Begins a tree after a node, or goes on with the one that grew there to this depth.

        Raises UsageError, ContextFull.
        """
        place = node, session.sampler_number
        known = self._trees.get((place, asked.depth))
        job = session.experiments.start_horizon(asked, node, known)
        self._trees[place, asked.depth] = job.tree
        return Growing(job, place, asked, session.model)

    def forget(self, place: Place) -> None:
        """Forgets the trees of a place."""
        for known in [each for each in self._trees if each[0] == place]:
            del self._trees[known]


def without(grown: Mapping[Place, GrownShown], place: Place) -> dict[Place, GrownShown]:
    """Returns what is known of all places but one."""
    return {each: shown for each, shown in grown.items() if each != place}
