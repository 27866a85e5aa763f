"""How logits fall over the ranks: a straight head and a logarithmic tail (arXiv 2605.11128, appendix I).

After the softmax the head is geometric, and the tail a law of Zipf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

RANKS = 1000
"""Ranks that are fitted, as many as the paper looks at."""

_FEWEST = 8
"""Ranks that a fit needs: two lines and where they part are six numbers."""

_OFFSETS: tuple[float, ...] = (0.0, *np.geomspace(0.5, 4 * RANKS, 14).tolist())
"""The offsets that are tried first; the best one is refined between its neighbours."""

_REFINEMENTS = 14
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class LogitShape:
    """The fit f(k) = slope * k + intercept up to rank `cutoff`, level + factor * ln(k + offset) beyond; k from 1.

    Logits are less their maximum. The least squares of all ranks choose the cutoff.

    Attributes:
        ranks: how many ranks were fitted.
        cutoff: the last rank of the head.
        slope, intercept: of the head.
        level, factor, offset: of the tail.
        error: the root of the mean square of what is left, in logits.
    """

    ranks: int
    cutoff: int
    slope: float
    intercept: float
    level: float
    factor: float
    offset: float
    error: float


class _Lines(NamedTuple):
    """Least squares of one line for each of many sets of points."""

    slope: F64
    intercept: F64
    error: F64


def fit_shape(logits: F32) -> LogitShape | None:
    """Fit logits, shape (n_vocab,), in any order; None where fewer than eight of the best are finite."""
    count = min(RANKS, len(logits))
    best = np.partition(logits, len(logits) - count)[len(logits) - count :]
    y = np.sort(best)[::-1].astype(np.float64)
    y = y[np.isfinite(y)]
    if len(y) < _FEWEST:
        return None
    y -= y[0]
    ranks = np.arange(1.0, len(y) + 1)
    # Three points for each part: two would fit exactly.
    cutoffs = np.arange(3, len(y) - 2)
    head = _lines(ranks, y)
    heads = _Lines(*(each[cutoffs - 1] for each in head))

    def tried(offset: float) -> tuple[float, int, _Lines]:
        tail = _lines(np.log(ranks + offset)[::-1], y[::-1])
        tails = _Lines(*(each[len(y) - cutoffs - 1] for each in tail))
        errors = heads.error + tails.error
        at = int(np.argmin(errors))
        return float(errors[at]), at, tails

    offset = _refined(lambda each: tried(each)[0])
    error, at, tails = tried(offset)
    return LogitShape(
        ranks=len(y),
        cutoff=int(cutoffs[at]),
        slope=float(heads.slope[at]),
        intercept=float(heads.intercept[at]),
        level=float(tails.intercept[at]),
        factor=float(tails.slope[at]),
        offset=offset,
        error=math.sqrt(error / len(y)),
    )


def _lines(x: F64, y: F64) -> _Lines:
    """The line through the first n points, n = 1, 2, …"""
    n = np.arange(1.0, len(x) + 1)
    # Around a middle, so that the sums do not cancel.
    centre_x, centre_y = x.mean(), y.mean()
    x, y = x - centre_x, y - centre_y
    sx, sy = np.cumsum(x), np.cumsum(y)
    xx = np.cumsum(x * x) - sx * sx / n
    xy = np.cumsum(x * y) - sx * sy / n
    yy = np.cumsum(y * y) - sy * sy / n
    slope = np.divide(xy, xx, out=np.zeros_like(xy), where=xx > 0)
    intercept = sy / n - slope * sx / n + centre_y - slope * centre_x
    return _Lines(slope, intercept, np.maximum(0.0, yy - slope * xy))


def _refined(error: Callable[[float], float]) -> float:
    """The best offset: of those that are tried first, and then by golden sections between its neighbours."""
    errors = [error(each) for each in _OFFSETS]
    at = errors.index(min(errors))
    low, high = _OFFSETS[max(0, at - 1)], _OFFSETS[min(len(_OFFSETS) - 1, at + 1)]
    for _ in range(_REFINEMENTS):
        part = _GOLDEN * (high - low)
        if error(high - part) <= error(low + part):
            high = low + part
        else:
            low = high - part
    found: float = (low + high) / 2
    return found if error(found) < errors[at] else _OFFSETS[at]
