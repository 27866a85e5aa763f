"""What experiments found, as the screen shows it: frozen, made by the loop when a piece of work is done.

Pure data; imports no NumPy. Places are nodes of the session's tree, `sampler` is a sampler's number in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.bf.estimate import CurvePoint

Place = tuple[int, int]
"""A node and the number of a sampler."""

Ids = tuple[int, ...]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Against:
    """The forced text against the controls of one kind, as texts; BF in its unit, `delta` in nats."""

    kind: str
    texts: tuple[str, ...]
    bf: float | None
    ci: Interval | None
    delta: float | None
    delta_ci: Interval | None


@dataclass(frozen=True, slots=True)
class Responded:
    """The response to one forced text.

    Attributes:
        node, token_ids, end: where it was forced, what, and the node of its last token.
        sampler: the number of the sampler it is measured under.
        share, doing, running: how much is done, what is being done, and whether it is.
        left: seconds that it takes yet while it runs; None where nobody knows.
        paused: seconds that are left where it waits to be asked for; None where it does not wait.
        planned: matched controls that are measured.
        logprob, bf, ci, ended: of the forced text: ln P, the BF after it with its interval, the share that ended.
        delta, delta_ci, verdict: against the matched controls; None before they are measured.
        reason: why there can be no verdict.
        kinds: all controls that are measured.
        controls: the cumulative curve of the matched ones.
        samples, horizon: of each text.
        positions: that the BF of the forced text and that of the matched controls are means over.
    """

    node: int
    token_ids: Ids
    end: int
    sampler: int
    samples: int
    horizon: int
    planned: int
    share: float = 0.0
    doing: str = ""
    running: bool = True
    left: float | None = None
    paused: float | None = None
    logprob: float | None = None
    bf: float | None = None
    ci: Interval | None = None
    ended: float | None = None
    delta: float | None = None
    delta_ci: Interval | None = None
    verdict: str | None = None
    reason: str | None = None
    kinds: tuple[Against, ...] = ()
    controls: tuple[CurvePoint, ...] = ()
    positions: tuple[int, int] = (0, 0)

    @property
    def matched(self) -> int:
        """Matched controls that were measured."""
        return next((len(each.texts) for each in self.kinds if each.kind == "matched"), 0)
