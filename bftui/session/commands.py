"""What a person can do to a session, as frozen data that knows its name, its arguments and its effect.

Each command has its word of the trace (`op`), its arguments as plain data (`args`, `from_args`), what it does with a
model (`apply`) and what it changes when a journal is played without one (`replay`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from bftui.core.errors import UsageError
from bftui.core.sampler import SETTINGS, read_settings, written
from bftui.model.prompt import (
    Prompt,
    Rendered,
    Special,
    as_prompt,
    asked_fields,
    checked_special,
    prompt_from,
    special_field,
)
from bftui.model.token_names import checked_settings
from bftui.session import view_state as v
from bftui.session.breakpoints import Breakpoint

if TYPE_CHECKING:
    from bftui.core.pair.nudging_rounds import Piece
    from bftui.session.model_tree import ModelTree
    from bftui.session.session_state import SessionState

# NumPy is imported with the tree, which screens that only name a command do without: hence the imports in `apply`.


class Command(ABC):
    """One thing that is done to a session; `Session.do` carries it out.

    Attributes:
        op: the word of the trace for it.
        undoable: whether undo takes it back.
    """

    __slots__ = ()
    op: ClassVar[str]
    undoable: ClassVar[bool] = True

    @abstractmethod
    def apply(self, on: ModelTree) -> None:
        """Does it. Raises UsageError where it makes no sense there, ModelError, Cancelled."""

    def args(self) -> dict[str, Any]:
        """Lists the arguments as plain data for JSON, without those that are None."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value is not None
        }

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        """Makes the command of arguments of a trace. Raises UsageError, KeyError, TypeError, ValueError."""
        names = [each.name for each in fields(cls) if each.name in args]  # type: ignore[arg-type]
        found = {name: args[name] for name in names}
        return cls(**{n: tuple(a) if isinstance(a, list) else a for n, a in found.items()})

    @classmethod
    def from_value(cls, value: Any) -> Command:
        """Makes the command of its one value in a file of actions. Raises ValueError."""
        raise ValueError("a file of actions cannot have it")

    @classmethod  # noqa: B027 - the nodes of a record say all of most commands
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        """Changes what the nodes of a record do not say; the cursor goes to `node` afterwards.

        Args:
            state: with the nodes that it made.
            args: its recorded arguments.
            before: where the session stood before it.
            node: where it stood afterwards.

        Raises UsageError, KeyError, TypeError, ValueError for a damaged record.
        """


class StateCommand(Command):
    """A command that needs no model: it is replayed as it was done."""

    __slots__ = ()

    @abstractmethod
    def change(self, state: SessionState) -> None:
        """Changes the state. Raises UsageError."""

    def apply(self, on: ModelTree) -> None:
        self.change(on.state)

    @classmethod
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        cls.from_args(args).change(state)


@dataclass(frozen=True, slots=True)
class Step(Command):
    """Sample one token."""

    op = "step"

    def apply(self, on: ModelTree) -> None:
        on.step(sampled=True)


@dataclass(frozen=True, slots=True)
class Greedy(Command):
    """Take the most probable token."""

    op = "greedy"

    def apply(self, on: ModelTree) -> None:
        on.step(sampled=False)


@dataclass(frozen=True, slots=True)
class Force(Command):
    """Append text literally, as the tokens that the model's tokenizer gives it.

    `special` says what control tokens that are written in it are read as.
    """

    op = "force"
    text: str
    special: Special = "text"

    def apply(self, on: ModelTree) -> None:
        ids = on.model.tokenize(self.text, self.special)
        if not ids:
            raise UsageError("there is no text to force")
        on.force(ids)

    def args(self) -> dict[str, Any]:
        return {"text": self.text, **special_field(self.special)}

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        return cls(str(args["text"]), checked_special(args.get("special", "text")))

    @classmethod
    def from_value(cls, value: Any) -> Command:
        return cls(_text(value))

    @classmethod
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        state.force_starts.add(state.tree.path(node)[state.tree.depth(before.cursor) + 1])


