"""A forced text against its controls: the two intervals by the t distribution, Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bftui.core.bf.contrast import Contrast, contrast, contrast_samples, holm, mean_interval
from bftui.core.errors import UsageError
from tests.groups import STATISTICS, Later

pytestmark = STATISTICS

stats = Later("scipy.stats")

CONTROLS = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, 0.95, 1.15, 0.85, 1.0, 1.1, 0.9]


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3])
def test_interval_and_p_are_those_of_one_more_observation(alpha: float) -> None:
    found = contrast(0.5, CONTROLS, alpha)
    count, mean, deviation = len(CONTROLS), np.mean(CONTROLS), np.std(CONTROLS, ddof=1)
    scale = deviation * math.sqrt(1 + 1 / count)
    half = stats.t.ppf(1 - alpha / 2, count - 1) * scale
    assert found.delta == pytest.approx(0.5 - mean)
    assert found.delta_ci == pytest.approx((0.5 - mean - half, 0.5 - mean + half))
    assert found.p == pytest.approx(2 * stats.t.sf((mean - 0.5) / scale, count - 1))


def test_a_single_control_has_no_spread_and_none_no_difference() -> None:
    assert contrast(0.0, [1.0]) == Contrast(-1.0, None, None)
    assert contrast(0.0, []) == Contrast(None, None, None)
    assert contrast_samples([0.0], []) == Contrast(None, None, None)


def test_controls_that_are_all_equal_leave_no_room() -> None:
    assert contrast(1.0, [1.0] * 8) == Contrast(0.0, (0.0, 0.0), 1.0)
    assert contrast(0.5, [1.0] * 8) == Contrast(-0.5, (-0.5, -0.5), 0.0)


def test_the_interval_holds_one_more_text_of_the_kind_in_95_of_100() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        values = rng.standard_normal(13)
        ci = contrast(values[0], list(values[1:])).delta_ci
        assert ci is not None
        held += ci[0] <= 0 <= ci[1]
    assert 930 <= held <= 970


def test_numbers_that_are_none_are_refused() -> None:
    for forced, controls in ((math.nan, CONTROLS), (0.0, [1.0, -math.inf])):
        with pytest.raises(UsageError, match="finite"):
            contrast(forced, controls)


def test_holm_steps_down() -> None:
    # 5 × .0001, 4 × .001, 3 × .03 and, since a larger p gets no smaller one, the same for .04; 1 × .9.
    assert holm([0.04, 0.001, 0.03, 0.9, 0.0001]) == pytest.approx([0.09, 0.004, 0.09, 0.9, 0.0005])
    # What was not tested is not counted.
    assert holm([0.02, None, 0.04]) == pytest.approx([0.04, None, 0.04])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([0.3]) == [0.3]
    assert holm([]) == []


# The noise of sampling alone -----------------------------------------------------------------------------------


def test_two_texts_are_compared_by_the_spread_of_their_samples() -> None:
    one, other = [1.0, 1.4, 0.7, 1.1], [2.0, 2.9, 1.6, 2.2, 2.4]
    delta = np.mean(one) - np.mean(other)
    error = math.hypot(stats.sem(one), stats.sem(other))
    found = contrast_samples(one, [other])
    assert found.delta == pytest.approx(delta)
    assert found.p == pytest.approx(2 * stats.t.sf(-delta / error, 3))
    assert found.delta_ci == pytest.approx(stats.t.interval(0.95, 3, delta, error))
    third = contrast_samples(one, [other], 0.05 / 3)
    assert third.delta_ci == pytest.approx(stats.t.interval(1 - 0.05 / 3, 3, delta, error))


def test_one_sample_says_nothing_of_noise_and_equal_ones_say_there_is_none() -> None:
    assert contrast_samples([1.0], [[2.0, 3.0]]) == Contrast(-1.5, None, None)
    assert contrast_samples([1.0, 2.0], [[2.0, 3.0], [2.0]]).delta_ci is None
    assert contrast_samples([1.0] * 3, [[2.0] * 3] * 2) == Contrast(-1.0, (-1, -1), 0.0)
    assert contrast_samples([1.0] * 3, [[1.0] * 3] * 2).p == 1


def test_the_noise_against_several_controls_is_that_of_the_contract() -> None:
    """By hand: delta ± t(M−1)·√(v_f/M + Σ v_k/(K²M))."""
    forced = [1.0, 2.0, 3.0]
    controls = [[1.0, 1.0, 4.0], [0.0, 2.0, 4.0]]
    # Variances 1, 3, 4; M = 3, K = 2; means 2, 2, 2.
    half = stats.t.ppf(0.975, 2) * math.sqrt(1 / 3 + 3 / 12 + 4 / 12)
    found = contrast_samples(forced, controls)
    assert found.delta == pytest.approx(0)
    assert found.delta_ci == pytest.approx((-half, half))


@pytest.mark.parametrize(("samples", "fewest", "most"), [(4, 955, 990), (12, 940, 970)])
def test_the_noise_interval_holds_the_difference_of_these_very_texts(
    samples: int, fewest: int, most: int
) -> None:
    """Texts whose own means are known, each with samples of another spread: with 4 of them in 97 of 100."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        means, spreads = rng.normal(1, 0.5, 13), rng.uniform(0.05, 0.6, 13)
        drawn = rng.normal(means[:, None], spreads[:, None], (13, samples))
        true = means[0] - means[1:].mean()
        ci = contrast_samples(drawn[0].tolist(), drawn[1:].tolist()).delta_ci
        assert ci is not None
        held += ci[0] <= true <= ci[1]
    assert fewest <= held <= most


def test_a_few_lopsided_samples_have_an_interval_that_is_wide_enough() -> None:
    """Where a rare sample is far off, four of them often look alike; Welch's interval held in 87 of 100."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        drawn = rng.exponential(1, (13, 4))
        ci = contrast_samples(drawn[0].tolist(), drawn[1:].tolist()).delta_ci
        assert ci is not None
        held += ci[0] <= 0 <= ci[1]
    assert 910 <= held <= 960


def test_the_mean_of_controls_has_a_t_interval() -> None:
    low, high = stats.t.interval(0.95, 11, np.mean(CONTROLS), stats.sem(CONTROLS))
    assert mean_interval(CONTROLS) == pytest.approx((math.exp(low), math.exp(high)))
    found = mean_interval([0.0, 0.5])
    assert found is not None
    assert found[0] == 1
    assert mean_interval([1.0]) is None
