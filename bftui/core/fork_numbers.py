"""Forking tokens: where another token would have led to other outcomes, and whether that is more than chance.

After Bigelow et al., *Forking Paths in Neural Text Generation* (arXiv 2412.07961): at a position each alternative has a
distribution of outcomes, known from continuations. The score is ours: the mean distance from the outcomes of the token
that was taken, where the paper looks for points of change along the path. Positions are worth a look where the entropy
is high (Wang et al., arXiv 2506.01939: the top 20 % of the tokens).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bftui.core.bf.bootstrap import generator

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

PERMUTATIONS = 2000
"""Of the outcomes among the alternatives, for what chance alone would give."""

_CELLS = 4_000_000
"""Counts that are held at once."""


@dataclass(frozen=True, slots=True)
class ForkNumbers:
    """What the outcomes at one position say.

    Attributes:
        score: mean total variation of each alternative's outcomes from those of the token taken, weighted by P~.
        chance: the mean score were all alternatives to lead to the same outcomes: few continuations differ by chance.
        p: how often chance gives as large a score; (1 + times) / (1 + permutations).
        effective: exp of the entropy of the outcomes of all alternatives, weighted by P~: as many equally likely ones.
    """

    score: float
    chance: float
    p: float
    effective: float


def fork_numbers(
    weights: Sequence[float],
    outcomes: Sequence[Sequence[str]],
    taken: int,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> ForkNumbers:
    """Compares the outcomes of some alternatives at one position.

    Args:
        weights: P~ of each alternative, not all 0; they are scaled to sum to 1.
        outcomes: of each alternative those of its continuations, one or more each.
        taken: the place of the token that was taken.
        seed, permutations: how many, and what they are drawn with; p is not below 1 / (1 + permutations).
    """
    shares = np.asarray(weights, dtype=np.float64)
    shares = shares / shares.sum()
    names = {name: n for n, name in enumerate(dict.fromkeys(o for each in outcomes for o in each))}
    pooled = np.array([names[o] for each in outcomes for o in each], dtype=np.int64)
    sizes = np.array([len(each) for each in outcomes])
    owner = np.repeat(np.arange(len(outcomes)), sizes)
    observed = _distributions(pooled[None], owner, sizes, len(names))
    score = float(_scores(observed, shares, taken)[0])
    rng = generator(seed)
    drawn = np.empty(permutations)
    block = max(1, _CELLS // (len(sizes) * len(names) + len(pooled)))
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        permuted = rng.permuted(np.tile(pooled, (rows, 1)), axis=1)
        found = _distributions(permuted, owner, sizes, len(names))
        drawn[start : start + rows] = _scores(found, shares, taken)
    mixed = shares @ observed[0]
    entropy = -float((mixed[mixed > 0] * np.log(mixed[mixed > 0])).sum())
    return ForkNumbers(
        score=score,
        chance=float(drawn.mean()),
        # A sum in another order may differ in the last bit.
        p=(1 + int((drawn >= score - 1e-12).sum())) / (1 + permutations),
        effective=math.exp(max(0.0, entropy)),
    )


def _distributions(pooled: I64, owner: I64, sizes: I64, names: int) -> F64:
    """The share of each outcome after each alternative, shape (rows of `pooled`, alternatives, outcomes)."""
    rows, alternatives = len(pooled), len(sizes)
    cell = (np.arange(rows)[:, None] * alternatives + owner[None]) * names + pooled
    counts = np.bincount(cell.ravel(), minlength=rows * alternatives * names)
    found: F64 = counts.reshape(rows, alternatives, names) / sizes[None, :, None]
    return found


def _scores(distributions: F64, shares: F64, taken: int) -> F64:
    """The score of each row."""
    apart = 0.5 * np.abs(distributions - distributions[:, [taken]]).sum(axis=2)
    found: F64 = apart @ shares
    return found


def open_positions(entropies: Sequence[float], share: float) -> tuple[int, ...]:
    """Return the positions of the largest entropies, ascending: a share of all, rounded up; of equals the first."""
    count = min(len(entropies), math.ceil(share * len(entropies) - 1e-9))
    order = sorted(range(len(entropies)), key=lambda n: (-entropies[n], n))
    return tuple(sorted(order[:count]))