@dataclass(frozen=True, slots=True)
class ForceIds(Command):
    """Append tokens by id."""

    op = "force_ids"
    ids: tuple[int, ...]

    def apply(self, on: ModelTree) -> None:
        if not self.ids:
            raise UsageError("there are no tokens to force")
        on.force(self.ids)

    @classmethod
    def from_value(cls, value: Any) -> Command:
        if not isinstance(value, list) or not value or any(type(i) is not int for i in value):
            raise ValueError("it takes a list of token ids")
        return cls(tuple(value))

    @classmethod
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        Force.replay(state, args, before, node)


@dataclass(frozen=True, slots=True)
class Back(Command):
    """Go `n` tokens towards the root; the branch stays."""

    op = "back"
    n: int = 1

    def apply(self, on: ModelTree) -> None:
        if type(self.n) is not int or self.n < 1:
            raise UsageError(f"cannot go back {self.n} tokens")
        state = on.state
        depth = state.tree.depth(state.cursor)
        if depth == 0:
            raise UsageError("this is the prompt: there is nothing before it")
        upper = state.cursor
        for _ in range(min(self.n, depth)):
            upper = state.tree.parent(upper) or 0
        state.leave(state.cursor, upper)
        on.go(upper)

    @classmethod
    def from_value(cls, value: Any) -> Command:
        return cls(whole(value, 1))

    @classmethod
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        state.leave(before.cursor, node)


@dataclass(frozen=True, slots=True)
class Forward(Command):
    """Go to the child that was last visited."""

    op = "forward"

    def apply(self, on: ModelTree) -> None:
        on.go(v.onward(on.state.tree, on.state.view))


@dataclass(frozen=True, slots=True)
class Goto(Command):
    """Go to any node."""

    op = "goto"
    node: int

    def apply(self, on: ModelTree) -> None:
        v.check_node(on.state.tree, self.node)
        on.go(self.node)

    @classmethod
    def from_value(cls, value: Any) -> Command:
        return cls(whole(value, 0))


@dataclass(frozen=True, slots=True, init=False)
class SetSampler(StateCommand):
    """Change settings of the sampler; the others stay as they are.

    Attributes:
        changes: names of settings with their new values.
    """

    op = "sampler"
    changes: tuple[tuple[str, Any], ...]

    def __init__(self, **changes: Any) -> None:
        """Takes settings of `Sampler` by name; None leaves one as it is."""
        unknown = sorted(changes.keys() - set(SETTINGS))
        if unknown:
            raise UsageError(f"a sampler has no setting {unknown[0]!r}")
        kept = tuple((name, changes[name]) for name in SETTINGS if changes.get(name) is not None)
        object.__setattr__(self, "changes", kept)

    def apply(self, on: ModelTree) -> None:
        checked_settings(on.model, dict(self.changes))
        self.change(on.state)

    def change(self, state: SessionState) -> None:
        state.set_sampler(dict(self.changes))

    def args(self) -> dict[str, Any]:
        return written(dict(self.changes))

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        return cls(**read_settings(args))


@dataclass(frozen=True, slots=True)
class SetPrompt(Command):
    """Start from another prompt: a new root, the old tree stays.

    Attributes:
        rendered: the prompt as the model sees it, where that is known already.
    """

    op = "prompt"
    prompt: Prompt
    rendered: Rendered | None = None

    def apply(self, on: ModelTree) -> None:
        on.add_prompt(as_prompt(self.prompt), self.rendered)

    def args(self) -> dict[str, Any]:
        return asked_fields(self.prompt)

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        return cls(prompt_from(args))


@dataclass(frozen=True, slots=True)
class AddTurn(Command):
    """End the model's turn here and append a user's, in the words of the prompt's template."""

    op = "turn"
    text: str

    def apply(self, on: ModelTree) -> None:
        from bftui.core.tree import Source

        start = on.state.cursor
        on.append(on.turn_ids(self.text), Source.PROMPT)
        on.state.add_turn(on.state.cursor, start, self.text)

    @classmethod
    def from_value(cls, value: Any) -> Command:
        return cls(_text(value))

    @classmethod
    def replay(
        cls, state: SessionState, args: Mapping[str, Any], before: v.ViewState, node: int
    ) -> None:
        state.add_turn(node, before.cursor, str(args["text"]))


