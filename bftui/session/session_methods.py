"""The commands of a session as methods: what a notebook calls.

Each leaves every number of the visible path as the sampler in force has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.tree import Node, Tree
from bftui.measures.lookahead import Lookahead
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.response import Response, Setup
from bftui.measures.rollouts import Rollouts
from bftui.model.prompt import Prompt, Special, Template, as_prompt, checked_special
from bftui.session import commands as c
from bftui.session.experiments import Experiments

J = TypeVar("J", bound=Job)


class SessionMethods(ABC):
    """Turns calls into commands; the session carries them out."""

    tree: Tree
    experiments: Experiments

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

    def force(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        special: Special = "text",
    ) -> Node:
        """Appends text literally, or tokens by id; returns the last node.

        `special` "tokens" has control tokens that are written in the text read as such.
        """
        if (text is None) == (ids is None):
            raise UsageError("force takes either a text or ids")
        if ids is not None:
            return self._told(c.ForceIds(tuple(map(int, ids))))
        return self._told(c.Force(str(text), checked_special(special)))

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

    def open_rollout(self, node: int, ids: Sequence[int]) -> Node:
        """Makes a continuation that was drawn from a node a branch, and goes to its end."""
        return self._told(c.OpenRollout(node, tuple(map(int, ids))))

    # Experiments -----------------------------------------------------------------------------------------------

    def rollouts(
        self, samples: int = 32, horizon: int = 64, *, node: int | None = None
    ) -> Rollouts:
        """Draws continuations of a node (default: the cursor), counted on from those made there before."""
        return self._finished(self.experiments.start_rollouts(samples, horizon, node))

    def resample(self, samples: int = 32, *, node: int | None = None) -> Rollouts:
        """Draws again from a node of a path, to compare with the path that goes on from there."""
        return self._finished(self.experiments.start_resampling(samples, node))

    def lookahead(self, k: int = 20, *, node: int | None = None, steps: int = 1) -> Lookahead:
        """The distribution one step later (or `steps`, greedily) for each of the `k` best candidates."""
        return self._finished(self.experiments.start_lookahead(k, node, steps))

    def respond(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        node: int | None = None,
        samples: int = 32,
        horizon: int = 64,
        controls: int = 12,
        others: bool = True,
        special: Special = "text",
    ) -> Response:
        """What forcing a text does to the branching factor, against matched controls and `others`.

        `special` as in `force`.
        """
        setup = Setup(samples, horizon, controls, others)
        return self._finished(
            self.experiments.start_response(text, ids=ids, node=node, setup=setup, special=special)
        )

    def nudge(self, settings: NudgeSettings | None = None) -> Nudging:
        """Goes on with the partner writing where the base is unsure; every round is one step for undo."""
        return self._finished(self.experiments.start_nudging(settings))

    def _finished(self, job: J) -> J:
        try:
            job.finish()
        finally:
            job.close()
        self.experiments.keep(job)
        return job

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
        template_args: Mapping[str, Any] | None = None,
        date: str | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
        special: Special = "text",
    ) -> Node:
        """Starts from another prompt: a new root, the old tree stays."""
        asked = as_prompt(prompt, system, template, prefill, template_args, date, examples, special)
        return self._told(c.SetPrompt(asked))

    def add_turn(self, text: str) -> Node:
        """Ends the model's answer here and appends a user's turn, as the chat template writes it."""
        return self._told(c.AddTurn(text))
