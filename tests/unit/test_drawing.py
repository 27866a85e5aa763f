"""Tokens drawn for a batch of rows: those of each row alone, with its numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.batch_sampling import draw_rows
from bftui.core.distribution import Distribution
from bftui.core.errors import NonFiniteLogits
from bftui.core.sampler import Sampler
from tests.unit.test_distribution import LOGITS, SAMPLERS


def same(found, alone):
    assert found.token_id == alone.token_id
    for name in ("entropy", "entropy_truncated", "logprob", "logprob_truncated"):
        assert getattr(found, name) == pytest.approx(getattr(alone, name), abs=1e-11)


@settings(max_examples=200, deadline=None)
@given(LOGITS, SAMPLERS, st.floats(0, 1, exclude_max=True), st.sampled_from([0, 0, 2, 60]))
def test_a_row_is_what_it_is_alone(logits, sampler, u, cap_k):
    rows = [logits, np.roll(logits, 1), logits / np.float32(7)]
    us = [u, 1 - 2**-53, 0.0]
    alone = [
        Distribution(row, sampler).sample(one, cap_k) for row, one in zip(rows, us, strict=True)
    ]
    for found, expected in zip(draw_rows(rows, sampler, us, cap_k), alone, strict=True):
        same(found, expected)


@settings(max_examples=100, deadline=None)
@given(LOGITS, st.sampled_from([0.2, 0.9, 0.999]), st.floats(0, 1, exclude_max=True))
def test_no_other_row_changes_a_bit(logits, top_p, u):
    sampler = Sampler(top_p=top_p)
    flat = np.zeros_like(logits)
    (alone,) = draw_rows([logits], sampler, [u])
    assert draw_rows(np.stack([flat, logits, flat]), sampler, [0.5, u, 0.1])[1] == alone


@pytest.mark.parametrize("temperature", [1.0, 0.05, 3.0])
@pytest.mark.parametrize("size", [3_000, 200_000])
def test_large_vocabularies(size, temperature):
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((5, size)).astype(np.float32) * np.float32(
        [[0.1], [1], [3], [9], [60]]
    )
    rows[2, ::3] = -math.inf
    sampler, us = Sampler(temperature=temperature, top_p=0.95), rng.random(5).tolist()
    for row, u, found in zip(rows, us, draw_rows(rows, sampler, us), strict=True):
        same(found, Distribution(row, sampler).sample(u))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_distribution_is_refused(bad):
    rows = np.zeros((3, 8), dtype=np.float32)
    rows[1, 4] = bad
    with pytest.raises(NonFiniteLogits):
        draw_rows(rows, Sampler(), [0.5] * 3)
