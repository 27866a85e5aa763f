"""The arithmetic on a device gives what the arithmetic in NumPy gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import InvalidToken, NonFiniteLogits
from bftui.core.sampler import Sampler
from tests.groups import TORCH, Later, needs

pytestmark = TORCH

needs("torch")
torch: Any = Later("torch")

DEVICES = ["cpu", "cuda"]

logits = st.lists(
    st.one_of(st.floats(-60, 60, width=32), st.just(-math.inf), st.integers(-3, 3).map(float)),
    min_size=1,
    max_size=150,
).filter(lambda values: max(values) > -math.inf)

samplers = st.builds(
    Sampler,
    temperature=st.sampled_from([0.3, 0.7, 1.0, 1.5, 4.0]),
    top_k=st.sampled_from([0, 1, 3, 40]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
)


def both(values: Any, sampler: Sampler, device: str) -> tuple[Distribution, Any]:
    from bftui.backends.transformers.torch_distribution import TorchDistribution

    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no such device")
    row = np.asarray(values, dtype=np.float32)
    return Distribution(row, sampler), TorchDistribution(torch.tensor(row, device=device), sampler)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(values=logits, sampler=samplers)
def test_the_same_numbers(device: str, values: list[float], sampler: Sampler) -> None:
    expected, found = both(values, sampler, device)
    a, b = expected.summary(), found.summary()
    assert found.kept == expected.kept
    for name in (
        "entropy",
        "entropy_truncated",
        "varentropy",
        "tail_mass",
        "log_kept",
        "collision",
    ):
        assert getattr(b, name) == pytest.approx(getattr(a, name), abs=1e-9), name
    assert b.top_ids.tolist() == a.top_ids.tolist()
    assert b.top_logprobs == pytest.approx(a.top_logprobs, abs=1e-9)
    assert found.greedy() == expected.greedy()
    assert found.ranking().tolist() == expected.ranking().tolist()
    for token_id in range(0, len(values), 7):
        one, other = expected.score(token_id), found.score(token_id)
        assert (other.token_id, other.rank) == (one.token_id, one.rank)
        assert other.logprob == pytest.approx(one.logprob, abs=1e-9)
        assert (other.logprob_truncated is None) == (one.logprob_truncated is None)
        if one.logprob_truncated is not None:
            assert other.logprob_truncated == pytest.approx(one.logprob_truncated, abs=1e-9)


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_draws(device: str) -> None:
    rng = np.random.default_rng(5)
    for step in range(300):
        sampler = Sampler(top_p=[0.9, 1.0][step % 2], seed=7)
        expected, found = both(3 * rng.standard_normal(500), sampler, device)
        u = uniform(7, Purpose.STEP, step)
        assert found.draw(u) == expected.draw(u)
        for cap_k in (0, 3, 50):
            one, other = expected.sample(u, cap_k), found.sample(u, cap_k)
            assert other.token_id == one.token_id
            for name in ("entropy", "entropy_truncated", "logprob", "logprob_truncated"):
                assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9), name


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_distribution_is_refused(value: float) -> None:
    for values in ([value], [value, value], [value, 1.0]):
        if value == -math.inf and 1.0 in values:
            continue
        with pytest.raises(NonFiniteLogits):
            both([0.0], Sampler(), "cpu")[1].__class__(torch.tensor(values), Sampler())


def test_ids_outside_are_refused() -> None:
    found = both([0.0, 1.0], Sampler(), "cpu")[1]
    for token_id in (-1, 2):
        with pytest.raises(InvalidToken):
            found.score(token_id)
    assert found.logprobs([1, 0]) == pytest.approx(
        [-math.log1p(math.exp(-1)), -1 - math.log1p(math.exp(-1))]
    )
