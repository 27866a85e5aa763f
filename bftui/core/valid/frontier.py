"""Validity against diversity over temperatures and truncations: the grid, and which of its points are best.

One walk through a trie measures a whole grid, so that the grid is fixed before it (arXiv 2605.11128, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from bftui.core.valid.node_reading import Rule, Setting

TEMPERATURES = (0.01, 0.3, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0)
"""Those of the paper."""

VALUES: Mapping[Rule, Sequence[float]] = MappingProxyType(
    {
        "none": (0.0,),
        "top_k": (10, 20, 50, 80, 100, 500),
        "top_p": (0.1, 0.5, 0.7, 0.9, 0.95),
        "min_p": (0.01, 0.1, 0.5, 0.9),
        "top_n_sigma": (0.5, 1.0, 1.5, 2.0),
        "typical": (0.2, 0.5, 0.9, 0.95),
        "epsilon": (0.0003, 0.001, 0.01, 0.1),
        "cutoff_oracle": (0.0,),
        "validity_oracle": (0.0,),
    }
)
"""The values of each rule: up to min-p those of the paper; the others have ours, around what their authors use."""

ORACLES: frozenset[Rule] = frozenset({"cutoff_oracle", "validity_oracle"})
"""Rules that know what is valid: references, which no sampler can follow."""

CUTOFFS: frozenset[Rule] = frozenset(VALUES) - {"typical", "validity_oracle"}
"""Rules that keep the best tokens and no others, as the paper's cutoff strategies do."""


def default_grid() -> tuple[Setting, ...]:
    """Return every rule with each of its values at each temperature."""
    return tuple(
        Setting(rule, float(value), temperature)
        for rule, values in VALUES.items()
        for value in values
        for temperature in TEMPERATURES
    )


def best_points(
    grid: Sequence[Setting], points: Sequence[tuple[float, float | None]]
) -> tuple[bool, ...]:
    """Return for each setting whether no other is at least as good in both numbers and better in one.

    The settings of an oracle are held against those of the same oracle, all others against each other.

    Args:
        points: validity and diversity of each; where the diversity is unknown it is not best.
    """
    best = np.zeros(len(grid), dtype=bool)
    for group in (None, *sorted(ORACLES)):
        at = [
            n
            for n, setting in enumerate(grid)
            if (setting.rule if setting.rule in ORACLES else None) == group
            and points[n][1] is not None
        ]
        found = np.array([points[n] for n in at], dtype=np.float64).reshape(-1, 2)
        above = found[None, :, :] - found[:, None, :]
        better = (above.min(axis=2) >= 0) & (above.max(axis=2) > 0)
        best[at] = ~np.any(better, axis=1)
    return tuple(best.tolist())
