"""Style injected for some positions: both conditions of a token, spans, effects and their intervals."""

import math

import numpy as np
import pytest

from bftui.core.errors import UsageError
from bftui.core.pair.injection_numbers import (
    InjectedText,
    JudgedSpan,
    by_position,
    conditions,
    effect,
    effects_apart,
    span_numbers,
)


def text(entropy, style=0.0, content=-1.0, kl=0.5):
    size = len(entropy)
    return InjectedText(
        np.array(entropy, dtype=float),
        np.full(size, content),
        np.full(size, style),
        np.full(size, kl),
    )


def drawn(rng, middle, texts=40, tokens=12):
    return [text(rng.gamma(4, middle / 4, tokens)) for _ in range(texts)]


def test_conditions_are_those_of_the_two_distributions():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 3, (2, 50)).astype(np.float32)
    p, q = (np.exp(x.astype(float)) / np.exp(x.astype(float)).sum() for x in (b, a))
    found = conditions(a, b, 7)
    assert found.content == pytest.approx(math.log(q[7]), abs=1e-12)
    assert found.style == pytest.approx(math.log(p[7] / q[7]), abs=1e-12)
    assert found.kl == pytest.approx(float((p * np.log(p / q)).sum()), abs=1e-12)


def test_equal_conditions_differ_by_exactly_nothing():
    logits = np.array([1.0, -math.inf, 0.3], dtype=np.float32)
    for token in range(3):
        found = conditions(logits, logits.copy(), token)
        assert (found.style, found.kl) == (0.0, 0.0)
    other = np.array([1.0, 0.5, 0.3], dtype=np.float32)
    assert conditions(logits, other, 0).kl == math.inf


def test_a_text_has_one_number_of_each_kind_for_each_token():
    with pytest.raises(UsageError, match="one for each token"):
        InjectedText(np.zeros(3), np.zeros(3), np.zeros(2), np.zeros(3))


def test_a_span_counts_the_texts_that_reach_it_over_their_own_positions():
    texts = [text([0, 0, 1, 3], style=2.0), text([0, 0, 4], style=1.0), text([9, 9])]
    found = span_numbers([texts], JudgedSpan(2, 4))
    assert found.texts == 2
    # exp of the mean of the texts' own means: 2 and 4.
    assert found.bf == pytest.approx(math.exp(3))
    assert found.style == pytest.approx(1.5)
    assert found.content == pytest.approx(-1)
    assert span_numbers([texts], JudgedSpan(4, 8)) is None


def test_over_prompts_the_mean_is_that_of_their_branching_factors():
    prompts = [[text([math.log(2)] * 4)] * 3, [text([math.log(4)] * 4, style=1.0)] * 3, [text([1])]]
    found = span_numbers(prompts, JudgedSpan(1, 3))
    assert found.bf == pytest.approx(3)
    assert found.style == pytest.approx(0.5)
    assert found.bf_ci[0] < 3 < found.bf_ci[1]


def test_an_effect_is_a_difference_of_ln_bf_with_an_interval_that_holds_it():
    rng = np.random.default_rng(1)
    injected, plain = [drawn(rng, 1.0)], [drawn(rng, 1.5)]
    span = JudgedSpan(4, 12)
    found = effect((injected, span), (plain, span))
    means = [np.mean([each.entropy[4:12].mean() for each in side[0]]) for side in (injected, plain)]
    assert found.delta == pytest.approx(means[0] - means[1])
    assert found.ci[0] < found.delta < found.ci[1] < 0
    assert found == effect((injected, span), (plain, span))
    assert effect((injected, JudgedSpan(12, 20)), (plain, span)) is None


def test_effects_apart_is_the_difference_of_two_effects_also_paired_by_prompt():
    rng = np.random.default_rng(2)
    early, late, plain = ([drawn(rng, m, 8) for _ in range(6)] for m in (0.6, 1.4, 1.5))
    first = (early, JudgedSpan(4, 8)), (plain, JudgedSpan(4, 8))
    second = (late, JudgedSpan(8, 12)), (plain, JudgedSpan(8, 12))
    found = effects_apart(first, second)
    assert found.delta == pytest.approx(effect(*first).delta - effect(*second).delta)
    assert found.ci[1] < 0
    one = effects_apart(
        *(tuple((prompts[:1], span) for prompts, span in pair) for pair in (first, second))
    )
    assert one.ci[0] < one.delta < one.ci[1]
    assert one.ci[1] - one.ci[0] > found.ci[1] - found.ci[0]


def test_intervals_of_one_prompt_cover_the_difference_of_equal_texts():
    """Of 200 pairs that differ by chance alone about 95 in 100 intervals hold 0."""
    rng = np.random.default_rng(5)
    span = JudgedSpan(0, 6)
    held = 0
    for seed in range(200):
        sides = [([drawn(rng, 1.0, 16, 6)], span) for _ in range(2)]
        low, high = effect(*sides, seed=seed).ci
        held += low <= 0 <= high
    assert 180 <= held <= 199


def test_one_text_of_one_prompt_has_no_interval():
    found = effect(([[text([1.0])]], JudgedSpan(0, 1)), ([[text([0.5])]], JudgedSpan(0, 1)))
    assert found.delta == pytest.approx(0.5)
    assert found.ci is None


def test_positions_are_those_that_a_text_reaches():
    places = by_position([[text([1.0, 2.0])], [text([3.0], style=1.0)]])
    assert [each.texts for each in places] == [2, 1]
    assert places[0].bf == pytest.approx(math.exp(2))
    assert places[0].style == pytest.approx(0.5)
    assert places[1].bf == pytest.approx(math.exp(2))
