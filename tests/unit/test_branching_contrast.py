"""A forced text against its controls: interval and verdict by the t distribution, Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bftui.core.bf.contrast import contrast_samples, mean_interval
from bftui.core.bf.estimate import Contrast, Sample, contrast, with_holm
from bftui.core.errors import UsageError

CONTROLS = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, 0.95, 1.15, 0.85, 1.0, 1.1, 0.9]


def test_interval_and_p_are_those_of_one_more_observation() -> None:
    found = contrast(0.5, CONTROLS)
    count, mean, deviation = len(CONTROLS), np.mean(CONTROLS), np.std(CONTROLS, ddof=1)
    scale = deviation * math.sqrt(1 + 1 / count)
    half = stats.t.ppf(0.975, count - 1) * scale
    assert found.delta == pytest.approx(0.5 - mean)
    assert found.delta_ci == pytest.approx((0.5 - mean - half, 0.5 - mean + half))
    assert found.p == pytest.approx(2 * stats.t.sf((mean - 0.5) / scale, count - 1))
    assert (found.verdict, found.controls, found.p_holm) == ("narrows", 12, None)


@pytest.mark.parametrize(
    ("forced", "spread", "verdict"),
    [
        (0.0, 0.1, "narrows"),
        (2.0, 0.1, "widens"),
        (1.0, 0.01, "no effect"),
        (1.0, 0.2, "undecided"),
        (1.06, 0.03, "undecided"),
    ],
)
def test_verdicts(forced: float, spread: float, verdict: str) -> None:
    controls = [1 + spread * x for x in (-1.0, 1.0) * 6]
    assert contrast(forced, controls).verdict == verdict


def test_few_controls_decide_nothing() -> None:
    seven = contrast(0.0, CONTROLS[:7])
    assert seven.verdict == "undecided"
    assert seven.delta_ci is not None
    assert seven.delta_ci[1] < 0
    assert contrast(0.0, [1.0]) == Contrast(-1.0, None, None, "undecided", 1)
    assert contrast(0.0, []) == Contrast(None, None, None, "undecided", 0)


def test_controls_that_are_all_equal() -> None:
    assert contrast(1.0, [1.0] * 8).verdict == "no effect"
    assert contrast(1.0, [1.0] * 8).p == 1
    assert contrast(0.9, [1.0] * 8).verdict == "narrows"
    assert contrast(0.9, [1.0] * 8).p == 0


def test_the_interval_holds_one_more_text_of_the_kind_in_95_of_100() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        values = rng.standard_normal(13)
        ci = contrast(values[0], list(values[1:])).delta_ci
        assert ci is not None
        held += ci[0] <= 0 <= ci[1]
    assert 930 <= held <= 970


def made(p: float, verdict: str, ci: tuple[float, float], controls: int = 12) -> Contrast:
    return Contrast(0.0, ci, p, verdict, controls)  # type: ignore[arg-type]


def test_holm_steps_down_and_takes_verdicts_back() -> None:
    contrasts = [
        made(0.04, "narrows", (-0.5, -0.01)),
        made(0.001, "widens", (0.3, 0.9)),
        made(0.03, "narrows", (-0.09, -0.001)),
        made(0.9, "no effect", (-0.05, 0.05)),
        made(0.0001, "undecided", (-9.0, -1.0), controls=7),
    ]
    found = with_holm(contrasts)
    assert [one.p_holm for one in found] == pytest.approx([0.09, 0.004, 0.09, 0.9, None])
    assert [one.verdict for one in found] == [
        "undecided",
        "widens",
        "no effect",
        "no effect",
        "undecided",
    ]
    assert [one.p for one in found] == [one.p for one in contrasts]


def test_holm_of_one_changes_nothing_but_says_so() -> None:
    one = contrast(0.5, CONTROLS)
    assert with_holm([one])[0].verdict == "narrows"
    assert with_holm([one])[0].p_holm == one.p
    assert with_holm([]) == []


def test_numbers_that_are_none_are_refused() -> None:
    for forced, controls in ((math.nan, CONTROLS), (0.0, [1.0, -math.inf])):
        with pytest.raises(UsageError, match="finite"):
            contrast(forced, controls)


def samples(means: list[float]) -> list[Sample]:
    numbers = [np.array([mean]) for mean in means]
    return [Sample((0,), x, x, -x, -x, 1, "length") for x in numbers]


def test_two_texts_are_compared_by_welch() -> None:
    one, other = [1.0, 1.4, 0.7, 1.1], [2.0, 2.9, 1.6, 2.2, 2.4]
    found, expected = (
        contrast_samples(samples(one), samples(other)),
        stats.ttest_ind(one, other, equal_var=False),
    )
    assert found.p == pytest.approx(expected.pvalue)
    assert found.delta_ci == pytest.approx(tuple(expected.confidence_interval()))
    assert (found.verdict, found.controls) == ("undecided", 1)
    assert contrast_samples(samples([1.0]), samples(other)).delta_ci is None
    assert contrast_samples(samples([1.0] * 3), samples([2.0] * 3)).delta_ci == (-1, -1)


def test_the_mean_of_controls_has_a_t_interval() -> None:
    low, high = stats.t.interval(0.95, 11, np.mean(CONTROLS), stats.sem(CONTROLS))
    assert mean_interval(CONTROLS) == pytest.approx((math.exp(low), math.exp(high)))
    found = mean_interval([0.0, 0.5])
    assert found is not None
    assert found[0] == 1
    assert mean_interval([1.0]) is None
