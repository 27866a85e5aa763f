"""Estimates of the branching factor: published values, the two ways to aggregate, intervals, ratios, Hill numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from bftui.core.bf.estimate import Sample, estimate, hill, overall, ratio
from bftui.core.errors import UsageError

RAGGED = [10, 20, 30, 40, 50, 20, 10, 30, 40, 50]
LONG = list(range(60, 241, 20))


def sample(entropies: ArrayLike, nll: ArrayLike | None = None, *, chosen: bool = False) -> Sample:
    """A sample with these numbers at its tokens; H(P) is one and a half of H(P~)."""
    entropy = np.asarray(entropies, dtype=np.float64)
    logprob = -entropy if nll is None else -np.asarray(nll, dtype=np.float64)
    length = len(entropy)
    return Sample(
        tuple(range(length)), 1.5 * entropy, entropy, logprob, logprob - 0.1, 4, "length", chosen
    )


def synthetic(lengths: Sequence[int]) -> list[Sample]:
    """The profiles whose values were computed with the authors' code."""
    made = []
    for number, length in enumerate(lengths):
        t = np.arange(length)
        made.append(sample(2 / (1 + t / 10) + 0.01 * number, 1.5 / (1 + t / 10) + 0.02 * number))
    return made


def drawn(seed: int, lengths: Sequence[int], scale: float = 1.0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [sample(scale * rng.gamma(1.0, 1.0, n), scale * rng.gamma(1.0, 1.0, n)) for n in lengths]


SAMPLES = st.lists(
    st.lists(st.floats(0, math.log(1000)), min_size=1, max_size=12).map(sample),
    min_size=1,
    max_size=9,
)


@pytest.mark.parametrize(
    ("lengths", "estimator", "bf", "by_authors"),
    [
        ([20] * 10, "entropy", 3.246851, 3.246851),
        (RAGGED, "entropy", 2.888541, 2.404414),
        ([60] * 10, "nll", 1.799296, 1.799296),
        (LONG, "nll", 1.488697, 1.490910),
    ],
)
def test_published_values(lengths: list[int], estimator: str, bf: float, by_authors: float) -> None:
    samples = synthetic(lengths)
    ours, theirs = estimate(samples), estimate(samples, compat=True)
    assert (ours.estimator, theirs.estimator) == (estimator, estimator)
    assert ours.bf == pytest.approx(bf, abs=1e-6)
    assert theirs.bf == pytest.approx(by_authors, abs=1e-6)


def test_published_values_of_the_entropy_estimator_for_long_samples() -> None:
    assert estimate(synthetic([60] * 10)).bf_entropy == pytest.approx(2.030322, abs=1e-6)
    assert estimate(synthetic(LONG)).bf_entropy == pytest.approx(1.577017, abs=1e-6)


def naive_authors(samples: Sequence[Sample], quantity: str) -> float:
    """The authors' aggregation, position after position."""
    longest = int(np.quantile([s.length for s in samples], 0.95))
    means: list[float] = []
    for i in range(longest):
        alive = [s for s in samples if s.length > i]
        if len(alive) <= 3:
            break
        if quantity == "nll":
            means.append(
                float(np.mean([-s.logprob_truncated[: i + 1].sum() / (i + 1) for s in alive]))
            )
        else:
            means.append(float(np.mean([s.entropy_truncated[i] for s in alive])))
    return math.exp(means[-1] if quantity == "nll" else sum(means) / len(means))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=4, max_size=30), st.integers(0, 9))
def test_the_authors_aggregation_is_the_obvious_loop(lengths: list[int], seed: int) -> None:
    samples = drawn(seed, lengths)
    for quantity in ("entropy", "nll"):
        found = estimate(samples, quantity, compat=True)  # type: ignore[arg-type]
        assert found.bf == pytest.approx(naive_authors(samples, quantity), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(4, 12), st.integers(0, 9))
def test_both_aggregations_agree_for_equal_lengths(length: int, count: int, seed: int) -> None:
    samples = drawn(seed, [length] * count)
    ours, theirs = estimate(samples), estimate(samples, compat=True)
    assert ours.estimator == theirs.estimator
    for name in ("bf", "bf_entropy", "bf_nll", "bf_full"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name))


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_bf_lies_between_1_and_the_most_choices(samples: list[Sample]) -> None:
    found = estimate(samples, "entropy")
    assert 1 <= found.bf <= 1000 * (1 + 1e-9)
    if found.ci is None:
        assert len(samples) == 1
    else:
        assert 1 <= found.ci[0] <= found.ci[1] <= 1000 * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.randoms())
