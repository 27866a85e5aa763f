"""The grid of settings, and which of its points are best."""

import numpy as np

from bftui.core.truncation import RULES
from bftui.core.valid.frontier import (
    CUTOFFS,
    ORACLES,
    TEMPERATURES,
    VALUES,
    best_points,
    default_grid,
)
from bftui.core.valid.node_reading import Setting


def test_every_rule_is_in_the_grid_once_at_each_temperature():
    grid = default_grid()
    assert len(set(grid)) == len(grid) == len(TEMPERATURES) * sum(map(len, VALUES.values()))
    assert set(VALUES) == set(RULES) - {"eta"} | ORACLES
    assert set(VALUES) - CUTOFFS == {"typical", "validity_oracle"}


def test_a_point_is_best_where_none_is_better():
    rng = np.random.default_rng(0)
    grid = [Setting("top_k", n, 1.0) for n in range(60)]
    points = [tuple(each) for each in np.round(rng.random((60, 2)), 1).tolist()]
    found = best_points(grid, points)
    for n, (validity, diversity) in enumerate(points):
        beaten = any(
            v >= validity and d >= diversity and (v, d) != (validity, diversity) for v, d in points
        )
        assert found[n] == (not beaten)


def test_oracles_are_references():
    grid = [
        Setting("none", 0, 1.0),
        Setting("top_k", 5, 1.0),
        Setting("validity_oracle", 0, 1.0),
        Setting("validity_oracle", 0, 2.0),
        Setting("cutoff_oracle", 0, 1.0),
    ]
    points = [(0.5, 0.5), (0.4, 0.4), (1.0, 0.9), (1.0, 0.8), (0.1, None)]
    assert best_points(grid, points) == (True, False, True, False, False)
