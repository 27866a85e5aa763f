"""What is kept of a constraint at one place of a text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

ConstraintState = Literal["open", "may end", "ends", "left", "stuck"]
"""Whether a text may end at a place.

`open`: it must go on. `may end`: it may do either. `ends`: it cannot go on. `left`: what is there already is not of the
form. `stuck`: no token goes on, or saying which ones do would take too much. Nothing is drawn after the last two.
"""


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

    @property
    def holds(self) -> bool:
        """Whether something can be drawn under the constraint."""
        return self.state not in ("left", "stuck")