@dataclass(frozen=True, slots=True)
class Mark(StateCommand):
    """Name the place of the cursor; the same name again moves it here, and here again takes it away."""

    op = "mark"
    name: str

    def change(self, state: SessionState) -> None:
        state.view = v.marked(state.view, self.name)


@dataclass(frozen=True, slots=True)
class Fold(StateCommand):
    """Hide what comes after a node, or show it again."""

    op = "fold"
    node: int

    def change(self, state: SessionState) -> None:
        state.view = v.folded(state.tree, state.view, self.node)


@dataclass(frozen=True, slots=True)
class Prune(StateCommand):
    """Hide a node and what comes after it; the cursor goes to its parent where it stood in there."""

    op = "prune"
    node: int

    def change(self, state: SessionState) -> None:
        state.view = v.pruned(state.tree, state.view, self.node)


@dataclass(frozen=True, slots=True)
class SetBreakpoints(StateCommand):
    """Say where playing stops by itself, in the forms of `Breakpoint.parse`; none takes all away."""

    op = "breakpoints"
    conditions: tuple[str, ...] = ()

    def change(self, state: SessionState) -> None:
        made = tuple(map(Breakpoint.parse, self.conditions))
        state.view = replace(state.view, breakpoints=tuple(dict.fromkeys(made)))


@dataclass(frozen=True, slots=True)
class OpenRollout(Command):
    """Make a continuation that was drawn from a node a branch of the tree, and go to its end."""

    op = "rollout"
    node: int
    ids: tuple[int, ...]

    def apply(self, on: ModelTree) -> None:
        from bftui.core.tree import Source

        v.check_node(on.state.tree, self.node)
        if not self.ids:
            raise UsageError("the rollout has no tokens")
        on.go(self.node)
        on.append(self.ids, Source.ROLLOUT)


@dataclass(frozen=True, slots=True)
class Nudge(Command):
    """Append what the partner and the base wrote in one round of nudging."""

    op = "nudge"
    pieces: tuple[Piece, ...]

    def apply(self, on: ModelTree) -> None:
        from bftui.core.tree import Source

        by = {"partner": Source.NUDGED, "base": Source.GREEDY}
        ids = [token_id for piece in self.pieces for token_id in piece.token_ids]
        if not ids:
            raise UsageError("there is no text to nudge with")
        on.append(ids, [by[piece.author] for piece in self.pieces for _ in piece.token_ids])

    def args(self) -> dict[str, Any]:
        return {"pieces": [[each.author, list(each.token_ids)] for each in self.pieces]}

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        """As `Command.from_args`; a trace does not say the bytes of the pieces, which stay empty."""
        from bftui.core.pair.nudging_rounds import Piece

        return cls(tuple(Piece(author, b"", tuple(ids)) for author, ids in args["pieces"]))


@dataclass(frozen=True, slots=True)
class Undo(StateCommand):
    """Take back the last change of cursor, marks, folds, pruning or sampler; nodes never vanish."""

    op = "undo"
    undoable = False

    def change(self, state: SessionState) -> None:
        state.view = state.history.undo(state.view)


@dataclass(frozen=True, slots=True)
class Redo(StateCommand):
    """Do again what was undone."""

    op = "redo"
    undoable = False

    def change(self, state: SessionState) -> None:
        state.view = state.history.redo(state.view)


_ALL: tuple[type[Command], ...] = (
    *(Step, Greedy, Force, ForceIds, Back, Forward, Goto, SetSampler, SetPrompt, AddTurn),
    *(Mark, Fold, Prune, SetBreakpoints, OpenRollout, Nudge, Undo, Redo),
)
OPS: Mapping[str, type[Command]] = {each.op: each for each in _ALL}
"""Every command by its word of the trace."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it takes a text")
    return value


def whole(value: Any, least: int) -> int:
    """Checks a whole number from `least` on. Raises ValueError for anything else."""
    if type(value) is not int or value < least:
        raise ValueError(f"it takes a whole number from {least} on")
    return value
