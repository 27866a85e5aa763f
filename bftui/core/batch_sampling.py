"""One token for each row of a batch: what `core.distribution` does for one row, in calls that the rows share.

Only for the truncation that nearly all rollouts have, top-p alone; any other is made row by row. A row's
numbers depend on no other row: what is summed over a kept set is summed in its order, apart from the other rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import F32, F64, Distribution, Sampled, below_peak
from bftui.core.sampler import Sampler

_TOGETHER = 2**18
"""Numbers that are worked on at once: rows of a small vocabulary share calls, large ones stay in the caches."""

_SHARES = (1e-2, 1e-3, 1e-4)
"""Tokens of at least such a share of the mass are tried as candidates, one after the other."""


def draw_rows(
    rows: Sequence[F32], sampler: Sampler, us: Sequence[float], cap_k: int = 0
) -> list[Sampled]:
    """`Distribution(row, sampler).sample(u, cap_k)` of each row and its u in [0, 1), to the rounding of float64.

    Rows have shape (n_vocab,). Raises NonFiniteLogits.
    """
    if sampler.top_k or sampler.min_p > 0 or sampler.top_p >= 1 or cap_k:
        pairs = zip(rows, us, strict=True)
        return [Distribution(row, sampler).sample(u, cap_k) for row, u in pairs]
    found: list[Sampled] = []
    size = max(1, _TOGETHER // len(rows[0]))
    for start in range(0, len(rows), size):
        end = start + size
        found += _drawn(np.asarray(rows[start:end]), sampler, np.asarray(us[start:end]))
    return found


def _drawn(logits: F32, sampler: Sampler, us: F64) -> list[Sampled]:
    """For logits of shape (n, n_vocab)."""
    vocab_x, _ = below_peak(logits)
    vocab_e = np.exp(vocab_x)
    z, means = vocab_e.sum(axis=1), (vocab_e * vocab_x).sum(axis=1)
    whole = list(zip(z.tolist(), means.tolist(), strict=True))
    if sampler.temperature != 1.0:
        vocab_e = np.exp(vocab_x / sampler.temperature)
        z = vocab_e.sum(axis=1)
    ids = _candidates(vocab_e, z, sampler.top_p)
    at = np.arange(len(ids))
    # Best first, equals by id; what fills a row up comes last, with no weight.
    x = np.where(ids < 0, -math.inf, vocab_x[at[:, None], ids])
    order = np.argsort(-x, axis=1, kind="stable")
    ids, x = ids[at[:, None], order], x[at[:, None], order]
    e = np.where(ids < 0, 0.0, vocab_e[at[:, None], ids])
    mass = np.cumsum(e / z[:, None], axis=1)
    kept = np.minimum((mass < sampler.top_p).sum(axis=1) + 1, (ids >= 0).sum(axis=1))
    inside = np.arange(ids.shape[1]) < kept[:, None]
    e, kept_x = np.where(inside, e, 0.0), np.where(inside, x, 0.0)
    # Sums in order, so that nothing depends on how far the rows are filled up.
    zk, kept_means = np.cumsum(e, axis=1)[:, -1], np.cumsum(e * kept_x, axis=1)[:, -1]
    places = _places(np.where(inside, ids, vocab_x.shape[1]), e / zk[:, None], us, kept)
    kept_sums = zip(zk.tolist(), kept_means.tolist(), strict=True)
    tokens = zip(ids[at, places].tolist(), x[at, places].tolist(), strict=True)
    return [
        _sampled(*all_of_it, *kept_of_it, *token, sampler.temperature)
        for all_of_it, kept_of_it, token in zip(whole, kept_sums, tokens, strict=True)
    ]


def _sampled(
    z: float,
    mean: float,
    zk: float,
    kept_mean: float,
    token_id: int,
    x: float,
    temperature: float,
) -> Sampled:
    """From sums of e and of e times x, over the vocabulary at temperature 1 and over the kept set at its own."""
    log_z, log_zk = math.log(z), math.log(zk)
    logprob = x - log_z
    return Sampled(
        token_id,
        max(0.0, log_z - mean / z),
        max(0.0, log_zk - kept_mean / temperature / zk),
        logprob,
        logprob / temperature - (log_zk - log_z / temperature),
    )


def _candidates(e: F64, z: F64, top_p: float) -> NDArray[np.int64]:
    """Ids of each row that hold more than `top_p` of its mass, ascending, filled up with -1; shape (n, most)."""
    # The margin keeps a different order of summation from deciding what the cumulative sum decides.
    enough = (top_p + 1e-9) * z
    floors, missing = np.zeros(len(e)), np.ones(len(e), dtype=bool)
    for share in _SHARES:
        floor = share * z
        holds = np.where(e >= floor[:, None], e, 0.0).sum(axis=1) >= enough
        floors[missing & holds] = floor[missing & holds]
        missing &= ~holds
        if not missing.any():
            break
    chosen = (e >= floors[:, None]) & (e > 0)
    counts = chosen.sum(axis=1)
    row, ids = np.nonzero(chosen)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((len(e), int(counts.max())), -1, dtype=np.int64)
    found[row, places] = ids
    return found


def _places(
    ids: NDArray[np.int64], weights: F64, us: F64, kept: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Where each row's token stands: the first kept id, in id order, whose cumulative weight exceeds u, or the last."""
    ascending = np.argsort(ids, axis=1)
    at = np.arange(len(ids))
    mass = np.cumsum(weights[at[:, None], ascending], axis=1)
    drawn = np.minimum((mass <= us[:, None]).sum(axis=1), kept - 1)
    found: NDArray[np.int64] = ascending[at, drawn]
    return found
