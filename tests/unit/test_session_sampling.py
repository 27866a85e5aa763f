"""Further truncation rules, penalties and windows hold for everything that a session does, and for its trace."""

import math

import numpy as np
import pytest

import bftui
from bftui.core.distribution import Distribution
from bftui.core.kept_tokens import kept_tokens
from bftui.core.sampler import Sampler, SamplerWindow
from bftui.core.steering import Preceding, steer
from bftui.session.records.open_trace import trace_file
from bftui.session.session import Session
from tests.tables import table

TEXT = " Sure Here is a fruit a fruit a"

SAMPLERS = {
    "sigma": {"top_n_sigma": 1.5},
    "epsilon": {"epsilon": 0.03, "eta": 0.2},
    "typical": {"typical_p": 0.5},
    "typical-hot": {"typical_p": 0.5, "temperature": 1.7, "top_k": 9},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.05},
    "penalties": {"repetition_penalty": 1.3, "frequency_penalty": 0.5, "presence_penalty": 0.2},
    "window": {"repetition_penalty": 1.3, "penalty_window": 2},
    "dry": {"dry_multiplier": 2.0, "dry_length": 1},
    "bias": {"bias": ((3, 2.5),), "banned": (5,), "pinned": (9,), "top_p": 0.3},
    "windows": {
        "windows": (
            SamplerWindow(2, 4, (("temperature", 0.3),)),
            SamplerWindow(5, None, (("typical_p", 0.6), ("repetition_penalty", 2.0))),
        )
    },
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "orchard.json"
    with bftui.open_model(table(path)) as opened:
        yield opened


def expected(model, ids, prompt, sampler):
    """P~ after some tokens by another way, as an array over the vocabulary."""
    with_tree = Session(model, "x", top_p=1.0, ignore_eos=True)
    if ids[prompt:]:
        with_tree.force(ids=ids[prompt:])
    logits = model.client.logits(with_tree.model_tree.number, with_tree.cursor)
    now = sampler.at(len(ids) - prompt)
    steered = steer(logits, now, Preceding(ids, prompt))
    found = kept_tokens(logits.astype(np.float64) if steered is None else steered, now)
    probs = np.zeros(len(logits))
    probs[found.ids] = found.probs
    return probs


def path_ids(session):
    return [
        *session.tree.prompt_ids(session.tree.roots[0]),
        *(session.tree.token_id(node) for node in session.tree.path(session.cursor)[1:]),
    ]


def assert_is(following, probs):
    entropy = -math.fsum(p * math.log(p) for p in probs if p)
    assert following.entropy_truncated == pytest.approx(entropy, abs=1e-9)
    assert following.kept == np.count_nonzero(probs)
    for place, token_id in enumerate(following.top_ids):
        own = following.logprob_truncated(place)
        if own is None:
            assert probs[token_id] == 0
        else:
            assert own == pytest.approx(math.log(probs[token_id]), abs=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_everything_obeys(model, name, tmp_path):
    settings = SAMPLERS[name]
    session = Session(model, "x", seed=4, ignore_eos=True, **settings)
    sampler = session.state.sampler
    session.force(TEXT)
    for _ in range(6):
        session.step()
    ids = path_ids(session)
    prompt = len(session.tree.prompt_ids(session.tree.roots[0]))
    for depth, node in enumerate(session.tree.path(session.cursor)):
        at = session.tree.node(node)
        if at.next is not None:
            assert_is(at.next, expected(model, ids[: prompt + depth], prompt, sampler))
        if depth:
            before = expected(model, ids[: prompt + depth - 1], prompt, sampler)[at.token_id]
            own = None if before == 0 else pytest.approx(math.log(before), abs=1e-9)
            assert at.logprob_truncated == own
            assert at.source != "sampled" or before > 0
    here = expected(model, ids, prompt, sampler)
    for row in session.model_tree.page(0, 400).rows:
        assert (row.logprob_truncated is not None) == (here[row.token_id] > 0)
        assert row.kept or row.removed_by
    for candidate in session.lookahead(k=5).result().candidates:
        if candidate.after is not None:
            after = expected(model, [*ids, candidate.token_id], prompt, sampler)
            entropy = -math.fsum(p * math.log(p) for p in after if p)
            assert candidate.after.entropy_truncated == pytest.approx(entropy, abs=1e-9)
    for sample in session.rollouts(samples=3, horizon=5).samples:
        text = list(ids)
        for place, token_id in enumerate(sample.token_ids):
            probs = expected(model, text, prompt, sampler)
            assert probs[token_id] > 0
            assert sample.logprob_truncated[place] == pytest.approx(
                math.log(probs[token_id]), abs=1e-9
            )
            text.append(token_id)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_trace_keeps_it(model, name, tmp_path):
    session = Session(model, "x", seed=4)
    session.force(TEXT)
    session.set_sampler(**SAMPLERS[name])
    session.recompute_stale(100)
    session.step()
    path = tmp_path / "trace.json"
    session.trace().save(path)
    text = path.read_text()
    assert '"version":2' in text
    read = trace_file(path)
    assert read.samplers == session.state.samplers
    tree = read.tree()
    for node in range(len(tree)):
        mine, theirs = session.tree.next(node), tree.next(node)
        if mine is None:
            continue
        assert theirs.temperature == mine.temperature
        for place in range(len(mine.top_ids)):
            one, other = mine.logprob_truncated(place), theirs.logprob_truncated(place)
            assert (one is None) == (other is None)
            assert one is None or one == pytest.approx(other, abs=2e-4)


def test_greedy_takes_what_may_be_drawn(model):
    session = Session(model, "x")
    session.force(" is")
    best = int(session.tree.next(session.cursor).top_ids[0])
    session.set_sampler(banned=(best,))
    session.greedy()
    assert session.tree.token_id(session.cursor) != best


@pytest.mark.parametrize("seed", range(200))
def test_by_rank_and_as_a_list_are_one(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, rng.integers(1, 400)).astype(np.float32)
    logits[rng.random(len(logits)) < rng.choice([0, 0.4])] = -np.inf
    logits[0] = 1.0
    sampler = Sampler(
        temperature=float(rng.choice([1.0, 0.4, 2.0])),
        top_p=float(rng.choice([1.0, 0.8])),
        top_k=int(rng.choice([0, 7])),
        min_p=float(rng.choice([0, 0.05])),
        top_n_sigma=float(rng.choice([0, 1.0])),
        epsilon=float(rng.choice([0, 0.01])),
        eta=float(rng.choice([0, 0.05])),
    )
    one, other = Distribution(logits, sampler), kept_tokens(logits.astype(np.float64), sampler)
    assert one.kept == len(other.ids)
    assert one.entropy_truncated == pytest.approx(other.entropy, abs=1e-9)
    ids = np.arange(len(logits))
    assert np.allclose(one.kept_probs(ids), other.of(ids), atol=1e-12)
