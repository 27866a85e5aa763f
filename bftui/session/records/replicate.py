"""The actions of a trace done again in another session: on another model, its choices are its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from bftui.core.errors import InputError, InvalidToken, ModelError, UsageError
from bftui.core.pair.nudging_rounds import Piece
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered
from bftui.session import commands as c
from bftui.session.records.journal_player import recorded_prompt
from bftui.session.session import Session
from bftui.trace.reading import TraceFile


def prompt_of(trace: TraceFile) -> Prompt:
    """Reads the first prompt of a trace, as a session is asked it. Raises InputError for an unknown template."""
    return _recorded(trace, 0)[0]


def seen_by(model: Model, trace: TraceFile, root: int) -> Rendered | None:
    """Reads the prompt at a root of a trace as it was, where this model has the trace's tokenizer.

    None where it is to be rendered again: with the trace's messages and the day that it names.
    """
    return _recorded(trace, root)[1] if _same_tokens(model, trace) else None


def _recorded(trace: TraceFile, root: int) -> tuple[Prompt, Rendered]:
    try:
        return recorded_prompt(trace.prompts()[root].model_dump(mode="json"))
    except (UsageError, ValueError) as error:
        why = error.line() if isinstance(error, UsageError) else str(error)
        raise InputError(f"{trace.path} is a damaged trace", why) from error


def _same_tokens(model: Model, trace: TraceFile) -> bool:
    known = model.info.tokenizer_sha256
    return known is not None and known == trace.outline.model.tokenizer_sha256


class Replication:
    """Does what a trace did, action by action, in a session that begins with the same prompt.

    A place of the trace is found again as the node that the same actions led to. Where the other model ended its text
    earlier, steps past the end are left out, and places past it are its end.
    """

    def __init__(self, session: Session, trace: TraceFile) -> None:
        self._session, self._trace = session, trace
        self._nodes = {0: session.cursor}
        self._by_ids = _same_tokens(session.model, trace)

    def actions(self) -> Iterator[int]:
        """Does one action after another; yields the place of each that was done.

        Raises InputError that names the one that cannot be done, and what the model raises.
        """
        session = self._session
        for index, action in enumerate(self._trace.actions()):
            try:
                command = self._command(action["op"], action["args"], action["node"])
                skipped = isinstance(command, c.Step | c.Greedy) and session.ended
                if not skipped or session.model_tree.ignore_eos:
                    session.do(command)
            except (UsageError, InvalidToken, InputError) as error:
                raise self._refused(index, error.line()) from error
            except (KeyError, TypeError, ValueError) as error:
                raise self._refused(index, f"its arguments are damaged: {error}") from error
            self._pair(action["node"])
            yield index

    def _refused(self, index: int, why: str) -> InputError:
        return InputError(f"{self._trace.path}: action {index} cannot be done", why)

    def _command(self, op: str, args: dict[str, Any], node: int) -> c.Command:
        """A recorded command with the nodes and the tokens of this session."""
        kind = c.OPS.get(op)
        if kind is None:
            raise UsageError(f"there is no action {op[:40]!r}")
        if kind is c.SetPrompt:
            # An action names no day where none was asked for; the root that it made does.
            args = {"date": _recorded(self._trace, node)[1].date, **args}
        command = kind.from_args(args)
        match command:
            case c.Back(n):
                return c.Back(self._back(node, n))
            case c.SetPrompt(prompt):
                return c.SetPrompt(prompt, seen_by(self._session.model, self._trace, node))
            case c.Nudge(pieces):
                return c.Nudge(tuple(self._piece(each.author, each.token_ids) for each in pieces))
            case c.ForceIds(ids):
                return c.ForceIds(self._ids(ids))
            case c.OpenRollout(start, ids):
                return c.OpenRollout(self._here(start), self._ids(ids))
            case c.Goto(there) | c.Fold(there) | c.Prune(there):
                return type(command)(self._here(there))
        return command

    def _piece(self, author: Any, ids: Any) -> Piece:
        ours = self._ids(ids)
        data = b"".join(self._session.model.token_bytes(i) for i in ours)
        return Piece(author, data, ours)

    def _ids(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Tokens of the trace as tokens of this model, which may split the same text in another way."""
        if self._by_ids:
            return tuple(ids)
        info = self._session.model.info
        ends = bool(ids) and ids[-1] in self._ends
        try:
            data = b"".join(self._trace.token_bytes(i) for i in (ids[:-1] if ends else ids))
            ours = tuple(self._session.model.tokenize(data.decode()))
            end = min(info.eog_ids, default=None) if info.eos_id is None else info.eos_id
            return (*ours, end) if ends and end is not None else ours
        except UnicodeDecodeError:
            raise ModelError(
                "tokens of the trace cannot be written with another vocabulary",
                "they end inside a character",
            ) from None

    @cached_property
    def _ends(self) -> set[int]:
        """The tokens of the trace that end a generation."""
        return {node["token_id"] for node in self._trace.nodes() if node["eog"]}

    def _back(self, node: int, n: int) -> int:
        """How far to go back to stand where the trace then stood."""
        tree, goal = self._session.tree, self._here(node)
        path = tree.path(self._session.cursor)
        return len(path) - 1 - path.index(goal) or n if goal in path else n

    def _here(self, node: int) -> int:
        """The node that stands for one of the trace: where the same actions led, or the last one before it."""
        parents = self._trace.links.parents
        if not 0 <= node < len(parents):
            raise UsageError(f"there is no node {node}")
        while node not in self._nodes:
            node = parents[node]
        return self._nodes[node]

    def _pair(self, node: int) -> None:
        """Remembers which new nodes stand for those that the trace's action made."""
        parents, new = self._trace.links.parents, list[int]()
        while node >= 0 and node not in self._nodes:
            new.append(node)
            node = parents[node]
        if not new:
            return
        path = self._session.tree.path(self._session.cursor)
        if node < 0:
            # Another prompt.
            ours = path
        elif (above := self._nodes[node]) in path:
            ours = path[path.index(above) + 1 :]
        else:
            return
        new.reverse()
        if ours:
            self._nodes.update(zip(new[:-1], ours[:-1], strict=False))
            self._nodes[new[-1]] = ours[-1]
