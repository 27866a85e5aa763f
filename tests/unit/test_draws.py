"""Draws: the published check values, and independence from everything but their counter."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bftui.core.draws import Purpose, prefix_key, uniform

U64 = st.integers(0, 2**64 - 1)


def test_check_values_of_the_contract():
    assert round(uniform(7, Purpose.STEP, 0), 10) == 0.8720734548
    assert round(uniform(7, Purpose.STEP, 1), 10) == 0.0828426870


@given(U64, st.sampled_from(Purpose), U64, U64, U64)
def test_a_draw_is_that_of_numpy_for_all_of_64_bits(seed, purpose, t, i, j):
    bits = np.random.Philox(
        key=np.array([seed, purpose], np.uint64), counter=np.array([t, i, j, 0], np.uint64)
    )
    value = uniform(seed, purpose, t, i, j)
    assert value == np.random.Generator(bits).random()
    assert 0 <= value < 1


@given(U64, U64)
def test_neighbouring_seeds_and_purposes_draw_other_numbers(seed, t):
    drawn = {uniform(seed, purpose, t) for purpose in Purpose}
    assert len(drawn) == len(Purpose)
    assert uniform(seed, Purpose.STEP, t) != uniform(seed ^ 1, Purpose.STEP, t)


def test_prefix_key_is_the_start_of_a_sha256():
    data = (1).to_bytes(4, "little") + (70000).to_bytes(4, "little")
    assert prefix_key([1, 70000]) == int.from_bytes(hashlib.sha256(data).digest()[:8], "little")
    assert prefix_key([]) == int.from_bytes(hashlib.sha256(b"").digest()[:8], "little")
