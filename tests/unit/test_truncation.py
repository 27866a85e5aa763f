"""Each truncation rule against its definition, written out token by token."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.distribution import Distribution
from bftui.core.errors import NonFiniteLogits
from bftui.core.sampler import Sampler
from bftui.core.truncation import RULES, Ranking, rule_named

VALUES = {
    "none": [0.0],
    "top_k": [1, 2, 7, 60, 1000],
    "top_p": [1e-9, 0.35, 0.9, 0.999, 1.0],
    "min_p": [0.0, 0.05, 0.31, 1.0],
    "top_n_sigma": [0.0, 0.5, 1.0, 3.0],
    "typical": [1e-9, 0.2, 0.7, 0.95, 1.0],
    "epsilon": [0.0, 1e-3, 0.05, 0.9],
    "eta": [0.0, 1e-4, 3e-3, 0.05, 0.9],
    "xtc": [1e-3, 0.05, 0.1, 0.31, 0.5, 1.0],
}
CHOICES = [(rule, value) for rule, values in VALUES.items() for value in values]


def logits_of(size, ties, masked, seed):
    """Logits in steps of 1/8 where they tie, with some of -inf but never all."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0, 3, size)
    if ties:
        found = np.round(found * 8) / 8
    found[rng.random(size) < masked] = -np.inf
    found[rng.integers(size)] = 1.0
    return found.astype(np.float32)


LOGITS = st.builds(
    logits_of,
    st.integers(1, 300) | st.just(1),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.3, 0.99]),
    st.integers(0, 2**32 - 1),
)
TEMPERATURES = st.sampled_from([1.0, 0.01, 0.6, 1.7, 30.0])


def ordered(logits):
    return sorted(range(len(logits)), key=lambda i: (-float(logits[i]), i))


def tempered(logits, temperature):
    weights = [math.exp((float(x) - float(max(logits))) / temperature) for x in logits]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def kept_by_definition(logits, temperature, rule, value):
    """The kept ids; None where rounding may decide which token crosses."""
    order, p = ordered(logits), tempered(logits, temperature)
    live = [i for i in order if p[i] > 0]
    if rule == "none":
        return live
    if rule == "top_k":
        return live[: int(value)]
    if rule == "min_p":
        return [i for i in live if p[i] / p[order[0]] >= value]
    if rule == "epsilon":
        return [i for i in live if p[i] >= value] or live[:1]
    if rule == "eta":
        entropy = -math.fsum(p[i] * math.log(p[i]) for i in live)
        least = min(value, math.sqrt(value) * math.exp(-entropy))
        if any(0 < abs(p[i] - least) < 1e-12 * least for i in live):
            return None
        return [i for i in live if p[i] >= least] or live[:1]
    if rule == "xtc":
        if any(0 < abs(p[i] - value) < 1e-12 for i in live):
            return None
        above = [i for i in live if p[i] >= value]
        return [i for i in live if i not in above[:-1]]
    if rule == "top_n_sigma":
        finite = [float(x) for x in logits if x > -math.inf]
        mean = math.fsum(finite) / len(finite)
        sigma = math.sqrt(math.fsum((x - mean) ** 2 for x in finite) / len(finite))
        return [i for i in live if float(logits[i]) >= max(finite) - value * sigma - 1e-12]
    if value >= 1:
        return live
    if rule == "top_p":
        ranked = live
    else:
        entropy = -math.fsum(p[i] * math.log(p[i]) for i in live)
        off = {i: abs(-math.log(p[i]) - entropy) for i in live}
        ranked = sorted(live, key=off.__getitem__)
    masses = [math.fsum(p[i] for i in ranked[: n + 1]) for n in range(len(ranked))]
    if any(abs(mass - value) < 1e-12 for mass in masses):
        return None
    crossing = next(n for n, mass in enumerate(masses) if mass >= value)
    if rule == "top_p":
        return ranked[: crossing + 1]
    return [i for i in ranked if off[i] <= off[ranked[crossing]] + 1e-11]


@pytest.mark.parametrize("rule", VALUES)
def test_a_rule_keeps_what_its_definition_says(rule):
    rng = np.random.default_rng(0)
    told = 0
    for seed in range(2000):
        size = int(rng.choice([1, 2, 3, 20, 120]))
        logits = logits_of(size, rng.random() < 0.5, float(rng.choice([0, 0, 0.3, 0.99])), seed)
        temperature = float(rng.choice([1.0, 0.01, 0.6, 1.7, 30.0]))
        value = VALUES[rule][rng.integers(len(VALUES[rule]))]
        expected = kept_by_definition(logits, temperature, rule, value)
        if expected is None:
            continue
        told += 1
        ranked = Ranking(logits).at(temperature)
        start, stop = rule_named(rule).span(ranked, value)
        assert sorted(ordered(logits)[start:stop]) == sorted(expected)
        p = tempered(logits, temperature)
        assert ranked.share((start, stop)) == pytest.approx(sum(p[i] for i in expected), abs=1e-12)
    assert told > 1600


@settings(max_examples=150, deadline=None)
@given(LOGITS, TEMPERATURES, st.sampled_from(CHOICES))
def test_the_rules_of_a_session_keep_what_a_session_keeps(logits, temperature, choice):
    rule, value = choice
    if rule not in ("none", "top_k", "top_p", "min_p"):
        return
    fields = {} if rule == "none" else {rule: int(value) if rule == "top_k" else value}
    sampler = Sampler(**{"temperature": temperature, "top_p": 1.0, **fields})
    start, stop = RULES[rule].span(Ranking(logits).at(temperature), value)
    assert (start, stop) == (0, Distribution(logits, sampler).kept)


def test_the_values_that_are_published():
    ranked = Ranking(np.log(np.array([0.5, 0.2, 0.15, 0.1, 0.04, 0.01])).astype(np.float32)).at(1.0)
    assert RULES["top_p"].span(ranked, 0.9) == RULES["min_p"].span(ranked, 0.1) == (0, 4)
    ten = Ranking(np.zeros(10, np.float32)).at(1.0)
    assert RULES["top_p"].span(ten, 0.9) == (0, 10)
    # As typical as each other: none is left out.
    assert RULES["typical"].span(ten, 0.2) == (0, 10)


def test_a_typical_set_may_leave_out_the_best_token():
    p = np.array([0.3, *[0.01] * 70])
    ranked = Ranking(np.log(p).astype(np.float32)).at(1.0)
    assert RULES["typical"].span(ranked, 0.6) == (1, 71)
    assert RULES["typical"].span(ranked, 0.8) == (0, 71)


@pytest.mark.parametrize("rule", RULES)
def test_one_token_is_kept_by_every_rule(rule):
    alone = Ranking(np.array([-np.inf, 3.0, -np.inf], np.float32)).at(0.5)
    for value in VALUES[rule]:
        assert RULES[rule].span(alone, value) == (0, 1)


def test_a_rule_that_empties_keeps_the_best_token():
    ranked = Ranking(np.zeros(100, np.float32)).at(1.0)
    assert RULES["epsilon"].span(ranked, 0.5) == (0, 1)


def test_what_is_no_distribution_is_refused():
    for logits in ([np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]):
        with pytest.raises(NonFiniteLogits):
            Ranking(np.array(logits, np.float32))


@given(LOGITS, TEMPERATURES)
def test_all_tokens_together_are_certain(logits, temperature):
    ranked = Ranking(logits).at(temperature)
    assert ranked.share((0, ranked.live)) == 1.0