def test_the_order_of_the_samples_makes_no_difference(samples: list[Sample], random) -> None:
    other = list(samples)
    random.shuffle(other)
    one, two = estimate(samples, seed=3), estimate(other, seed=3)
    assert one.bf == pytest.approx(two.bf)
    if one.ci is not None and two.ci is not None:
        assert one.ci == pytest.approx(two.ci)


def test_equal_choices_are_counted() -> None:
    found = estimate([sample([math.log(7)] * n) for n in (3, 9, 60)])
    assert found.bf == pytest.approx(7)
    assert found.bf_full == pytest.approx(7**1.5)
    assert found.ci == pytest.approx((7, 7))
    assert (found.samples, found.tokens, found.ended) == (3, 72, 0)


def test_auto_takes_the_likelihood_for_long_samples_that_were_drawn() -> None:
    long, short = sample(np.ones(51), np.zeros(51)), sample(np.ones(50), np.zeros(50))
    forced = sample(np.ones(51), np.zeros(51), chosen=True)
    impossible = sample(np.ones(51), np.full(51, np.nan))
    assert estimate([long, long]).estimator == "nll"
    assert estimate([long, long]).bf == 1
    for other in (short, forced, impossible):
        found = estimate([long, other])
        assert found.estimator == "entropy"
        assert found.bf == pytest.approx(math.e)
    assert estimate([long, short]).bf_nll == 1
    assert estimate([long, forced]).bf_nll is None
    assert estimate([long, impossible]).bf_nll is None


def test_what_one_sample_says() -> None:
    one = sample([1.0, 2.0], [0.5, 1.5])
    assert (one.mean_entropy, one.mean_nll) == (1.5, 1.0)
    assert one.nats_per_byte == 0.5
    chosen = sample([1.0, 2.0], [0.5, math.nan], chosen=True)
    assert (chosen.mean_nll, chosen.nats_per_byte) == (None, None)
    assert estimate([one]).ci is None


def test_over_prompts_it_is_the_mean_of_their_bfs() -> None:
    prompts = [[sample([math.log(2)])], [sample([math.log(8)])]]
    found = overall(prompts)
    assert found.bf == pytest.approx(5)
    # t(.975, 1) = 12.706, s = 6 / sqrt 2, so that half the width is 12.706 * 3 / 5.
    assert found.ci == pytest.approx((1, 5 * math.exp(12.7062047 * 3 / 5)))
    assert found.basis == "t over 2 prompts"


def test_two_prompts_say_little() -> None:
    found = overall([[sample([math.log(bf)])] * 9 for bf in (9.80, 10.02)])
    assert found.bf == pytest.approx(9.91)
    assert found.ci == pytest.approx((8.606, 11.411), abs=1e-3)


def test_many_prompts_are_resampled() -> None:
    prompts = [drawn(seed, RAGGED) for seed in range(30)]
    few, many = overall(prompts[:29]), overall(prompts)
    assert (few.basis, many.basis) == (
        "t over 29 prompts",
        "bootstrap over 30 prompts and their samples",
    )
    assert few.ci is not None
    assert many.ci is not None
    # Where the rule changes the interval does not: the same prompts say the same.
    assert many.ci == pytest.approx(few.ci, rel=0.03)
    assert overall(prompts, seed=1).ci != many.ci
    _, by_t = ratio(prompts[:29], [drawn(90 + seed, RAGGED) for seed in range(29)])
    _, drawn_again = ratio(prompts, [drawn(90 + seed, RAGGED) for seed in range(30)])
    assert by_t is not None
    assert drawn_again == pytest.approx(by_t, rel=0.05)


def test_estimators_may_differ_between_prompts() -> None:
    found = overall([drawn(0, [60] * 8), drawn(1, [20] * 8)])
    assert found.estimator == "mixed"
    assert found.bf == pytest.approx(
        (estimate(drawn(0, [60] * 8)).bf + estimate(drawn(1, [20] * 8)).bf) / 2
    )


def test_one_prompt_has_the_interval_of_its_estimate() -> None:
    samples = drawn(5, RAGGED)
    assert overall([samples], seed=9) == estimate(samples, seed=9)


@pytest.mark.parametrize("compat", [False, True])
def test_one_seed_gives_one_interval(compat: bool) -> None:
    prompts = [drawn(seed, RAGGED) for seed in range(5)]
    for some in (prompts[:1], prompts):
        first = overall(some, compat=compat, seed=2)
        assert first == overall(some, compat=compat, seed=2)
        # Only a bootstrap has draws.
        assert (first.ci == overall(some, compat=compat, seed=3).ci) == (len(some) > 1)
        assert first.ci is not None
        assert first.ci[0] < first.bf < first.ci[1]


