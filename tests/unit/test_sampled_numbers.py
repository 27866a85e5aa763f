"""Validity and diversity from samples, against the distribution that they were drawn from."""

import math

import numpy as np
import pytest

from bftui.core.bf.samples import Sample
from bftui.core.valid.sampled_numbers import sampled_numbers

END = 9


def sample(token_ids, logprob):
    """A sample whose whole ln P is that of its last token."""
    count = len(token_ids)
    logs = np.zeros(count)
    logs[-1] = logprob
    zeros = np.zeros(count)
    return Sample(tuple(token_ids), zeros, zeros, logs, logs, n_bytes=count, finish="length")


def drawn(probs, count, seed):
    """Samples of answers 0, 1, … with these probabilities, and of an invalid one with the rest."""
    whole = [*probs, 1 - sum(probs)]
    chosen = np.random.default_rng(seed).choice(len(whole), size=count, p=whole)
    return [sample((int(each), END), math.log(whole[each])) for each in chosen]


def numbers(samples, answers, seed=1):
    return sampled_numbers(samples, lambda ids: ids[0] < answers, {END}, answers, seed)


def test_intervals_hold_the_truth_as_often_as_they_say():
    probs = [0.3, 0.15, 0.1, 0.05]
    validity = sum(probs)
    diversity = math.exp(-sum(p / validity * math.log(p / validity) for p in probs)) / len(probs)
    held = {"validity": 0, "diversity": 0}
    for seed in range(200):
        found = numbers(drawn(probs, 400, seed), len(probs), seed)
        held["validity"] += found.validity_ci[0] <= validity <= found.validity_ci[1]
        held["diversity"] += found.diversity_ci[0] <= diversity <= found.diversity_ci[1]
    assert all(182 <= count <= 198 for count in held.values()), held


def test_the_estimate_is_that_of_the_formula():
    samples = [sample((0, END), -1.0), sample((1, END), -3.0), sample((7, END), -0.5)]
    found = numbers(samples, 4)
    assert (found.samples, found.valid) == (3, 2)
    assert found.validity == pytest.approx(2 / 3)
    assert found.diversity == pytest.approx(min(1.0, math.exp(math.log(2 / 3) + 2.0) / 4))


def test_what_comes_after_the_end_of_an_answer_does_not_count():
    early = sample((0, END, 5, 5), -2.0)
    open_ended = sample((0, 5, 5), -2.0)
    found = sampled_numbers([early, open_ended, early], lambda ids: ids == (0,), {END}, 1, 0)
    assert found.valid == 2
    # The tokens up to the end have ln P 0 here.
    assert found.diversity == pytest.approx(2 / 3)


@pytest.mark.parametrize("valid", [0, 1])
def test_fewer_than_two_valid_samples_say_nothing_of_diversity(valid):
    samples = [sample((0, END), -1.0)] * valid + [sample((7, END), -1.0)] * 5
    found = numbers(samples, 4)
    assert (found.diversity, found.diversity_ci) == (None, None)
    assert found.validity_ci[0] <= found.validity <= found.validity_ci[1] < 1
