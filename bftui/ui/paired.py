"""The partner beside a session, as the screen shows it: frozen, made by the engine's thread when something is known.

Pure data; imports no NumPy. What is known of single nodes is not here: it is read from the session's `Partner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bftui.ui.measured import Running

if TYPE_CHECKING:
    from bftui.core.shift import Author
    from bftui.core.shift_summary import Position


class Beside(StrEnum):
    """Whether there is a partner."""

    NONE = "none"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Shifted:
    """A text of one model in the distributions of the other.

    Attributes:
        author: who wrote it.
        root: the prompt of the session that it answers.
        answer: the whole text, as the author's tokens.
        positions: its tokens, as far as they are read.
        running, stopped: whether more comes, or would have.
        share: how much is done.
        ended: why it is not longer; None while it runs.
    """

    author: Author
    root: int
    answer: tuple[int, ...]
    positions: tuple[Position, ...]
    running: bool
    stopped: bool
    share: float
    ended: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the partner would write after a node, in words, each with the blanks before it; or why it cannot."""

    node: int
    words: tuple[bytes, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Nudged:
    """A text that two models wrote.

    Attributes:
        start: the node that it begins after.
        gamma: the threshold.
        rounds, tokens, tokens_nudged, share_nudged: so far; the last is None without tokens.
        running, doing: whether it goes on, and what is being done.
        stop: why it ended; None while it runs, `stopped` where somebody stopped it.
        warning: what to know about so many nudged tokens, or "".
        bf_base, bf_nudged, bf_base_written, bf_partner: BF of the base along its own greedy text, along this one, along
            what the base wrote of it, and of the partner along its own greedy text; None before they are measured.
    """

    start: int
    gamma: float
    rounds: int = 0
    tokens: int = 0
    tokens_nudged: int = 0
    share_nudged: float | None = None
    running: bool = True
    doing: str = ""
    stop: str | None = None
    warning: str = ""
    bf_base: float | None = None
    bf_nudged: float | None = None
    bf_base_written: float | None = None
    bf_partner: float | None = None


@dataclass(frozen=True, slots=True)
class Paired:
    """Everything about the partner of a session; a new one replaces it whenever something is known.

    Attributes:
        version: grows with every one.
        state: whether there is a partner.
        name, short: what people call it, whole and without saying what kind of model it is; of one that is being
            opened its MODEL form.
        by, why: how text goes to it (`ids` or `text`), and why not as ids.
        template, seam: how its prompt is written, and whether a blank is dropped where its answer begins.
        practice: whether it is a model of the package.
        error: why it cannot go on here, or could not be opened; "" where it can.
        running: what is being done with it.
        shifted: texts that were read, by the prompt they answer and by author.
        draft: what it would write next, where somebody asked.
        nudged: the text that both wrote last.
        words: how its answers begin, for the style palette.
    """

    version: int = 0
    state: Beside = Beside.NONE
    name: str = ""
    short: str = ""
    by: str = ""
    why: str = ""
    template: str = ""
    seam: bool = False
    practice: bool = False
    error: str = ""
    running: tuple[Running, ...] = ()
    shifted: Mapping[int, Shifted] = field(default_factory=dict)
    draft: Draft | None = None
    nudged: Nudged | None = None
    words: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is a partner that can be asked."""
        return self.state is Beside.READY
