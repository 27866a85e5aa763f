"""The numbers of results, each with the bounds that what is read must keep.

Entropies are in nats, BF in its unit, ranks count from 1, ids and positions from 0. No vocabulary is larger than these
bounds allow: what says more was measured by nobody, and would only spoil the axes of a picture.
"""

from __future__ import annotations

from typing import Annotated

from bftui.results.codec import Bounds

Id = Annotated[int, Bounds(0, 2**31 - 1)]
Count = Annotated[int, Bounds(0, 2**31 - 1)]
Rank = Annotated[int, Bounds(1, 2**31 - 1)]
Factor = Annotated[float, Bounds(0.5, 1e10)]
Entropy = Annotated[float, Bounds(0, 23)]
Share = Annotated[float, Bounds(0, 1 + 1e-9)]
"""exp of a logarithm may be above 1 by a rounding."""
LogProb = Annotated[float, Bounds(-1e9, 1e-6)]
Number = Annotated[float, Bounds(-1e9, 1e9)]
Interval = tuple[Factor, Factor]
Difference = tuple[Number, Number]
