"""What the theorems of arXiv 2605.11128 allow: how many valid answers precision leaves, and how diverse they can be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bftui.core.valid.sequence_numbers import SequencePoint
from bftui.core.valid.token_trie import TokenTrie

F64 = NDArray[np.float64]


def compounding_bound(precision: float, hard: int, eta: float, rho: float) -> float:
    """Return the largest recall of whole answers at this precision (Theorem E.3).

    Args:
        precision: of whole answers, in (0, 1].
        hard: the number of steps at which a precision of at least exp(-eta) leaves a recall of at most exp(-rho).
        eta, rho: nats, above 0.
    """
    free = -math.log(precision) / eta
    return math.exp(-rho * max(0.0, hard - free))


def measured_compounding(precision: float, cutoffs: Sequence[SequencePoint]) -> float | None:
    """Return the least bound that the theorem gives with any eta and rho; None where no step is hard.

    The paper assumes hard steps. Here a step counts as hard where it is for every cutoff that was measured, so that the
    bound holds for these, and for others as far as they are like them. A precision that no cutoff reaches at a step
    says nothing of it.

    Args:
        precision: of whole answers under the cutoff that is asked about, one of `cutoffs`.
        cutoffs: strategies that keep the best tokens, and no others.
    """
    if precision <= 0:
        return None
    losses = _losses([each.step_precision for each in cutoffs])
    lost = _losses([each.step_recall for each in cutoffs])
    known = ~(np.isnan(losses) | np.isnan(lost))
    least: float | None = None
    for loss in [*np.unique(losses[known & (losses > 0)]), math.inf]:
        # Just below a loss that was measured, eta is as large as it can be without that cutoff.
        eta = float(np.nextafter(loss, 0))
        allowed = known & (losses <= eta)
        rho_of = np.where(allowed, lost, np.inf).min(axis=0)
        rho_of = np.sort(rho_of[np.isfinite(rho_of) & (rho_of > 0)])
        for place, rho in enumerate(rho_of.tolist()):
            bound = compounding_bound(precision, len(rho_of) - place, eta, rho)
            least = bound if least is None else min(least, bound)
    return least


def _losses(factors: Sequence[Sequence[float | None]]) -> F64:
    """-ln of each factor, shape (cutoffs, steps); NaN where it is unknown."""
    found = np.array([[math.nan if each is None else each for each in row] for row in factors])
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(0.0, -np.log(found)))


def shape_deficit(choices: int, nats: float) -> float:
    """Return Delta_v(a): how far the entropy of weights exp(-a i / v), i < v, is below ln v; `nats` is a."""
    weights = (
        np.exp(-nats * np.arange(choices) / choices) if nats < math.inf else np.eye(choices)[0]
    )
    probs = weights / weights.sum()
    logs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
    return max(0.0, math.log(choices) + float((probs * logs).sum()))


def shape_bound(validity: float, choices: Sequence[int]) -> float:
    """Return the largest diversity at a validity (Theorem F.4).

    The theorem is about a model whose logits fall evenly over endless ranks, with the valid tokens first and as many of
    them at a step whatever came before. A small vocabulary, whose ranks end, has less invalid mass.

    Args:
        validity: in [0, 1].
        choices: the number of valid tokens at each step.
    """
    if validity <= 0:
        return 1.0
    nats = -math.log1p(-validity) if validity < 1 else math.inf
    return math.exp(-sum(shape_deficit(each, nats) for each in choices))


def fewest_choices(trie: TokenTrie) -> list[int]:
    """Return the smallest number of ways on after each number of tokens, from 0: what `shape_bound` takes of any trie.

    Where they are not the same at all nodes, the theorem's assumption does not hold, and its bound is a reference.
    """
    fewest: dict[int, int] = {}
    for node in trie.nodes:
        depth = len(node.path)
        fewest[depth] = min(fewest.get(depth, len(node.edges)), len(node.edges))
    return [fewest[depth] for depth in sorted(fewest)]
