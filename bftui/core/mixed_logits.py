"""The logits of several models after one prefix, and those of their mixture under a sampler.

What is kept are the models' own logits, so that another weight evaluates nothing again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import NonFiniteLogits
from bftui.core.mixing import MIXINGS, Mixing
from bftui.core.sampler import Sampler

F32 = NDArray[np.float32]

Row = NDArray[Any]
"""Logits of shape (n_vocab,): float32 where they are those of one model, else float64."""


@dataclass(frozen=True, slots=True)
class StackedLogits:
    """The logits of models after one prefix, in the order of the roles of their mixing.

    Attributes:
        mixing: its name.
        rows: shape (models, n_vocab).
    """

    mixing: str
    rows: F32

    def under(self, sampler: Sampler) -> Row:
        """Return the logits of the mixture, shape (n_vocab,); see `mixed`."""
        return mixed(self.rows, MIXINGS[self.mixing], sampler.weight, sampler.plausibility)


def mixed(rows: F32, mixing: Mixing, weight: float, plausibility: float = 0.0) -> Row:
    """Return the logits of a mixture, shape (n_vocab,), in float64.

    A model whose coefficient is 0 takes no part, and the logits of one that stands alone with a coefficient of 1 are
    given as they are. A token that is impossible for a model with a coefficient above 0 stays impossible.

    Args:
        rows: the logits of its models, shape (models, n_vocab).
        mixing: how they are mixed.
        weight: their coefficients follow from it.
        plausibility: tokens below this share of the expert's largest P are left out; 0 leaves out none.

    Raises NonFiniteLogits where a model with a coefficient below 0 excludes a token that the others allow.
    """
    weighted = zip(mixing.coefficients(weight), rows, strict=True)
    parts = [(coefficient, row) for coefficient, row in weighted if coefficient]
    found = parts[0][1] if len(parts) == 1 and parts[0][0] == 1 else _sum(parts, mixing, weight)
    if plausibility > 0:
        expert = rows[mixing.expert]
        least = float(expert.max()) + math.log(plausibility)
        found = np.where(expert >= least, found, -math.inf)
    return found


def _sum(parts: Sequence[tuple[float, F32]], mixing: Mixing, weight: float) -> Row:
    found = np.zeros(len(parts[0][1]))
    with np.errstate(invalid="ignore"):
        for coefficient, row in parts:
            found += coefficient * row.astype(np.float64)
    for coefficient, row in parts:
        if coefficient > 0 and np.isneginf(row.min()):
            found[np.isneginf(row)] = -math.inf
    if np.isposinf(found.max()):
        raise NonFiniteLogits(
            f"the {mixing.name} has no distribution at weight {weight:g}",
            "a model that is taken away excludes a token that the others allow",
            "take a weight that takes none away",
        )
    return found
