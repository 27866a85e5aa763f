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
        settings, result: what is planned, and what is known; None before the first token after the forced text.
        planned: matched controls that are measured.
        share, doing, running: how much is done, what is being done, and whether it is.
        left: seconds that it takes yet, at most; None where nobody knows.
        complete: whether nothing is left of what was asked for.
        live: whether what is left can go on; not where there is no model.
        held: whether its samples are known, which is what it goes on from; older traces have none.
        wanted: samples of each text and tokens of each sample that are asked for by now, beyond the looks too.
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
    complete: bool = False
    live: bool = True
    held: bool = True
    wanted: tuple[int, int] = (0, 0)
    positions: tuple[int, int] = (0, 0)

    @property
    def place(self) -> tuple[int, int]:
        """Under what it is known: the node of its last token, and the number of its sampler."""
        return self.end, self.sampler

    @property
    def paused(self) -> bool:
        """Whether something is left that nothing does, and that can go on."""
        return self.live and not (self.running or self.complete)

    @property
    def looks(self) -> tuple[int, int]:
        """How many looks were done, and how many are planned."""
        return 0 if self.result is None else len(self.result.looks), len(self.settings.looks) or 1

    @property
    def decided(self) -> bool:
        """Whether no further look is planned."""
        return _decided(self.settings, self.result)

    @classmethod
    def begun(cls, node: int, end: int, sampler: int, job: Response) -> ResponseShown:
        """Shows one that begins."""
        found = cls(node, end, sampler, job.settings(), job.setup.controls)
        return found.measured(job)

    @classmethod
    def past(cls, stored: StoredResult, tree: Tree, samplers: Sequence[Sampler]) -> ResponseShown:
        """Shows one of another run of the program; raises LookupError and ValueError where the session lacks it."""
        asked: ResponseSettings = stored.settings
        result: ResponseResult = stored.result
        decided, beyond = _decided(asked, result), result.beyond
        return cls(
            stored.node,
            _end(tree, stored.node, asked.token_ids),
            samplers.index(asked.sampler),
            asked,
            result.matched or asked.controls,
            replace(result, drawn=()),
            share=1.0 if decided else len(result.looks) / (len(asked.looks) or 1),
            running=False,
            complete=decided and _drawn(asked, result),
            held=bool(result.drawn),
            wanted=beyond or (asked.samples, asked.horizon),
        )

    def measured(self, job: Response) -> ResponseShown:
        """Shows what a response found by now."""
        state, setup = job.state, job.setup
        extra = None if state is None else state.extra
        return replace(
            self,
            planned=setup.controls if state is None else len(state.matched),
            result=job.result() if job.measured else None,
            wanted=extra or (setup.samples, setup.horizon),
            positions=job.positions,
        )


def _decided(asked: ResponseSettings, found: ResponseResult | None) -> bool:
    """Whether no further look is planned; older traces, which have no looks, have a verdict where they ended."""
    if found is None or found.verdict is None:
        return False
    told = asked.early and found.verdict in ("narrows", "widens")
    return told or len(found.looks) >= len(asked.looks)


def _drawn(asked: ResponseSettings, found: ResponseResult) -> bool:
    """Whether all is drawn that was asked for after the looks: more of the texts, and other kinds of controls."""
    judged = found.samples, asked.horizon
    return all(
        text.reaches(*judged)
        if text.kind not in ("forced", "matched")
        else found.beyond is None or text.reaches(*found.beyond)
        for text in found.drawn
    )


def _end(tree: Tree, node: int, ids: Sequence[int]) -> int:
    """The node where a text that was forced after another one ends. Raises LookupError where the tree lacks it."""
    for token_id in ids:
        found = [each for each in tree.children(node) if tree.token_id(each) == token_id]
        # Forced tokens are places of their own, whatever was sampled beside them.
        forced = [each for each in found if tree.source(each).word == "forced"]
        node = (forced or found)[0]
    return node


def forced_end(tree: Tree, node: int, ids: Sequence[int]) -> int | None:
    """The node where a text ends that was forced after another node; None where it was not."""
    for token_id in ids:
        there = (
            child
            for child in tree.children(node)
            if tree.token_id(child) == token_id and tree.source(child).word == "forced"
        )
        found = next(there, None)
        if found is None:
            return None
        node = found
    return node
