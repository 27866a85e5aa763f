"""What rules kept, told from the stored candidates of a trace: the same as from the logits, or nothing."""

import numpy as np
import pytest

from bftui.core.distribution import Distribution
from bftui.core.kept_tokens import rule_effects
from bftui.core.sampler import Sampler
from bftui.core.stored_effects import stored_effects

SAMPLERS = [
    Sampler(top_p=0.7),
    Sampler(top_p=1.0, typical_p=0.4),
    Sampler(top_p=1.0, top_n_sigma=1.0, temperature=1.6),
    Sampler(top_k=7, top_p=0.9),
    Sampler(top_k=20, top_p=0.8, min_p=0.1, epsilon=0.01, eta=0.02),
    Sampler(top_k=200, top_p=0.999, min_p=0.05, temperature=0.7),
    Sampler(top_k=5, top_p=0.6, typical_p=0.5, xtc_probability=0.5),
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_told_is_what_the_logits_say(sampler):
    told = 0
    for seed in range(200):
        logits = np.random.default_rng(seed).normal(0, 3, 300).astype(np.float32)
        known = {each.name: each for each in rule_effects(logits.astype(np.float64), sampler)}
        found = stored_effects(Distribution(logits, sampler).summary(), sampler)
        for each in found:
            expected = known[each.name]
            assert (each.value, each.start, each.stop) == (
                expected.value,
                expected.start,
                expected.stop,
            )
        told += len(found)
    assert told


def test_changed_logits_tell_nothing():
    sampler = Sampler(top_k=3, bias=((2, 1.0),))
    following = Distribution(np.zeros(9, np.float32), sampler, np.zeros(9)).summary()
    assert stored_effects(following, sampler) == []
