"""Biases, bans and penalties against their definitions, written out token by token."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.errors import InvalidToken, NothingLeft
from bftui.core.sampler import Constraint, Sampler
from bftui.core.steering import Preceding, breaks, steer

N = 12

logits = st.lists(
    st.floats(-20, 20, width=32) | st.sampled_from([0.0, -math.inf]), min_size=N, max_size=N
).map(lambda found: np.array([1.0, *found[1:]], np.float32))

# Few ids, so that sequences repeat.
before = st.lists(st.integers(0, N - 1), max_size=40) | st.lists(st.integers(0, 2), max_size=40)


@st.composite
def precedings(draw):
    ids = draw(before)
    return Preceding(tuple(ids), draw(st.integers(0, len(ids))))


samplers = st.builds(
    Sampler,
    repetition_penalty=st.sampled_from([1.0, 1.3, 0.7]),
    frequency_penalty=st.sampled_from([0.0, 0.4, -0.2]),
    presence_penalty=st.sampled_from([0.0, 1.1]),
    penalty_window=st.integers(0, 20),
    dry_multiplier=st.sampled_from([0.0, 0.8]),
    dry_base=st.sampled_from([1.75, 1.0, 1000.0]),
    dry_length=st.integers(1, 4),
    dry_window=st.integers(0, 20),
    bias=st.lists(st.tuples(st.integers(0, N - 1), st.floats(-9, 9)), max_size=3).map(tuple),
    banned=st.lists(st.integers(1, N - 1), max_size=3).map(tuple),
)
breakers = st.frozensets(st.integers(0, N - 1), max_size=3)


def copied(ids, length):
    """Places of tokens that stand after an earlier copy of the last `length` ids."""
    return [i for i in range(length, len(ids)) if ids[i - length : i] == ids[len(ids) - length :]]


def dry(ids, sampler, breakers):
    """DRY's penalty of every token: every suffix is looked for at every place."""
    found = {}
    for length in range(sampler.dry_length, len(ids)):
        if set(ids[len(ids) - length :]) & breakers:
            break
        for place in copied(ids, length):
            found[ids[place]] = length
    # As far as a float32 would go.
    most = int(88.0 / math.log(sampler.dry_base)) if sampler.dry_base > 1 else 0
    return {
        token: sampler.dry_multiplier * sampler.dry_base ** min(length - sampler.dry_length, most)
        for token, length in found.items()
        if token not in breakers
    }


def by_definition(raw, sampler, preceding, breakers, allowed):
    ids, prompt = list(preceding.token_ids), preceding.prompt
    window = sampler.penalty_window or len(ids) or 1
    recent = set(ids[-window:])
    times = Counter(ids[prompt:][-window:])
    repeats = dry(ids[-(sampler.dry_window or len(ids) or 1) :], sampler, breakers)
    found = []
    for token, value in enumerate(raw):
        x = float(value) + math.fsum(more for each, more in sampler.bias if each == token)
        if token in recent:
            x = x / sampler.repetition_penalty if x > 0 else x * sampler.repetition_penalty
        x -= sampler.frequency_penalty * times[token]
        x -= sampler.presence_penalty * (times[token] > 0)
        x -= repeats.get(token, 0.0)
        out = token in sampler.banned or (allowed is not None and not allowed[token])
        found.append(-math.inf if out else x)
    return found


@settings(max_examples=2000, deadline=None)
@given(
    logits,
    samplers,
    precedings(),
    breakers,
    st.none() | st.lists(st.booleans(), min_size=N - 1, max_size=N - 1),
)
def test_logits_are_changed_as_the_definitions_say(raw, sampler, preceding, breakers, others):
    allowed = None if others is None else np.array([True, *others])
    as_it_was = raw.copy()
    found = steer(raw, sampler, preceding, breakers, allowed)
    assert np.array_equal(raw, as_it_was)
    expected = by_definition(raw, sampler, preceding, breakers, allowed)
    if found is None:
        assert not sampler.steers
        assert allowed is None
        found = raw.astype(np.float64)
    assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_nothing_is_done_where_nothing_is_asked():
    raw = np.zeros(3, np.float32)
    assert steer(raw, Sampler(top_k=3, pinned=(1,)), Preceding((1, 1), 0)) is None
    # What a constraint allows is said beside it; alone it changes nothing.
    free = steer(raw, Sampler(constraint=Constraint("regex", "a*")), Preceding((), 0))
    assert free is not None
    assert free.tolist() == [0.0, 0.0, 0.0]


