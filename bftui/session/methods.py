"""The commands of a session as methods: what a notebook calls.

Each leaves every number of the visible path as the sampler in force has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bftui.core.errors import UsageError
from bftui.core.tree import Node, Tree
from bftui.session import commands as c
from bftui.session.prompt import Prompt, Template, as_prompt


class SessionMethods(ABC):
    """Turns calls into commands; the session carries them out."""

    tree: Tree

    @abstractmethod
    def do(self, command: c.Command) -> int:
        """Carries out one command; the node where the session then stands."""

    @abstractmethod
    def align(self, limit: int | None = None) -> int:
        """Makes stale numbers of the visible path anew; how many are left."""

    def _told(self, command: c.Command) -> Node:
        """Does it, and everything that the screen would do later in the background."""
        node = self.do(command)
        self.align()
        return self.tree.node(node)

    def step(self) -> Node:
        """Samples one token."""
        return self._told(c.Step())

    def greedy(self) -> Node:
        """Takes the most probable token, the smallest id of equals."""
        return self._told(c.Greedy())

    def force(self, text: str | None = None, *, ids: Sequence[int] | None = None) -> Node:
        """Appends text literally, or tokens by id; returns the last node."""
        if (text is None) == (ids is None):
            raise UsageError("force takes either a text or ids")
        if ids is not None:
            return self._told(c.ForceIds(tuple(map(int, ids))))
        return self._told(c.Force(str(text)))

    def back(self, n: int = 1) -> Node:
        """Goes up to `n` tokens towards the prompt; the branch stays."""
        return self._told(c.Back(n))

    def forward(self) -> Node:
        """Goes to the child that was last visited."""
        return self._told(c.Forward())

    def goto(self, node: int) -> Node:
        """Goes to any node; a pruned branch comes back with it."""
        return self._told(c.Goto(node))

    def mark(self, name: str) -> Node:
        """Names the place of the cursor; the same name again moves it here, and here again takes it away."""
        return self._told(c.Mark(name))

    def fold(self, node: int) -> Node:
        """Hides what comes after a node on the screen, or shows it again."""
        return self._told(c.Fold(node))

    def prune(self, node: int) -> Node:
        """Hides a node and what comes after it; undo, or going there, brings it back."""
        return self._told(c.Prune(node))

    def undo(self) -> Node:
        """Takes back the last change of cursor, marks, folds, pruning or sampler."""
        return self._told(c.Undo())

    def redo(self) -> Node:
        """Does again what was undone."""
        return self._told(c.Redo())

    def set_sampler(
        self,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = None,
    ) -> Node:
        """Changes temperature, cut or seed; the numbers of the visible path are made anew."""
        return self._told(c.SetSampler(temperature, top_k, top_p, min_p, seed))

    def set_prompt(
        self,
        prompt: str | Prompt,
        *,
        system: str | None = None,
        template: Template = "auto",
        prefill: str = "",
    ) -> Node:
        """Starts from another prompt: a new root, the old tree stays."""
        return self._told(c.SetPrompt(as_prompt(prompt, system, template, prefill)))

    def add_turn(self, text: str) -> Node:
        """Ends the model's answer here and appends a user's turn, as the chat template writes it."""
        return self._told(c.AddTurn(text))
