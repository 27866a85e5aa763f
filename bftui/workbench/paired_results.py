"""The partner beside a session, as the screen shows it: frozen, made by the loop when something is known.

Pure data; imports no NumPy. What is known of single nodes is not here: it is read from the session's `Partner`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.results.nudging_result import NudgingResult
    from bftui.results.shift_result import ShiftResult, ShiftSettings


@dataclass(frozen=True, slots=True)
class ShiftShown:
    """A text of one model in the distributions of the other.

    Attributes:
        root: the prompt of the session that it answers.
        settings, result: what was asked for, and what is found so far.
        running, stopped: whether more comes, or would have.
        share, left: how much is done, and the seconds that it takes yet; None where nobody knows.
    """

    root: int
    settings: ShiftSettings
    result: ShiftResult
    running: bool = False
    stopped: bool = False
    share: float = 1.0
    left: float | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the partner would write after a node, in words, each with the blanks before it; or why it cannot."""

    node: int
    words: tuple[bytes, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NudgingShown:
    """A text that two models wrote.

    Attributes:
        start: the node that it begins after.
        result: what is found so far.
        running, doing: whether it goes on, and what is being done.
    """

    start: int
    result: NudgingResult
    running: bool = False
    doing: str = ""

    @property
    def stop(self) -> str:
        """Why it ended; "" while it runs, `stopped` where somebody stopped it."""
        return self.result.stop or ("" if self.running else "stopped")