def test_a_model_against_itself_has_ratio_1() -> None:
    prompts = [drawn(seed, RAGGED) for seed in range(5)]
    found, ci = ratio(prompts, prompts)
    assert found == pytest.approx(1)
    # Prompt by prompt there is no difference.
    assert ci == pytest.approx((1, 1))


def test_pairing_keeps_the_spread_of_prompts_out_of_the_ratio() -> None:
    # Prompts differ a hundredfold, the models always by the factor 2.
    base = [[sample([math.log(2 * b)] * 3)] * 4 for b in (1, 10, 100)]
    aligned = [[sample([math.log(b)] * 3)] * 4 for b in (1, 10, 100)]
    found, ci = ratio(base, aligned)
    assert found == pytest.approx(2)
    assert ci == pytest.approx((2, 2))


def test_the_ratio_of_one_prompt_resamples_its_samples() -> None:
    found, ci = ratio([drawn(0, [30] * 20)], [drawn(1, [30] * 20, 0.2)], "entropy")
    assert ci is not None
    assert 1 < ci[0] < found < ci[1]
    assert ratio([drawn(0, [30] * 20)], [drawn(1, [30])], "entropy")[1] is None


@pytest.mark.parametrize(("prompts", "samples"), [(1, 8), (2, 8), (6, 6), (12, 6)])
def test_intervals_of_ratios_and_means_cover(prompts: int, samples: int) -> None:
    """Prompts whose ln BF is normal around 1, samples normal around their prompt's; two models of the same kind."""
    held = {"mean": 0, "ratio": 0}
    truth = math.exp(1 + 0.3**2 / 2) if prompts > 1 else math.e
    for seed in range(100):
        rng = np.random.default_rng(seed)
        centres = 1 + 0.3 * rng.standard_normal(prompts) if prompts > 1 else np.ones(1)
        models = [
            [
                [sample([x]) for x in centre + 0.2 * rng.standard_normal(samples)]
                for centre in centres
            ]
            for _ in range(2)
        ]
        ci = overall(models[0], "entropy", seed=seed).ci
        assert ci is not None
        held["mean"] += ci[0] <= truth <= ci[1]
        _, between = ratio(models[0], models[1], "entropy", seed=seed)
        assert between is not None
        held["ratio"] += between[0] <= 1 <= between[1]
    assert all(count >= 90 for count in held.values()), held


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(UsageError, match="no samples"):
        estimate([])
    with pytest.raises(UsageError, match="no prompts"):
        overall([])
    with pytest.raises(UsageError, match="no tokens"):
        sample([])
    with pytest.raises(UsageError, match="shape"):
        Sample((1, 2), np.ones(2), np.ones(1), np.ones(2), np.ones(2), 2, "eog")
    with pytest.raises(UsageError, match="not drawn"):
        estimate([sample([1.0], chosen=True)], "nll")
    with pytest.raises(UsageError, match="at least 4"):
        estimate(drawn(0, [5] * 3), compat=True)
    with pytest.raises(UsageError, match="paired"):
        ratio([drawn(0, [5])], [])
    with pytest.raises(UsageError, match="estimator"):
        estimate(drawn(0, [5]), "other")  # type: ignore[arg-type]


def test_hill_numbers() -> None:
    p = [0.5, 0.2, 0.15, 0.1, 0.04, 0.01]
    assert hill(p, 0) == pytest.approx(6)
    assert hill(p, 1) == pytest.approx(3.8887759, abs=1e-6)
    assert hill(p, 2) == pytest.approx(1 / sum(x * x for x in p))
    assert hill(p, math.inf) == 2
    assert hill(p, 1 + 1e-7) == pytest.approx(hill(p, 1), abs=1e-5)
    assert hill([*p, 0.0], 0) == pytest.approx(6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.floats(0, 300))
def test_equal_chances_have_one_hill_number(count: int, q: float) -> None:
    assert hill(np.full(count, 1 / count), q) == pytest.approx(count, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=20))
def test_hill_numbers_fall_with_their_order(weights: list[float]) -> None:
    found = [hill(weights, q) for q in (0, 0.5, 1, 1.5, 2, 50, math.inf)]
    assert all(a >= b * (1 - 1e-9) for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("p", "q"), [([], 1), ([0, 0], 1), ([-1, 2], 1), ([math.nan], 1), ([1], -1)]
)
def test_no_hill_number(p: list[float], q: float) -> None:
    with pytest.raises(UsageError, match="Hill number"):
        hill(p, q)
