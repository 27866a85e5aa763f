"""What a person can do to a session, as frozen data; `Session.do` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.model.prompt import Prompt, Rendered, Special

if TYPE_CHECKING:
    from bftui.core.pair.nudging_rounds import Piece


@dataclass(frozen=True, slots=True)
class Step:
    """Sample one token."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """Take the most probable token."""


@dataclass(frozen=True, slots=True)
class Force:
    """Append text literally, as the tokens that the model's tokenizer gives it.

    `special` says what control tokens that are written in it are read as.
    """

    text: str
    special: Special = "text"


@dataclass(frozen=True, slots=True)
class ForceIds:
    """Append tokens by id."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Back:
    """Go `n` tokens towards the root; the branch stays."""

    n: int = 1


@dataclass(frozen=True, slots=True)
class Forward:
    """Go to the child that was last visited."""


@dataclass(frozen=True, slots=True)
class Goto:
    """Go to any node."""

    node: int


@dataclass(frozen=True, slots=True)
class SetSampler:
    """Change temperature, cut or seed; None leaves a setting as it is."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SetPrompt:
    """Start from another prompt: a new root, the old tree stays.

    Attributes:
        rendered: the prompt as the model sees it, where that is known already.
    """

    prompt: Prompt
    rendered: Rendered | None = None


@dataclass(frozen=True, slots=True)
class AddTurn:
    """End the model's turn here and append a user's, in the words of the prompt's template."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Name the place of the cursor; the same name again moves it here, and here again takes it away."""

    name: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Hide what comes after a node, or show it again."""

    node: int


@dataclass(frozen=True, slots=True)
class Prune:
    """Hide a node and what comes after it; the cursor goes to its parent where it stood in there."""

    node: int


@dataclass(frozen=True, slots=True)
class OpenRollout:
    """Make a continuation that was drawn from a node a branch of the tree, and go to its end."""

    node: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nudge:
    """Append what the partner and the base wrote in one round of nudging."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back the last change of cursor, marks, folds, pruning or sampler; nodes never vanish."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Do again what was undone."""


Command = (
    Step
    | Greedy
    | Force
    | ForceIds
    | Back
    | Forward
    | Goto
    | SetSampler
    | SetPrompt
    | AddTurn
    | Mark
    | Fold
    | Prune
    | OpenRollout
    | Nudge
    | Undo
    | Redo
)
