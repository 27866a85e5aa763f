"""The partner beside a session, as the screen shows it: frozen, made by the engine's thread when something is known.

Pure data; imports no NumPy. What is known of single nodes is not here: it is read from the session's `Partner`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Author
    from bftui.core.pair.shift_summary import Position


@dataclass(frozen=True, slots=True)
class Shifted:
    """A text of one model in the distributions of the other.

    Attributes:
        author: who wrote it.
        root: the prompt of the session that it answers.
        answer: the whole text, as the author's tokens.
        positions: its tokens, as far as they are read.
        running, stopped: whether more comes, or would have.
        share, left: how much is done, and the seconds that it takes yet; None where nobody knows.
        ended: why it is not longer; None while it runs.
    """

    author: Author
    root: int
    answer: tuple[int, ...]
    positions: tuple[Position, ...]
    running: bool
    stopped: bool
    share: float
    left: float | None
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
