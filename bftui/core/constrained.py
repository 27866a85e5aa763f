"""What is kept of a constraint at one place of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ConstraintState = Literal["open", "may end", "ends", "left", "stuck"]
"""Whether a text may end at a place.

`open`: it must go on. `may end`: it may do either. `ends`: it cannot go on. `left`: what is there already is not of the
form. `stuck`: no token goes on, or saying which ones do would take too much. Nothing is drawn after the last two.
"""

SAID: Mapping[ConstraintState, str] = {
    "open": "must go on",
    "may end": "may end here",
    "ends": "ends here",
    "left": "left it before",
    "stuck": "cannot go on",
}
"""The states in words."""


@dataclass(frozen=True, slots=True)
class UnderConstraint:
    """One next-token distribution under a constraint. Where the text has left it, P~ is that without it.

    Attributes:
        state: whether the text may end here.
        allowed: how many tokens may come.
        mass: the sum of P over these.
        entropy_free: H(P~) of the same sampler without the constraint, nats.
    """

    state: ConstraintState
    allowed: int
    mass: float
    entropy_free: float

    @property
    def bf_free(self) -> float:
        """The branching factor without the constraint."""
        return math.exp(self.entropy_free)

    def line(self) -> str:
        """What it makes of the place, for a line: the branching factor without it, and whether the text may end."""
        if not self.holds:
            return f"without the constraint: the text {SAID[self.state]}"
        return f"{self.bf_free:.2f} without the constraint, {SAID[self.state]}"

    @property
    def holds(self) -> bool:
        """Whether something can be drawn under the constraint."""
        return self.state not in ("left", "stuck")


def told_along(places: Sequence[tuple[float, UnderConstraint]]) -> str:
    """Say in a line what a constraint did along a path.

    Args:
        places: H(P~) in nats at each governed place, and what the constraint made of it; at least one.
    """
    held = [(entropy, here) for entropy, here in places if here.holds]
    if not held:
        return f"constraint: the text {SAID[places[0][1].state]}"
    inside = math.exp(math.fsum(entropy for entropy, _ in held) / len(held))
    without = math.exp(math.fsum(here.entropy_free for _, here in held) / len(held))
    line = f"constraint: BF {inside:.2f} over {len(held)} of its places, {without:.2f} without it"
    lost = next((here for _, here in places if not here.holds), None)
    return line if lost is None else f"{line}; then the text {SAID[lost.state]}"