def test_a_penalty_of_frequency_leaves_the_prompt_out_and_one_of_repetition_does_not():
    raw = np.array([2.0, -2.0, 2.0], np.float32)
    preceding = Preceding((0, 1, 2, 2), 2)
    more = steer(raw, Sampler(frequency_penalty=0.5, presence_penalty=0.25), preceding)
    assert more is not None
    assert more.tolist() == [2.0, -2.0, 0.75]
    more = steer(raw, Sampler(repetition_penalty=2.0), preceding)
    assert more is not None
    assert more.tolist() == [1.0, -4.0, 1.0]


def test_what_ended_before_the_window_is_forgotten():
    raw = np.ones(3, np.float32)
    found = steer(raw, Sampler(repetition_penalty=2.0, penalty_window=1), Preceding((0, 1), 0))
    assert found is not None
    assert found.tolist() == [1.0, 0.5, 1.0]


def test_dry_takes_more_the_longer_a_sequence_was_there():
    a, b, c, x, y = range(5)
    # "a b c" stood before x, "b c" before y.
    preceding = Preceding((a, b, c, x, b, c, y, a, b, c), 0)
    sampler = Sampler(dry_multiplier=0.8, dry_base=2.0, dry_length=2)
    found = steer(np.zeros(5, np.float32), sampler, preceding)
    assert found is not None
    assert found.tolist() == [0.0, 0.0, 0.0, -1.6, -0.8]
    # A breaker ends what is looked for: of "a b c" only "b c" is left.
    found = steer(np.zeros(5, np.float32), sampler, preceding, frozenset([a]))
    assert found is not None
    assert found.tolist() == [0.0, 0.0, 0.0, -0.8, -0.8]
    # And what breaks is never held back itself.
    found = steer(np.zeros(5, np.float32), sampler, preceding, frozenset([x]))
    assert found is not None
    assert found.tolist() == [0.0, 0.0, 0.0, 0.0, -0.8]


def test_a_long_repetition_gives_a_finite_penalty():
    sampler = Sampler(dry_multiplier=1000.0, dry_base=1000.0, dry_length=1)
    found = steer(np.zeros(2, np.float32), sampler, Preceding((1,) * 5000, 0))
    assert found is not None
    assert -1e42 < found[1] < -1e38
    assert found[0] == 0


@pytest.mark.parametrize(
    ("token", "expected"),
    [(b"word", False), (b"a\n", True), (b":", True), (b' "', True), (b"**", True), (b"", False)],
)
def test_tokens_with_the_bytes_of_a_breaker_break(token, expected):
    assert breaks(token) is expected


def test_bans_that_leave_nothing_are_told():
    raw = np.array([0.0, 1.0, -np.inf], np.float32)
    with pytest.raises(NothingLeft, match="no token is left to draw"):
        steer(raw, Sampler(banned=(0, 1)), Preceding((), 0))
    with pytest.raises(NothingLeft):
        steer(raw, Sampler(), Preceding((), 0), allowed=np.array([False, False, True]))


@pytest.mark.parametrize("sampler", [Sampler(bias=((3, 1.0),)), Sampler(banned=(3,))])
def test_a_token_outside_the_vocabulary_is_refused(sampler):
    with pytest.raises(InvalidToken, match="token 3 is not in the vocabulary of 3"):
        steer(np.zeros(3, np.float32), sampler, Preceding((), 0))


def test_positions_count_from_the_end_of_the_prompt():
    assert Preceding((5, 6, 7), 2).position == 1
    assert Preceding((5, 6), 2).position == 0
