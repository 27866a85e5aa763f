"""One token for each row of a batch: what `core.distribution` does for one row, without what rollouts do not keep.

Only for the truncation that nearly all rollouts have, top-p alone; any other is made as for one row. A row's numbers
depend on no other row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import Distribution, Sampled
from bftui.core.logits import F32, F64, NEVER, below_peak
from bftui.core.sampler import Sampler

_BLOCK = 2**15
"""Numbers that are worked on at once, so that what is between two calls stays in a core's cache."""

_SHARES = (1e-3, 1e-5, 1e-7, 0.0)
"""Tokens of at least such a share of the mass are tried as candidates, one share after the other."""


def draw_rows(
    rows: Sequence[F32], sampler: Sampler, us: Sequence[float], cap_k: int = 0
) -> list[Sampled]:
    """`Distribution(row, sampler).sample(u, cap_k)` of each row and its u in [0, 1), to the rounding of float64.

    Rows have shape (n_vocab,). Raises NonFiniteLogits.
    """
    pairs = zip(rows, us, strict=True)
    if not sampler.plain or sampler.top_k or sampler.min_p > 0 or sampler.top_p >= 1 or cap_k:
        return [Distribution(row, sampler).sample(u, cap_k) for row, u in pairs]
    return [_drawn(row, sampler, u) for row, u in pairs]


def _drawn(logits: F32, sampler: Sampler, u: float) -> Sampled:
    """For logits of shape (n_vocab,)."""
    peak = float(logits.max())
    if not math.isfinite(peak):
        below_peak(logits)
    z, mean, tempered = _sums(logits, peak, sampler.temperature)
    ids, x, e = _candidates(logits, peak, tempered, sampler)
    # Best first; of equals any may come first, for they weigh the same.
    order = (-x).argsort()
    mass = (e[order] / tempered).cumsum()
    kept = int(mass.searchsorted(sampler.top_p)) + 1
    if kept < len(ids):
        last = x[order[kept - 1]]
        inside = x > last
        # Of equals those with the smallest ids are kept.
        inside[(x == last).nonzero()[0][: kept - np.count_nonzero(inside)]] = True
        ids, x, e = ids[inside], x[inside], e[inside]
    zk = float(e.sum())
    kept_mean = float(np.einsum("i,i->", e, x))
    place = int((e / zk).cumsum().searchsorted(u, side="right"))
    place = min(place, len(ids) - 1)
    log_z, log_zk = math.log(z), math.log(zk)
    logprob = float(x[place]) - log_z
    return Sampled(
        int(ids[place]),
        max(0.0, log_z - mean / z),
        max(0.0, log_zk - kept_mean / sampler.temperature / zk),
        logprob,
        logprob / sampler.temperature - (log_zk - log_z / sampler.temperature),
    )


def _sums(logits: F32, peak: float, temperature: float) -> tuple[float, float, float]:
    """Sums over the vocabulary of e and of e times x, and of e at the temperature, for e the exponential of x."""
    size = min(_BLOCK, len(logits))
    block_x, block_e = np.empty(size), np.empty(size)
    z = mean = tempered = 0.0
    for start in range(0, len(logits), size):
        part = logits[start : start + size]
        x, e = block_x[: len(part)], block_e[: len(part)]
        np.subtract(part, peak, out=x, dtype=np.float64)
        np.maximum(x, NEVER, out=x)
        np.exp(x, out=e)
        z += float(e.sum())
        mean += float(np.einsum("i,i->", e, x))
        if temperature != 1.0:
            x /= temperature
            tempered += float(np.exp(x, out=e).sum())
    return z, mean, z if temperature == 1.0 else tempered


def _candidates(
    logits: F32, peak: float, z: float, sampler: Sampler
) -> tuple[NDArray[np.int64], F64, F64]:
    """Ids that hold more than `top_p` of the mass z, ascending; their logits less the peak, and their weights."""
    # The margin keeps a different order of summation from deciding what the cumulative sum decides.
    enough = (sampler.top_p + 1e-9) * z
    for share in _SHARES:
        floor = peak + sampler.temperature * math.log(share * z) if share else -math.inf
        ids = (logits >= np.float32(floor)).nonzero()[0]
        x = logits[ids].astype(np.float64) - peak
        e = np.exp(x / sampler.temperature)
        if float(e.sum()) >= enough:
            break
    weighs = e > 0
    return (ids, x, e) if weighs.all() else (ids[weighs], x[weighs], e[weighs])
