"""What a person can do to a session, as frozen data; `Session.do` carries them out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Sample one token."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """Take the most probable token."""


@dataclass(frozen=True, slots=True)
class Force:
    """Append text literally, as the tokens that the model's tokenizer gives it."""

    text: str


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
    """Start from another prompt: a new root, the old tree stays."""

    text: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back the last change of cursor or sampler; nodes never vanish."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Do again what was undone."""


Command = (
    Step | Greedy | Force | ForceIds | Back | Forward | Goto | SetSampler | SetPrompt | Undo | Redo
)
