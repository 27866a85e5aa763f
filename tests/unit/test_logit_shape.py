"""The head and the tail of sorted logits: known ones are found again."""

import numpy as np
import pytest

from bftui.core.valid.logit_shape import RANKS, fit_shape


def shaped(cutoff, slope, factor, offset, count=1500):
    """Logits of the paper's form; the tail goes on where the head ends."""
    k = np.arange(1.0, count + 1)
    head = slope * k
    tail = head[cutoff - 1] - 0.3 + factor * (np.log(k + offset) - np.log(cutoff + 1 + offset))
    return np.where(k <= cutoff, head, tail).astype(np.float32)


@pytest.mark.parametrize(
    ("cutoff", "slope", "factor", "offset"),
    [(20, -0.2, -1.1, 5.0), (50, -0.05, -0.8, 40.0), (8, -0.7, -1.5, 0.0), (300, -0.02, -3, 900.0)],
)
def test_the_shape_that_was_made_is_found(cutoff, slope, factor, offset):
    logits = shaped(cutoff, slope, factor, offset)
    found = fit_shape(np.random.default_rng(0).permutation(logits) + np.float32(3))
    assert found.ranks == RANKS
    assert found.cutoff == cutoff
    assert found.slope == pytest.approx(slope, rel=1e-3)
    assert found.factor == pytest.approx(factor, rel=2e-2)
    assert found.error < 1e-3


def test_the_fit_is_no_worse_than_any_cutoff():
    y = np.sort(np.random.default_rng(1).normal(0, 3, 400))[::-1].astype(np.float32)
    found = fit_shape(y)
    k, y = np.arange(1.0, 401), y.astype(float) - float(y[0])
    curve = np.where(
        k <= found.cutoff,
        found.slope * k + found.intercept,
        found.level + found.factor * np.log(k + found.offset),
    )
    assert found.error == pytest.approx(np.sqrt(((y - curve) ** 2).mean()), rel=1e-6)
    for cutoff in range(3, 397, 13):
        left = 0.0
        for x, part in ((k, slice(0, cutoff)), (np.log(k + 10.0), slice(cutoff, None))):
            left += np.polyfit(x[part], y[part], 1, full=True)[1].sum()
        assert found.error <= np.sqrt(left / 400) * (1 + 1e-9)


def test_too_few_ranks_have_no_shape():
    assert fit_shape(np.arange(7, dtype=np.float32)) is None
    few = np.full(100, -np.inf, np.float32)
    few[:5] = range(5)
    assert fit_shape(few) is None
