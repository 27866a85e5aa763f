"""The state of a session as plain data, with its readers: no model, no journal, no threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.model.prompt import Prompt, Rendered
from bftui.model.turns import Turn
from bftui.session import view_state as v


@dataclass(slots=True)
class SessionState:
    """What a session holds and where it stands.

    Attributes:
        tree: everything ever generated.
        samplers: every sampler that was in force, in order; nodes name them by their place in this list.
        view: cursor, marks, folds, pruned branches and the sampler in force.
        history: what undo and redo bring back.
        prompts: the prompt of each root, as it was asked for and as the model sees it.
        stops: the stop strings of all prompts.
        turns: every turn of the user that was added, by the node where the answer to it begins.
        force_starts: the first node of each forced text.
        draws: tokens sampled so far, which numbers the next draw.
        recomputed: grows whenever numbers of nodes were recomputed.
    """

    tree: Tree
    samplers: list[Sampler]
    view: v.ViewState = field(default_factory=lambda: v.ViewState(0))
    history: v.History = field(default_factory=v.History)
    prompts: dict[int, tuple[Prompt, Rendered]] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    turns: dict[int, Turn] = field(default_factory=dict)
    force_starts: set[int] = field(default_factory=set)
    draws: int = 0
    recomputed: int = 0
    _counted: tuple[int, int, int, int] = (-1, -1, -1, 0)

    @property
    def cursor(self) -> int:
        """The node where the session stands."""
        return self.view.cursor

    @property
    def root(self) -> int:
        """The node that holds the prompt of the visible path."""
        return self.tree.root(self.view.cursor)

    @property
    def sampler(self) -> Sampler:
        """The sampler in force."""
        return self.samplers[self.view.sampler]

    def stale_at(self, node: int) -> bool:
        """Says whether H(P~) and BF after a node are those of another sampler than the one in force."""
        number = self.tree.sampler(node)
        return number != self.view.sampler and not self.samplers[number].same_numbers(self.sampler)

    def stale(self) -> int:
        """Counts the nodes of the visible path whose numbers were computed under another sampler."""
        if len(self.samplers) == 1:
            return 0
        cursor, sampler = self.view.cursor, self.view.sampler
        at, under, recomputed, count = self._counted
        same = (under, recomputed) == (sampler, self.recomputed)
        if not same or at not in (cursor, self.tree.parent(cursor)):
            count = len(self.stale_on(self.tree.path(cursor)))
        elif at != cursor:
            # A path of any length grows by a step in no time.
            count += self.tree.sampler(cursor) != sampler
        self._counted = (cursor, sampler, self.recomputed, count)
        return count

    def stale_on(self, path: Sequence[int]) -> list[int]:
        """Finds the indices on a path of nodes whose numbers were computed under another sampler."""
        sampler = self.view.sampler
        return [index for index, node in enumerate(path) if self.tree.sampler(node) != sampler]

    def child(self, node: int, token_id: int, source: Source) -> int | None:
        """Finds the child of a node that holds this token and came to be in this way."""
        tree = self.tree
        same = (
            child
            for child in tree.children(node)
            if tree.token_id(child) == token_id and tree.source(child) is source
        )
        return next(same, None)

    # Changes that need no model --------------------------------------------------------------------------------

    def add_prompt(self, root: int, prompt: Prompt, rendered: Rendered) -> None:
        """Notes the prompt of a root, as it was asked for and as the model sees it."""
        self.prompts[root] = prompt, rendered
        self.stops = tuple(dict.fromkeys((*self.stops, *rendered.stops)))

    def add_turn(self, node: int, start: int, text: str) -> None:
        """Notes that a turn of the user stands between `start` and `node`."""
        self.turns[node] = Turn(start, text)

    def set_sampler(self, changes: dict[str, Any]) -> None:
        """Puts a sampler in force that differs from the present one in these settings. Raises UsageError."""
        sampler = replace(self.sampler, **changes)
        if sampler not in self.samplers:
            self.samplers.append(sampler)
        self.view = replace(self.view, sampler=self.samplers.index(sampler))

    def leave(self, node: int, upper: int) -> None:
        """Remembers the branch from `upper` down to `node` as the one that `forward` returns to.

        Raises ValueError where `upper` is not above.
        """
        while node != upper:
            self.tree.visit(node)
            parent = self.tree.parent(node)
            if parent is None:
                raise ValueError(f"node {upper} is not above")
            node = parent

    def settle(self, op: str, before: v.ViewState, *, undoable: bool = True) -> None:
        """Ends a command that began at `before`: shows the path to the cursor, and records what undo brings back."""
        self.view = v.shown(self.tree, self.view, before)
        if undoable and self.view != before:
            self.history.record(before, op)
        self.tree.visit(self.view.cursor)
