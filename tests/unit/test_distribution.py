"""Distributions against a slow and obvious version, closed forms and published values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bftui.core.distribution import TOP, Distribution
from bftui.core.errors import InvalidToken, NonFiniteLogits, UsageError
from bftui.core.kept_tokens import kept_tokens
from bftui.core.sampler import Sampler

GOLDEN = np.log(np.array([0.5, 0.2, 0.15, 0.1, 0.04, 0.01]))


def naive(logits, sampler):
    """Sorts everything in Python; returns (kept ids in order, P, P~)."""
    x = [float(v) for v in logits]
    top = max(x)
    p = np.array([math.exp(v - top) for v in x])
    q = np.array([math.exp((v - top) / sampler.temperature) for v in x])
    p, q = p / p.sum(), q / q.sum()
    order = sorted(range(len(x)), key=lambda i: (-x[i], i))
    order = [i for i in order if q[i] > 0]
    size = len(order)
    if sampler.top_k:
        size = min(size, sampler.top_k)
    if sampler.top_p < 1:
        mass = np.cumsum(q[order])
        size = min(size, int(np.argmax(mass >= sampler.top_p)) + 1)
    if sampler.min_p:
        size = min(size, sum(q[i] / q[order[0]] >= sampler.min_p for i in order))
    kept = order[: max(1, size)]
    cut = np.zeros_like(q)
    cut[kept] = q[kept] / q[kept].sum()
    return kept, p, cut


def entropy(p):
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


SAMPLERS = st.builds(
    Sampler,
    temperature=st.sampled_from([1.0, 0.3, 0.7, 1.7]),
    top_k=st.sampled_from([0, 0, 1, 7, 60]),
    top_p=st.sampled_from([1.0, 0.9, 0.35, 0.999, 1e-9]),
    min_p=st.sampled_from([0.0, 0.0, 0.05, 0.31, 1.0]),
)


def eighths(size, most, seed):
    """Multiples of 1/8 make ties; the float64 sums of both sides may then differ only in the last place."""
    return (np.random.default_rng(seed).integers(-most, most + 1, size) / 8).astype(np.float32)


# One number for all logits: a choice for each of them would take most of an example's time.
LOGITS = st.builds(
    eighths, st.integers(1, 400), st.integers(0, 80), st.integers(0, 2**32 - 1)
) | hnp.arrays(np.float32, st.integers(1, 12), elements=st.integers(-80, 80).map(lambda i: i / 8))


@settings(max_examples=300, deadline=None)
@given(LOGITS, SAMPLERS, st.floats(0, 1, exclude_max=True))
def test_equals_the_obvious_version(logits, sampler, u):
    distribution = Distribution(logits, sampler)
    summary = distribution.summary()
    kept, p, cut = naive(logits, sampler)
    if distribution.kept != len(kept):
        # Sums that meet the threshold exactly may be split by rounding; nothing else may differ.
        edge = sorted((distribution.kept, len(kept)))
        _, _, tempered = naive(logits, Sampler(sampler.temperature, top_p=1.0))
        order = sorted(range(len(logits)), key=lambda i: (-float(logits[i]), i))
        masses = np.cumsum(tempered[order])[edge[0] - 1 : edge[1]]
        assert abs(masses - sampler.top_p).min() < 1e-12
        return
    assert summary.entropy == pytest.approx(entropy(p), abs=1e-11)
    assert summary.entropy_truncated == pytest.approx(entropy(cut), abs=1e-11)
    assert summary.bf == math.exp(summary.entropy_truncated)
    assert summary.bf_full == math.exp(summary.entropy)
    assert summary.collision == pytest.approx(float((cut * cut).sum()), abs=1e-12)
    assert summary.hill2 == 1 / summary.collision >= 1
    variance = float((p * (np.log(np.maximum(p, 1e-300)) + entropy(p)) ** 2).sum())
    assert summary.varentropy == pytest.approx(variance, abs=1e-9)
    order = sorted(range(len(logits)), key=lambda i: (-float(logits[i]), i))
    assert list(summary.top_ids) == order[:TOP]
    assert summary.top_logprobs == pytest.approx(np.log(p[order[:TOP]]), abs=1e-11)
    assert summary.tail_mass == pytest.approx(max(0, 1 - p[order[:TOP]].sum()), abs=1e-11)
    for place, token_id in enumerate(summary.top_ids):
        logprob = summary.logprob_truncated(place)
        assert (logprob is None) == (cut[token_id] == 0)
        if logprob is not None:
            assert math.exp(logprob) == pytest.approx(cut[token_id], abs=1e-12)
    drawn = distribution.draw(u)
    assert cut[drawn] > 0
    assert cut[:drawn].sum() <= u + 1e-9
    assert drawn == max(kept) or u < cut[: drawn + 1].sum() + 1e-9
    assert distribution.greedy() == order[0]
    assert list(distribution.ranking()) == order


@settings(max_examples=200, deadline=None)
@given(LOGITS, SAMPLERS, st.floats(0, 1, exclude_max=True), st.sampled_from([0, 1, 2, 7, 60, 500]))
def test_a_sample_is_the_draw_with_its_numbers(logits, sampler, u, cap_k):
    distribution = Distribution(logits, sampler)
    sample, summary = distribution.sample(u, cap_k), distribution.summary()
    scored = distribution.score(sample.token_id)
    assert sample.token_id == distribution.draw(u)
    assert (sample.entropy, sample.logprob) == (summary.entropy, scored.logprob)
    if not cap_k:
        assert sample.entropy_truncated == summary.entropy_truncated
        assert sample.logprob_truncated == scored.logprob_truncated
        return
    ids = [int(i) for i in distribution.ranking()[: min(cap_k, distribution.kept)]]
    ids += [sample.token_id] * (sample.token_id not in ids)
    capped = np.exp(distribution.logprobs(ids) / sampler.temperature)
    capped /= capped.sum()
    assert sample.entropy_truncated == pytest.approx(entropy(capped), abs=1e-9)
    logprob = math.log(capped[ids.index(sample.token_id)])
    assert sample.logprob_truncated == pytest.approx(logprob, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(LOGITS, SAMPLERS, st.data())
def test_scores_of_single_tokens(logits, sampler, data):
    token_id = data.draw(st.integers(0, len(logits) - 1))
    distribution = Distribution(logits, sampler)
    scored = distribution.score(token_id)
    assert scored.rank == 1 + int((logits > logits[token_id]).sum())
    assert scored.logprob == pytest.approx(float(distribution.logprobs([token_id])[0]), abs=0)
    position = list(distribution.ranking()).index(token_id)
    assert (scored.logprob_truncated is not None) == (position < distribution.kept)
    if position < TOP and scored.logprob_truncated is not None:
        truncated = distribution.summary().logprob_truncated(position)
        assert scored.logprob_truncated == pytest.approx(truncated, abs=1e-12)


@pytest.mark.parametrize("size", [3000, 32000, 128256])
@pytest.mark.parametrize("spread", [0.01, 1.0, 3.0, 12.0])
def test_large_vocabularies_take_the_short_cuts_to_the_same_result(size, spread):
    logits = (np.random.default_rng(size).standard_normal(size) * spread).astype(np.float32)
    logits = np.round(logits * 64) / 64
    sampler = Sampler(top_p=0.9)
    distribution = Distribution(logits, sampler)
    order = np.lexsort((np.arange(size), -logits))
    p = np.exp(logits.astype(np.float64) - logits.max())
    p /= p.sum()
    mass = np.cumsum(p[order])
    assert distribution.kept in np.flatnonzero(np.abs(mass - 0.9) < 1e-12) + 1 or (
        distribution.kept == int(np.argmax(mass >= 0.9)) + 1
    )
    assert list(distribution.summary().top_ids) == list(order[:TOP])
    assert distribution.entropy == pytest.approx(entropy(p), abs=1e-9)


@given(LOGITS, st.integers(-500, 500))
def test_a_shift_of_the_logits_changes_nothing(logits, shift):
    one, other = (
        Distribution(x, Sampler()).summary() for x in (logits, logits + np.float32(shift))
    )
    assert one.entropy == pytest.approx(other.entropy, abs=1e-9)
    assert one.kept == other.kept
    assert list(one.top_ids) == list(other.top_ids)


def test_golden_values():
    summary = Distribution(GOLDEN, Sampler()).summary()
    assert summary.entropy == pytest.approx(1.3580944, abs=5e-8)
    assert summary.bf_full == pytest.approx(3.8887759, abs=1e-7)
    assert summary.varentropy == pytest.approx(0.6104360, abs=5e-8)
    assert summary.kept == 4
    assert summary.entropy_truncated == pytest.approx(1.1942727, abs=5e-8)
    assert summary.bf == pytest.approx(3.3011559, abs=5e-8)
    kept = [math.exp(summary.logprob_truncated(i)) for i in range(4)]
    assert kept == pytest.approx([0.5263, 0.2105, 0.1579, 0.1053], abs=5e-5)
    assert Distribution(GOLDEN, Sampler(top_p=1.0, min_p=0.1)).kept == 4


def test_edges_of_top_p():
    assert Distribution(np.log([0.95, 0.05]), Sampler()).kept == 1
    assert Distribution(np.log([0.95, 0.05]), Sampler()).summary().bf == 1
    assert Distribution(np.zeros(4), Sampler()).summary().bf == pytest.approx(4)
    # Nine times 0.1 is 0.8999999 in float64, and contract 1 allows no epsilon.
    assert Distribution(np.zeros(10), Sampler()).kept == 10


@pytest.mark.parametrize("size", [2, 100, 5000])
def test_closed_forms(size):
    uniform = Distribution(np.zeros(size), Sampler(top_p=1.0)).summary()
    assert uniform.entropy == pytest.approx(math.log(size), abs=1e-12)
    assert uniform.varentropy == pytest.approx(0, abs=1e-12)
    one = np.full(size, -math.inf)
    one[1] = 3.0
    certain = Distribution(one, Sampler(top_p=1.0)).summary()
    assert certain.entropy == certain.entropy_truncated == certain.tail_mass == 0
    assert list(certain.top_ids) == [1]
    assert certain.kept == 1
    assert Distribution(one, Sampler()).score(0).logprob == -math.inf
    assert Distribution(one, Sampler()).score(0).logprob_truncated is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_distribution_is_refused(bad):
    with pytest.raises(NonFiniteLogits):
        Distribution(np.array([0.0, bad, 1.0]), Sampler())
    with pytest.raises(NonFiniteLogits):
        Distribution(np.full(3, -math.inf), Sampler())


def test_ids_outside_the_vocabulary_are_refused():
    for token_id in (-1, 6):
        with pytest.raises(InvalidToken):
            Distribution(GOLDEN, Sampler()).score(token_id)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"top_k": -1},
        {"seed": -1},
        {"seed": 2**64},
    ],
)
def test_samplers_that_make_no_sense_are_refused(settings):
    with pytest.raises(UsageError):
        Sampler(**settings)


def test_a_summary_cannot_be_changed():
    summary = Distribution(GOLDEN, Sampler()).summary()
    with pytest.raises(ValueError, match="read-only"):
        summary.top_ids[0] = 3
    with pytest.raises(AttributeError):
        summary.entropy = 0.0


@pytest.mark.parametrize("temperature", [1e-6, 0.5, 100.0, 1e6])
def test_what_is_impossible_stays_so_at_any_temperature(temperature):
    logits = np.log(
        np.array([0.5, 0.0, 0.5, 0.0, 1e-30]), where=[1, 0, 1, 0, 1], out=np.full(5, -np.inf)
    )
    distribution = Distribution(logits, Sampler(temperature=temperature, top_p=1.0))
    assert distribution.draw(0.999999) in (0, 2, 4)
    assert distribution.kept <= 3
    assert distribution.score(1).logprob_truncated is None
    assert list(distribution.summary().top_ids) == [0, 2, 4]


def test_finite_logits_of_any_size_rank_above_impossible_ones():
    distribution = Distribution(np.array([0.0, -20_000.0, -15_000.0, -np.inf]), Sampler(top_p=1.0))
    assert [distribution.score(i).rank for i in range(4)] == [1, 3, 2, 4]
    assert distribution.score(1).logprob == -20_000


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 300),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "temperature": st.sampled_from([1.0, 0.3, 1.7]),
            "top_k": st.sampled_from([0, 0, 1, 5, 60]),
            "top_p": st.sampled_from([1.0, 0.9, 0.4]),
            "min_p": st.sampled_from([0.0, 0.1]),
            "epsilon": st.sampled_from([0.0, 0.01]),
            "xtc_probability": st.sampled_from([0.0, 0.4, 1.0]),
            "xtc_threshold": st.sampled_from([1e-3, 0.1, 0.5]),
            "pinned": st.sampled_from([(), (0,), (0, 0)]),
        }
    ),
)
def test_what_is_kept_of_changed_logits_is_what_an_order_of_all_tokens_says(
    seed, size, ties, given_
):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, size).astype(np.float32)
    steered = logits.astype(np.float64) + rng.normal(0, 1, size)
    steered[rng.random(size) < 0.2] = -np.inf
    steered[rng.integers(size)] = 2.0
    if ties:
        steered = np.round(steered * 2) / 2
    sampler = Sampler(**given_)
    found = Distribution(logits, sampler, steered)
    expected = kept_tokens(steered, sampler)
    probs = found.kept_probs(np.arange(size))
    assert np.flatnonzero(probs).tolist() == expected.ids.tolist()
    assert probs[expected.ids] == pytest.approx(expected.probs, rel=1e-9)
    assert found.entropy_truncated == pytest.approx(expected.entropy, abs=1e-9)


def test_a_pinned_token_outside_the_vocabulary_is_refused():
    with pytest.raises(InvalidToken, match="token 9 is not in the vocabulary of 3"):
        Distribution(np.zeros(3, np.float32), Sampler(pinned=(9,)))
