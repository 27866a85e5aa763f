"""Numbers of fewer outputs than there are: the mean of any metric over subsets without replacement.

Vendi, distinct n-grams and counts of answers depend on the number of outputs, so that they are compared at a common
one. Drawn with replacement a subset would hold an output twice, which no sample does: its diversity would be too low.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bftui.core.draws import Purpose, uniform
from bftui.core.errors import UsageError

SUBSETS = 256
"""So many subsets are drawn where there are more; all are taken where there are not."""

I64 = NDArray[np.int64]
Metric = Callable[[I64], float | None]
"""The places of some outputs, shape (k,), ascending, to a number; None where they have none."""


@dataclass(frozen=True, slots=True)
class Rarefied:
    """A metric at `k` of `n` outputs.

    Attributes:
        value: its mean over subsets of k outputs; in the metric's unit.
        k: outputs in a subset.
        n: outputs that there are.
        subsets: how many the mean is over.
        exact: whether these are all that there are.
    """

    value: float
    k: int
    n: int
    subsets: int
    exact: bool


@lru_cache(maxsize=128)
def subsets(n: int, k: int, seed: int = 0, most: int = SUBSETS) -> I64:
    """Returns subsets of k of n places, ascending; shape (S, k), not to be written to.

    All of them, in lexical order, where there are no more than `most`. Else `most` of them, each drawn without
    replacement and on its own, so that one may come twice: draw t of subset s is Philox with key (seed, bootstrap) and
    counter (t, s + 1, k, 0), which no other draw has. Raises UsageError for k outside 1 to n.
    """
    if not 1 <= k <= n:
        raise UsageError(f"there is no subset of {k} of {n} outputs")
    if math.comb(n, k) <= most:
        found = np.array(list(combinations(range(n), k)), np.int64)
    else:
        found = np.array([_draw(n, k, seed, number) for number in range(most)], np.int64)
    found.flags.writeable = False
    return found


def _draw(n: int, k: int, seed: int, number: int) -> list[int]:
    """One subset, by the first k swaps of a shuffle (Fisher and Yates)."""
    places = list(range(n))
    for t in range(k):
        u = uniform(seed, Purpose.BOOTSTRAP, t, number + 1, k)
        other = t + int(u * (n - t))
        places[t], places[other] = places[other], places[t]
    return sorted(places[:k])


def rarefied(metric: Metric, n: int, k: int, seed: int = 0, most: int = SUBSETS) -> Rarefied | None:
    """Returns the mean of a metric over subsets of k of n outputs, without replacement.

    Subsets of which the metric says nothing are left out of the mean. None where k is below 2 or above n, or where no
    subset has a number. The draws are a function of n, k and the seed alone, so that two models with as many outputs
    have the same subsets.
    """
    if not 2 <= k <= n:
        return None
    chosen = subsets(n, k, seed, most)
    values = [value for each in chosen if (value := metric(each)) is not None]
    if not values:
        return None
    return Rarefied(math.fsum(values) / len(values), k, n, len(values), math.comb(n, k) <= most)


def common_size(sizes: Sequence[int]) -> int | None:
    """Returns the number of outputs that everything can be rarefied to: the smallest, None where it is below 2."""
    smallest = min(sizes, default=0)
    return smallest if smallest > 1 else None


def sizes_up_to(n: int) -> tuple[int, ...]:
    """Returns the sizes at which diversity is shown against K: 2, 4, 8, … and n; none below 2."""
    doubled = (2**power for power in range(1, n.bit_length()))
    return (*(size for size in doubled if size < n), n) if n > 1 else ()
