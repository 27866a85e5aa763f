"""The session: one model, one tree, one cursor.

Everything that is done goes through `do` with a frozen command, whoever asks: a key, a file of actions, a notebook. So
the same commands with the same seed give the same tree and the same numbers everywhere. A failed or cancelled command
leaves the session as it was.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from bftui import __version__
from bftui.backends.host import Advanced, Page
from bftui.core.distribution import NextToken
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.core.tree import Node, Source, Tree
from bftui.session import commands as c
from bftui.session import events as e
from bftui.session.model import Model
from bftui.trace.document import Trace
from bftui.trace.header import model_fields, prompt_fields, sampler_fields

_tree_numbers = itertools.count()


class Log(Protocol):
    """Where a session writes what it does, as it does it; see `trace.journal`."""

    def write(self, record: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Place:
    """What undo brings back."""

    cursor: int
    sampler: int


class Session:
    """Steps, forces, goes back and branches on one model.

    Attributes:
        model: what runs; `reload` changes it.
        tree: everything ever generated.
        cursor: the node where the session stands.
        draws: tokens sampled so far, which numbers the next draw.
        ignore_eos: whether steps go on after an end of generation.
    """

    def __init__(
        self,
        model: Model,
        prompt: str = "",
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 0.9,
        min_p: float = 0.0,
        seed: int = 0,
        ignore_eos: bool = False,
        journal: Log | None = None,
        on_event: Callable[[e.Event], None] = lambda event: None,
    ) -> None:
        """Evaluates the prompt; raises ModelError where the model cannot."""
        self.model = model
        self.tree = Tree(model.info.n_vocab)
        self.draws = 0
        self.ignore_eos = ignore_eos
        self._number = next(_tree_numbers)
        self._samplers = [Sampler(temperature, top_k, top_p, min_p, seed)]
        self._sampler = 0
        self._prompts: dict[int, str] = {}
        self._force_starts: set[int] = set()
        self._actions: list[dict[str, Any]] = []
        self._undo: list[_Place] = []
        self._redo: list[_Place] = []
        self._began = time.monotonic()
        self._created = datetime.now(UTC)
        self._journal = journal
        self._emit = on_event
        self.cursor = self._plant(prompt)
        self._note({"open": self._head(), "nodes": [_journal_node(self.tree, 0)], "draws": 0})

    # Reading ---------------------------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The node at the cursor."""
        return self.tree.node(self.cursor)

    @property
    def sampler(self) -> Sampler:
        """The sampler in force."""
        return self._samplers[self._sampler]

    @property
    def prompt(self) -> str:
        """The prompt of the visible path, as it was written."""
        return self._prompts[self.tree.root(self.cursor)]

    @property
    def length(self) -> int:
        """Tokens of the visible path, the prompt's included."""
        root = self.tree.root(self.cursor)
        return len(self.tree.prompt_ids(root)) + self.tree.depth(self.cursor)

    @property
    def ended(self) -> bool:
        """Whether the cursor stands on an end of generation."""
        return self.tree.eog(self.cursor)

    def begins_force(self, node: int) -> bool:
        """Whether a text was forced from this token on: two forces in a row begin twice."""
        return node in self._force_starts

    def path_bytes(self, node: int | None = None) -> list[bytes]:
        """The bytes of each token from the first of the prompt to a node (default: the cursor)."""
        ids = self.tree.token_ids(self.cursor if node is None else node)
        return [self.model.token_bytes(i) for i in ids]

    def text(self, node: int | None = None) -> str:
        """What was generated below the prompt, up to a node (default: the cursor)."""
        node = self.cursor if node is None else node
        depth = self.tree.depth(node)
        data = self.path_bytes(node)
        return b"".join(data[len(data) - depth :]).decode(errors="replace") if depth else ""

    def spaced(self, word: str) -> str:
        """A palette word as it is forced here: a space goes before it when the text so far ends in a non-space."""
        data = self.path_bytes()
        last = next((d for d in reversed(data) if d), b"")
        start = self.tree.root(self.cursor) == self.cursor and not self.prompt
        if start or not last or last[-1:].isspace() or word[:1].isspace():
            return word
        return f" {word}"

    def page(self, start: int, stop: int, *, node: int | None = None, query: str = "") -> Page:
        """Rows of the full vocabulary after a node (default: the cursor), best first; see `Host.page`."""
        at = self.cursor if node is None else node
        return self.model.host.page(self._number, at, self.sampler, start, stop, query)

    # Doing -----------------------------------------------------------------------------------------------------

    def do(self, command: c.Command) -> int:
        """Carries out one command and returns the number of the node where the session then stands.

        Raises UsageError where the command makes no sense here, ModelError where the model fails, Cancelled where it
        was stopped; the session is then as it was.
        """
        before = _Place(self.cursor, self._sampler)
        first_new = len(self.tree)
        samplers = len(self._samplers)
        try:
            op, args = self._carry_out(command)
            self._align()
        except BaseException:
            self.cursor, self._sampler = before.cursor, before.sampler
            del self._samplers[samplers:]
            raise
        self._record_undo(command, before)
        self.tree.visit(self.cursor)
        action = {"at_ms": self._elapsed(), "op": op, "args": args, "node": self.cursor}
        self._actions.append(action)
        self._note(
            {
                "action": action,
                "nodes": [_journal_node(self.tree, n) for n in range(first_new, len(self.tree))],
                "draws": self.draws,
            }
        )
        for node in range(first_new, len(self.tree)):
            self._emit(e.NodeAdded(node))
        if self._sampler != before.sampler:
            self._emit(e.SamplerChanged(self._sampler))
        if self.cursor != before.cursor:
            self._emit(e.CursorMoved(self.cursor))
        return self.cursor

    def _carry_out(self, command: c.Command) -> tuple[str, dict[str, Any]]:
        match command:
            case c.Step():
                self._step(sampled=True)
                return "step", {}
            case c.Greedy():
                self._step(sampled=False)
                return "greedy", {}
            case c.Force(text):
                ids = self.model.tokenize(text)
                if not ids:
                    raise UsageError("there is no text to force")
                self._force(ids)
                return "force", {"text": text}
            case c.ForceIds(ids):
                if not ids:
                    raise UsageError("there are no tokens to force")
                self._force(ids)
                return "force_ids", {"ids": list(ids)}
            case c.Back(n):
                self._back(n)
                return "back", {"n": n}
            case c.Forward():
                child = self.tree.last_visited(self.cursor)
                if child is None:
                    raise UsageError("nothing comes after this token yet")
                self.cursor = child
                return "forward", {}
            case c.Goto(node):
                if type(node) is not int or not 0 <= node < len(self.tree):
                    raise UsageError(f"there is no node {node}", f"the tree has {len(self.tree)}")
                self.cursor = node
                return "goto", {"node": node}
            case c.SetSampler():
                return "sampler", self._set_sampler(command)
            case c.SetPrompt(text):
                self.cursor = self._plant(text)
                return "prompt", {"text": text}
            case c.Undo():
                self._return_to(self._undo, "there is nothing to undo")
                return "undo", {}
            case c.Redo():
                self._return_to(self._redo, "there is nothing to redo")
                return "redo", {}

    def _plant(self, text: str) -> int:
        ids = self.model.prompt_ids(text)
        node = len(self.tree)
        following, elapsed = self.model.host.plant(self._number, node, ids, self.sampler)
        self.tree.add_root(ids, following, sampler=self._sampler, elapsed_ms=elapsed)
        self._prompts[node] = text
        return node

    def _step(self, *, sampled: bool) -> None:
        if self.ended and not self.ignore_eos:
            raise UsageError("the text ends here", hint="go back, or force a token to go on")
        u = uniform(self.sampler.seed, Purpose.STEP, self.draws) if sampled else None
        advanced = self.model.host.step(
            self._number, self.cursor, len(self.tree), self.sampler, u, self.ignore_eos
        )
        draw = self.draws if sampled else None
        self.draws += sampled
        self._join(advanced, Source.SAMPLED if sampled else Source.GREEDY, draw)

    def _force(self, ids: Sequence[int]) -> None:
        path = self._known(ids)
        if path:
            self.cursor = path[-1]
        rest = ids[len(path) :]
        if rest:
            # The host numbers new nodes one after another: it must see none that is there already.
            results = self.model.host.extend(
                self._number, self.cursor, len(self.tree), rest, self.sampler, self.ignore_eos
            )
            for advanced in results:
                self._join(advanced, Source.FORCED, None)
                path.append(self.cursor)
        self._force_starts.add(path[0])

    def _known(self, ids: Sequence[int]) -> list[int]:
        """The nodes below the cursor that hold the first of these tokens, forced here before."""
        path: list[int] = []
        for token_id in ids:
            child = self._child(path[-1] if path else self.cursor, token_id, Source.FORCED)
            if child is None:
                break
            path.append(child)
        return path

    def _child(self, node: int, token_id: int, source: Source) -> int | None:
        """The child that holds this token and came to be in this way."""
        return next(
            (
                child
                for child in self.tree.children(node)
                if self.tree.token_id(child) == token_id and self.tree.source(child) is source
            ),
            None,
        )

    def _join(self, advanced: Advanced, source: Source, draw: int | None) -> None:
        """Goes to the token below the cursor, a new node or one that is there already.

        A sample is an event and always gets a node; forcing or taking the best again only leads to the same place.
        """
        if source is Source.GREEDY:
            child = self._child(self.cursor, advanced.scored.token_id, source)
            if child is not None:
                self.cursor = child
                return
        self.cursor = self.tree.add(
            self.cursor,
            advanced.scored,
            source,
            advanced.next,
            sampler=self._sampler,
            draw=draw,
            eog=advanced.eog,
            elapsed_ms=advanced.elapsed_ms,
        )

    def _back(self, n: int) -> None:
        if type(n) is not int or n < 1:
            raise UsageError(f"cannot go back {n} tokens")
        if self.tree.depth(self.cursor) == 0:
            raise UsageError("this is the prompt: there is nothing before it")
        for _ in range(n):
            parent = self.tree.parent(self.cursor)
            if parent is None:
                break
            # The branch that is left is the one that `forward` returns to.
            self.tree.visit(self.cursor)
            self.cursor = parent

    def _set_sampler(self, command: c.SetSampler) -> dict[str, Any]:
        changes = {
            name: getattr(command, name)
            for name in ("temperature", "top_k", "top_p", "min_p", "seed")
            if getattr(command, name) is not None
        }
        sampler = replace(self.sampler, **changes)
        if sampler not in self._samplers:
            self._samplers.append(sampler)
        self._sampler = self._samplers.index(sampler)
        return changes

    def _return_to(self, places: list[_Place], empty: str) -> None:
        if not places:
            raise UsageError(empty)
        self.cursor, self._sampler = places[-1].cursor, places[-1].sampler

    def _record_undo(self, command: c.Command, before: _Place) -> None:
        """Undo and redo trade places; anything else can be undone, and nothing can be redone after it."""
        match command:
            case c.Undo():
                self._undo.pop()
                self._redo.append(before)
            case c.Redo():
                self._redo.pop()
                self._undo.append(before)
            case _:
                self._undo.append(before)
                self._redo.clear()

    def _align(self) -> None:
        """Makes the numbers of the visible path anew where they were made under another sampler."""
        if len(self._samplers) == 1:
            return
        path = self.tree.path(self.cursor)
        if all(self.tree.sampler(node) == self._sampler for node in path):
            return
        open_end = self.tree.entropies(self.cursor) is not None
        root, *rest = self.model.host.restate(self._number, path, self.sampler, open_end)
        assert isinstance(root, NextToken)
        self.tree.restate(path[0], None, root, sampler=self._sampler)
        for node, advanced in zip(path[1:], rest, strict=True):
            assert isinstance(advanced, Advanced)
            self.tree.restate(node, advanced.scored, advanced.next, sampler=self._sampler)

    # The same, as methods --------------------------------------------------------------------------------------

    def _told(self, command: c.Command) -> Node:
        return self.tree.node(self.do(command))

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
        """Goes to any node."""
        return self._told(c.Goto(node))

    def undo(self) -> Node:
        """Takes back the last change of cursor or sampler."""
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

    def set_prompt(self, text: str) -> Node:
        """Starts from another prompt: a new root, the old tree stays."""
        return self._told(c.SetPrompt(text))

    def reload(self, model: Model) -> None:
        """Goes on with another process of the same model, after the old one died.

        Raises UsageError where the vocabularies differ: token ids would mean other tokens.
        """
        if model.info.tokenizer_sha256 != self.model.info.tokenizer_sha256:
            raise UsageError(
                "this model has another vocabulary", hint="start a new session with it"
            )
        tree = self.tree
        nodes = range(len(tree))
        model.host.adopt(
            self._number,
            [-1 if (p := tree.parent(n)) is None else p for n in nodes],
            [-1 if (t := tree.token_id(n)) is None else t for n in nodes],
            {root: tree.prompt_ids(root) for root in tree.roots},
        )
        self.model = model

    # Saving ----------------------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """The session as it is now, ready to be saved."""
        later = [
            {"node": root, "prompt": self._prompt_fields(root)} for root in self.tree.roots[1:]
        ]
        return Trace(
            head=self._head(),
            tail={
                "path": self.tree.path(self.cursor),
                "marks": {},
                "pruned": [],
                "actions": list(self._actions),
                "measurements": [],
                "prompts": later,
                "draws": self.draws,
            },
            tree=self.tree,
            count=len(self.tree),
            token_bytes=self.model.token_bytes,
        )

    def _head(self) -> dict[str, Any]:
        return {
            "format": "bftui-trace",
            "version": 1,
            "bftui": __version__,
            "created": self._created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "model": model_fields(self.model.info),
            "prompt": self._prompt_fields(0),
            "partner": None,
            "samplers": [sampler_fields(sampler) for sampler in self._samplers],
        }

    def _prompt_fields(self, root: int) -> dict[str, Any]:
        ids = self.tree.prompt_ids(root)
        rendered = b"".join(self.model.token_bytes(i) for i in ids).decode(errors="replace")
        return prompt_fields(self._prompts[root], rendered, ids)

    def _elapsed(self) -> float:
        return round((time.monotonic() - self._began) * 1e3, 1)

    def _note(self, record: dict[str, Any]) -> None:
        """Writes the journal; a disk that fails ends the journal, never the session."""
        if self._journal is None:
            return
        try:
            self._journal.write(record)
        except OSError as error:
            self._journal = None
            self._emit(e.JournalFailed(error.strerror or str(error)))


def _journal_node(tree: Tree, node: int) -> dict[str, Any]:
    """The node's fields of the trace that are not made again by evaluating its path."""
    return {
        "id": node,
        "parent": tree.parent(node),
        "token_id": tree.token_id(node),
        "prompt_ids": list(tree.prompt_ids(node)) if tree.parent(node) is None else None,
        "source": tree.source(node).word,
        "sampler": tree.sampler(node),
        "draw": tree.draw(node),
        "eog": tree.eog(node),
    }
