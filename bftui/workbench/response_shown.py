"""The response to a forced text as the screen shows it: frozen, replaced by the model's thread as more is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.core.tree import Tree
    from bftui.measures.response import Response
    from bftui.results.response_result import ResponseResult, ResponseSettings
    from bftui.results.stored_result import StoredResult


@dataclass(frozen=True, slots=True)
class ResponseShown:
    """The response to one forced text.

    Attributes:
        node, end: where it was forced, and the node of its last token.
        sampler: the number of the sampler it is measured under.
        settings, result: what was asked for, and what is known; None before the forced text is measured.
        planned: matched controls that are measured.
        share, doing, running: how much is done, what is being done, and whether it is.
        left: seconds that it takes yet while it runs; None where nobody knows.
        paused: seconds that are left where it waits to be asked for; None where it does not wait.
        positions: that the BF of the forced text and that of the matched controls are means over.
    """

    node: int
    end: int
    sampler: int
    settings: ResponseSettings
    planned: int
    result: ResponseResult | None = None
    share: float = 0.0
    doing: str = ""
    running: bool = True
    left: float | None = None
    paused: float | None = None
    positions: tuple[int, int] = (0, 0)

    @classmethod
    def past(cls, stored: StoredResult, tree: Tree, samplers: Sequence[Sampler]) -> ResponseShown:
        """Shows one of another run of the program; raises LookupError and ValueError where the session lacks it."""
        asked: ResponseSettings = stored.settings
        return cls(
            stored.node,
            _end(tree, stored.node, asked.token_ids),
            samplers.index(asked.sampler),
            asked,
            asked.controls,
            stored.result,
            share=1.0,
            running=False,
        )

    def measured(self, job: Response) -> ResponseShown:
        """Shows what a response found by now."""
        return replace(
            self,
            planned=job.setup.controls if job.state is None else len(job.state.matched),
            result=job.result() if job.measured else None,
            positions=job.positions,
        )


def _end(tree: Tree, node: int, ids: Sequence[int]) -> int:
    """The node where a text that was forced after another one ends. Raises LookupError where the tree lacks it."""
    for token_id in ids:
        found = [each for each in tree.children(node) if tree.token_id(each) == token_id]
        # Forced tokens are places of their own, whatever was sampled beside them.
        forced = [each for each in found if tree.source(each).word == "forced"]
        node = (forced or found)[0]
    return node
