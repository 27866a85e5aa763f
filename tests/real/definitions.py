"""The definitions of bftui's numbers once more, in float64 and as plainly as they can be written.

P is the softmax of the logits. P~ is P at a temperature, cut and renormalised: the tokens are ordered by (logit
descending, id ascending), each rule is judged on the whole distribution at that temperature, and what all of them keep
is kept; the best token always is.
Not for: speed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bftui.core.sampler import Sampler

F64 = NDArray[np.float64]


def softmax(logits: NDArray[np.floating]) -> F64:
    x = np.asarray(logits, dtype=np.float64)
    weights = np.exp(x - x.max())
    found: F64 = weights / weights.sum()
    return found


def entropy(p: F64) -> float:
    """H(p) in nats."""
    some = p[p > 0]
    return float(-(some * np.log(some)).sum())


@dataclass(frozen=True)
class Numbers:
    """What one distribution says, under one sampler; `kept_ids` is the support of P~."""

    p: F64
    truncated: F64
    kept_ids: NDArray[np.int64]
    entropy: float
    entropy_truncated: float
    bf: float
    bf_full: float
    kept: int
    varentropy: float
    hill2: float
    tail_mass: float

    def rank(self, logits: NDArray[np.floating], token_id: int) -> int:
        return 1 + int((logits > logits[token_id]).sum())


def numbers(logits: NDArray[np.floating], sampler: Sampler, top: int = 50) -> Numbers:
    """All numbers of one step; logits of shape (n_vocab,)."""
    x = np.asarray(logits, dtype=np.float64)
    p, tempered = softmax(x), softmax(x / sampler.temperature)
    order = np.argsort(-x, kind="stable")
    best_first = tempered[order]
    keep = np.ones(len(x), dtype=bool)
    if sampler.top_k:
        keep &= np.arange(len(x)) < sampler.top_k
    if sampler.top_p < 1:
        before = np.concatenate([[0.0], np.cumsum(best_first)[:-1]])
        keep &= before < sampler.top_p
    if sampler.min_p:
        keep &= best_first >= sampler.min_p * best_first[0]
    keep[0] = True
    truncated = np.zeros(len(x))
    truncated[order[keep]] = best_first[keep] / best_first[keep].sum()
    surprise = -np.log(np.where(p > 0, p, 1.0))
    full, cut = entropy(p), entropy(truncated)
    return Numbers(
        p=p,
        truncated=truncated,
        kept_ids=order[keep],
        entropy=full,
        entropy_truncated=cut,
        bf=float(np.exp(cut)),
        bf_full=float(np.exp(full)),
        kept=int(keep.sum()),
        varentropy=float((p * (surprise - full) ** 2).sum()),
        hill2=float(1 / (truncated**2).sum()),
        tail_mass=float(p[order[top:]].sum()),
    )
