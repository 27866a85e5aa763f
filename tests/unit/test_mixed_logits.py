"""Several models' logits as those of one: against the formulas in float64, at the ends to the last digit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bftui.core.distribution import F32
from bftui.core.errors import NonFiniteLogits
from bftui.core.mixed_logits import StackedLogits, mixed
from bftui.core.mixing import MIXINGS
from bftui.core.sampler import Sampler

INF = math.inf


def rows(*models: list[float]) -> F32:
    return np.array(models, dtype=np.float32)


def random(models: int, seed: int) -> F32:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 4, (models, 97)).astype(np.float32)


@pytest.mark.parametrize("weight", [-10.0, -1.0, 0.3, 0.5, 1.7, 10.0])
def test_each_mixing_is_its_formula(weight: float) -> None:
    for seed in range(50):
        base, aligned, small = (row.astype(float) for row in random(3, seed))
        three = random(3, seed)
        found = mixed(three[:2], MIXINGS["dial"], weight)
        assert np.abs(found - ((1 - weight) * base + weight * aligned)).max() < 1e-12
        found = mixed(three, MIXINGS["proxy"], weight)
        assert np.abs(found - (base + weight * (aligned - small))).max() < 1e-12
        found = mixed(three[:2], MIXINGS["contrast"], weight)
        assert np.abs(found - ((1 + weight) * base - weight * aligned)).max() < 1e-12


def test_a_dial_at_its_ends_is_either_model_to_the_last_digit() -> None:
    both = random(2, 0)
    for weight, row in ((0.0, both[0]), (1.0, both[1])):
        found = mixed(both, MIXINGS["dial"], weight)
        assert found.dtype == np.float32
        assert np.array_equal(found, row)
    for name, models in (("proxy", random(3, 1)), ("contrast", both)):
        assert np.array_equal(mixed(models, MIXINGS[name], 0.0), models[0])


def test_a_coefficient_of_zero_takes_no_part() -> None:
    base, aligned = [1.0, -INF, math.nan, 0.0], [0.0, 2.0, 1.0, -INF]
    both = rows(base, aligned)
    assert mixed(both, MIXINGS["dial"], 1.0).tolist() == aligned
    assert np.array_equal(mixed(both, MIXINGS["dial"], 0.0), rows(base)[0], equal_nan=True)


def test_what_a_model_that_adds_excludes_stays_excluded() -> None:
    both = rows([1.0, -INF, 0.0, -INF], [0.0, 1.0, -INF, -INF])
    assert np.isneginf(mixed(both, MIXINGS["dial"], 0.5)).tolist() == [False, True, True, True]
    # The second model is taken away twice; what it excludes alone would have an infinite logit.
    both = rows([1.0, -INF, 0.0], [0.0, -INF, 1.0])
    assert mixed(both, MIXINGS["contrast"], 2.0).tolist() == [3.0, -INF, -2.0]
    with pytest.raises(NonFiniteLogits, match="contrast has no distribution at weight 2"):
        mixed(rows([1.0, 0.0], [0.0, -INF]), MIXINGS["contrast"], 2.0)


def test_a_mask_keeps_what_the_expert_finds_plausible() -> None:
    for name, expert in (("dial", 1), ("proxy", 0), ("contrast", 0)):
        mixing = MIXINGS[name]
        models = random(len(mixing.roles), 3)
        p = np.exp(models[expert].astype(float) - models[expert].max())
        for share in (0.1, 0.5, 1.0):
            found = mixed(models, mixing, 0.5, share)
            plain = mixed(models, mixing, 0.5)
            assert np.array_equal(found > -INF, p >= share)
            assert np.array_equal(found[found > -INF], plain[p >= share])


def test_a_sampler_says_the_weight_and_the_mask() -> None:
    both = random(2, 4)
    stacked = StackedLogits("dial", both)
    assert np.array_equal(stacked.under(Sampler()), both[1])
    sampler = Sampler(weight=-0.5, plausibility=0.2)
    assert np.array_equal(stacked.under(sampler), mixed(both, MIXINGS["dial"], -0.5, 0.2))
