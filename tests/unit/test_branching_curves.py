"""Cumulative curves and windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.bf.estimate import Sample, curve, estimate, overall, windows
from bftui.core.errors import UsageError


def sample(entropies: list[float], nll: list[float] | None = None) -> Sample:
    entropy = np.array(entropies)
    logprob = -entropy if nll is None else -np.array(nll)
    return Sample(
        tuple(range(len(entropy))), entropy, entropy, logprob, logprob, len(entropy), "eog"
    )


def drawn(seed: int, lengths: list[int]) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [sample(list(rng.gamma(1.0, 1.0, n)), list(rng.gamma(1.0, 1.0, n))) for n in lengths]


LENGTHS = st.lists(st.integers(1, 70), min_size=4, max_size=9)


def test_a_curve_is_the_mean_so_far() -> None:
    points = curve([[sample([1.0, 3.0, 2.0]), sample([3.0])]], "entropy")
    assert [point.bf for point in points] == pytest.approx([math.exp(x) for x in (2, 2.5, 2.5)])
    assert [point.n for point in points] == [2, 1, 1]
    assert [point.position for point in points] == [0, 1, 2]
    assert points[0].std == pytest.approx(np.std([math.e, math.e**3], ddof=1))


@settings(max_examples=60, deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=3))
def test_a_curve_ends_at_the_estimate(lengths: list[list[int]]) -> None:
    prompts = [drawn(seed, some) for seed, some in enumerate(lengths)]
    points = curve(prompts)
    whole = overall(prompts)
    assert (points[-1].bf, (points[-1].low, points[-1].high)) == (whole.bf, whole.ci)
    assert all(point.low is not None and point.high is not None for point in points)
    assert all(1 <= (point.low or 0) <= (point.high or 0) for point in points)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(0, 9))
def test_the_authors_curve_of_a_prompt_ends_at_their_estimate(
    lengths: list[int], seed: int
) -> None:
    samples = drawn(seed, lengths)
    points = curve([samples], compat=True)
    assert points[-1].bf == pytest.approx(estimate(samples, compat=True).bf)


def test_a_curve_turns_to_the_likelihood_at_50_tokens() -> None:
    samples = [sample([1.0] * 60, [0.0] * 60)] * 8
    points = curve([samples])
    assert [point.bf for point in points[:50]] == pytest.approx([math.e] * 50)
    assert [point.bf for point in points[50:]] == pytest.approx([1.0] * 10)
    assert curve([samples], "entropy")[-1].bf == pytest.approx(math.e)
    assert curve([samples], "nll")[0].bf == pytest.approx(1)
    short = [*samples, sample([1.0] * 50, [0.0] * 50)]
    assert curve([short])[-1].bf == pytest.approx(math.e)


def test_the_authors_curve_stops_where_few_go_on() -> None:
    samples = drawn(3, [5, 5, 9, 9, 9, 9, 20, 20, 20])
    points = curve([samples], compat=True)
    assert len(points) == 9
    assert points[-1].n == 7
    assert points[-1].bf == pytest.approx(estimate(samples, compat=True).bf)
    assert points[0].std == 0
    two = curve([samples, drawn(4, [3] * 5)], compat=True)
    assert len(two) == 9
    assert two[-1].bf == pytest.approx(points[-1].bf)


def test_the_band_is_that_of_the_estimate_at_the_end() -> None:
    samples = drawn(5, [30] * 20)
    last, found = curve([samples], "entropy")[-1], estimate(samples, "entropy")
    assert (last.low, last.high) == found.ci
    assert curve([samples[:1]])[-1].low is None


def test_a_prompt_that_is_alone_at_a_place_has_its_own_interval() -> None:
    # The authors' curve of a prompt ends: only the second one goes on past 10 tokens.
    prompts = [drawn(1, [10] * 8), drawn(2, [30] * 8)]
    points = curve(prompts, "entropy", compat=True)
    alone = curve(prompts[1:], "entropy", compat=True)
    assert [point.bf for point in points[10:]] == pytest.approx([at.bf for at in alone[10:]])
    assert (points[20].low, points[20].high) == pytest.approx(
        (alone[20].low, alone[20].high), rel=0.1
    )


def test_deviation_over_prompts() -> None:
    prompts = [[sample([math.log(x)])] * 2 for x in (2.0, 4.0, 9.0)]
    point = curve(prompts)[0]
    assert point.bf == pytest.approx(5)
    assert point.std == pytest.approx(np.std([2, 4, 9], ddof=1))


def test_windows_are_means_of_exps() -> None:
    one, two = sample([0.0] * 5 + [1.0] * 5 + [9.0]), sample([2.0] * 5)
    found = windows([[one, two]], least=1)
    assert [window.position for window in found] == [0, 5]
    assert [window.bf for window in found] == pytest.approx([(1 + math.e**2) / 2, math.e])
    assert [window.n for window in found] == [2, 1]
    assert found[0].smoothed == found[0].bf
    assert found[1].smoothed == pytest.approx(0.1 * found[1].bf + 0.9 * found[0].bf)


def test_windows_have_intervals_of_their_own_average() -> None:
    samples = drawn(3, [20] * 12)
    for at in windows([samples]):
        assert at.low is not None
        assert at.high is not None
        assert at.low < at.bf < at.high
    (only, *_) = windows([samples[:1]])
    assert (only.low, only.high) == (None, None)
    # Two prompts of 4 and 6: t(.975, 1) = 12.706, s = sqrt 2.
    (found,) = windows([[sample([math.log(bf)] * 5)] * 4 for bf in (4.0, 6.0)])
    half = 12.7062047 * math.sqrt(2) / math.sqrt(2) / 5
    assert (found.low, found.high) == pytest.approx((1.0, 5 * math.exp(half)))
    assert windows([samples], seed=1) != windows([samples], seed=2)


def test_windows_need_4_samples_or_all() -> None:
    lengths = [4, 10, 10, 15, 20, 25, 30, 30]
    assert [window.n for window in windows([drawn(0, lengths)])] == [7, 7, 5, 4]
    assert len(windows([drawn(0, [10, 25])])) == 2
    assert windows([drawn(0, [4, 4])]) == []
    assert len(windows([drawn(0, [10] * 8), drawn(1, [25] * 8)])) == 5


def test_the_authors_windows_end_with_the_shortest_sample() -> None:
    samples = drawn(0, [12, *[40] * 30])
    assert [window.n for window in windows([samples], compat=True)] == [31, 31]
    assert windows([drawn(0, [40] * 24)], compat=True) == []
    assert len(windows([drawn(0, [40] * 10)], compat=True, least=10)) == 8


def test_a_window_is_never_below_the_exp_of_its_mean() -> None:
    samples = drawn(2, [5] * 9)
    assert windows([samples])[0].bf >= estimate(samples, "entropy").bf


@pytest.mark.parametrize("arguments", [{"size": 0}, {"alpha": 0.0}, {"alpha": 1.1}, {"least": 0}])
def test_what_is_no_window_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="windows"):
        windows([drawn(0, [5])], **arguments)  # type: ignore[arg-type]


def test_no_prompts_and_no_samples_are_refused() -> None:
    for function in (curve, windows):
        with pytest.raises(UsageError, match="no prompts"):
            function([])
        with pytest.raises(UsageError, match="no samples"):
            function([[]])
