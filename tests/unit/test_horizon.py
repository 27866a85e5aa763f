"""A tree that is grown is held against writing out every text."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.client.client_protocol import PathsPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import open_backend
from bftui.core.errors import Cancelled, ContextFull, UsageError
from bftui.core.horizon import HorizonTree, check_growth, merged_for_mass, merged_texts
from bftui.core.path_round import PathRound
from bftui.core.sampler import Constraint, Sampler
from bftui.formats.open_spec import OpenSpec

WORDS = ["a", "b", "ab", "c"]
END = len(WORDS)
PLAIN = Sampler()
SHARES = (0.5, 0.8, 0.95)


def opened(path, rules, default):
    document = {"name": "few", "tokens": [*WORDS, "</s>"], "eog": [END], "rules": rules}
    path.write_text(json.dumps({**document, "default": default}))
    backend = open_backend(OpenSpec(str(path), "table"), lambda _share, _text: True)
    return InferenceEngine(backend)


def row(weights):
    whole = sum(weights)
    return {name: weight / whole for name, weight in zip([*WORDS, "</s>"], weights, strict=True)}


@pytest.fixture
def engine(tmp_path):
    """Five tokens, rules of up to two tokens before, and texts that end early."""
    rng = np.random.default_rng(4)
    contexts = [[word] for word in WORDS] + [[one, "a"] for one in WORDS]
    rules = {json.dumps(each): row(rng.dirichlet([0.6] * 5).tolist()) for each in contexts}
    return opened(tmp_path / "few.json", rules, row(rng.dirichlet([1.0] * 5).tolist()))


def grow(engine, tree, sampler, *, most=10_000, least=0.0, mass=2.0, prefix=(0,)):
    while tree.mass() < mass and (wanted := tree.next_round(most, least)):
        for reading in engine.read_paths(PathsPlan(prefix, wanted, sampler)):
            tree.add(reading)
        tree.end_round()


def grown(engine, depth, sampler=PLAIN, **limits):
    tree = HorizonTree(depth, engine.info.n_vocab, engine.info.eog_ids)
    grow(engine, tree, sampler, **limits)
    return tree


def truncated(logits, sampler):
    """P~ of each kept token, made anew."""
    x = logits.astype(np.float64) / sampler.temperature
    p = np.exp(x - x.max())
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    kept, mass = [], 0.0
    for i in order:
        if p[i] > 0:
            kept.append(i)
        mass += p[i]
        if sampler.top_p < 1 and mass >= sampler.top_p:
            break
    whole = sum(p[i] for i in kept)
    return {i: p[i] / whole for i in kept}


def enumerated(engine, depth, sampler, prefix=(0,)):
    """Every text down to a depth with its probability, written out."""
    found, going = {}, {(): 1.0}
    for _ in range(depth):
        following = {}
        for path, prob in going.items():
            probs = truncated(engine.backend.next_logits([*prefix, *path]), sampler)
            for token_id, p in probs.items():
                (found if token_id == END else following)[(*path, token_id)] = prob * p
        going = following
    return found | going


def entropy(texts):
    return -math.fsum(p * math.log(p) for p in texts.values())


def fewest(probs, share):
    mass = 0.0
    for count, p in enumerate(sorted(probs, reverse=True), 1):
        mass += p
        if mass >= share - 1e-12:
            return count
    raise AssertionError


SAMPLERS = [Sampler(top_p=1.0), Sampler(), Sampler(top_p=0.7, temperature=1.4)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_whole_tree_has_the_entropy_of_all_its_texts(engine, sampler):
    tree = grown(engine, 4, sampler)
    assert tree.finished
    for numbers in tree.numbers():
        texts = enumerated(engine, numbers.depth, sampler)
        bf = math.exp(entropy(texts) / numbers.depth)
        assert numbers.bf_low == pytest.approx(bf, rel=1e-9)
        assert numbers.bf_high == numbers.bf_low
        assert numbers.texts == len(texts)
        assert numbers.mass == pytest.approx(1, abs=1e-12)
        length = math.fsum(len(text) * p for text, p in texts.items())
        assert numbers.length == pytest.approx(length, rel=1e-9)
    found = {each.token_ids: each.prob for each in tree.texts()}
    texts = enumerated(engine, 4, sampler)
    assert found.keys() == texts.keys()
    assert all(found[path] == pytest.approx(texts[path], rel=1e-9) for path in texts)
    best = tree.best_texts(5)
    assert [each.prob for each in best] == pytest.approx(sorted(texts.values())[::-1][:5])
    assert all(each.ended == (each.token_ids[-1] == END) for each in best)
    for each in tree.texts_for_mass(SHARES):
        assert each.exact
        assert each.low == fewest(texts.values(), each.share)


weights = st.lists(st.integers(0, 20), min_size=5, max_size=5).filter(any)


@settings(max_examples=40, deadline=None)
@given(
    default=weights,
    rules=st.dictionaries(st.sampled_from(WORDS), weights, max_size=4),
    depth=st.integers(1, 3),
    most=st.integers(1, 60),
    top_p=st.sampled_from([0.6, 0.9, 1.0]),
)
def test_bounds_hold_however_little_is_read_and_meet_where_all_is(
    tmp_path_factory, default, rules, depth, most, top_p
):
    path = tmp_path_factory.mktemp("table") / "few.json"
    engine = opened(path, {word: row(each) for word, each in rules.items()}, row(default))
    sampler = Sampler(top_p=top_p)
    tree = grown(engine, depth, sampler, most=most)
    assert len(tree) <= most
    for numbers in tree.numbers():
        texts = enumerated(engine, numbers.depth, sampler)
        bf = math.exp(entropy(texts) / numbers.depth)
        assert numbers.bf_low <= bf * (1 + 1e-9)
        assert numbers.bf_high >= bf * (1 - 1e-9)
        assert numbers.texts <= len(texts)
        if tree.finished:
            assert numbers.bf_low == numbers.bf_high == pytest.approx(bf, rel=1e-9)
    texts = enumerated(engine, depth, sampler)
    known = sum(each.prob for each in tree.texts())
    assert tree.mass() == pytest.approx(known, abs=1e-9)
    for each in tree.texts_for_mass(SHARES):
        right = fewest(texts.values(), each.share)
        assert each.low <= right
        assert each.high is None or each.high >= right
        assert not tree.finished or each.exact


def test_a_round_reads_all_that_is_as_probable(engine):
    sampler, rounds = Sampler(top_p=1.0), 0
    tree = HorizonTree(6, engine.info.n_vocab, engine.info.eog_ids)
    probs = {(): 1.0}
    while len(tree) < 500 and (wanted := tree.next_round(10_000)):
        assert wanted == tree.next_round(10_000)
        assert [math.exp(each) for each in wanted.logprobs] == pytest.approx(
            [probs[path] for path in wanted.paths]
        )
        assert probs[wanted.paths[0]] == pytest.approx(tree.next_prob)
        for reading in engine.read_paths(PathsPlan((0,), wanted, sampler)):
            tree.add(reading)
            for token_id, own in zip(reading.token_ids.tolist(), reading.logprobs, strict=True):
                probs[(*reading.path, token_id)] = probs[reading.path] * math.exp(own)
        tree.end_round()
        least, read = math.exp(wanted.least), set(tree.paths)
        for path, prob in probs.items():
            if END not in path and len(path) < 6 and abs(prob / least - 1) > 1e-9:
                assert (path in read) == (prob > least)
        assert tree.next_prob <= least * (1 + 1e-9)
        rounds += 1
    assert rounds > 4


def test_a_least_probability_is_read_down_to_and_no_further(engine):
    tree = grown(engine, 8, Sampler(top_p=1.0), least=0.01)
    expected, going = 0, {(): 1.0}
    for depth in range(8):
        expected += len(going)
        following = {}
        for path, prob in going.items():
            logits = engine.backend.next_logits([0, *path])
            for token_id, p in truncated(logits, Sampler(top_p=1.0)).items():
                if token_id != END and prob * p >= 0.01 and depth < 7:
                    following[(*path, token_id)] = prob * p
        going = following
    assert len(tree) == expected
    assert tree.next_prob < 0.01
    assert not tree.finished


@pytest.mark.parametrize("most", [1, 2, 17, 50, 333])
def test_a_tree_has_no_more_nodes_than_it_may(engine, most):
    assert len(grown(engine, 8, Sampler(top_p=1.0), most=most)) == most


def test_the_same_tree_whatever_order_its_rounds_are_read_in(engine):
    one, other = (HorizonTree(5, 5, {END}) for _ in range(2))
    for _ in range(4):
        wanted = one.next_round(1000)
        assert wanted == other.next_round(1000)
        readings = list(engine.read_paths(PathsPlan((0,), wanted, Sampler())))
        for reading in readings:
            one.add(reading)
        for reading in sorted(readings, key=lambda each: (len(each.path), each.path[::-1])):
            other.add(reading)
        one.end_round()
        other.end_round()
    assert set(one.paths) == set(other.paths)
    for a, b in zip(one.numbers(), other.numbers(), strict=True):
        assert a.entropy_low == pytest.approx(b.entropy_low, rel=1e-12)
        assert a.entropy_high == pytest.approx(b.entropy_high, rel=1e-12)
        assert (a.texts, a.mass) == (b.texts, pytest.approx(b.mass))
    assert one.texts_for_mass(SHARES) == other.texts_for_mass(SHARES)


def test_what_no_node_lists_is_a_share_of_the_mass(engine):
    sampler = Sampler(top_p=1.0)
    tree = HorizonTree(3, engine.info.n_vocab, engine.info.eog_ids)
    while wanted := tree.next_round(10_000):
        for reading in engine.read_paths(PathsPlan((0,), wanted, sampler, most=2)):
            tree.add(reading)
        tree.end_round()
    texts = enumerated(engine, 3, sampler)
    last = tree.numbers()[-1]
    assert last.bf_low < math.exp(entropy(texts) / 3) < last.bf_high
    assert last.mass < 1
    # Ends of generation are told wherever they stand.
    first = tree.numbers()[0]
    assert first.texts == 5
    assert first.mass == pytest.approx(1)
    for each in tree.texts_for_mass(SHARES):
        right = fewest(texts.values(), each.share)
        assert each.low <= right
        assert each.high is None or each.high >= right


def test_a_text_that_nothing_can_follow_ended_there(tmp_path):
    pytest.importorskip("llguidance")
    engine = opened(tmp_path / "t.json", {}, {"a": 0.4, "b": 0.3, "c": 0.3})
    # No end of generation follows "bc", for the table's end has no probability: nothing can.
    sampler = Sampler(top_p=1.0, constraint=Constraint("regex", "a{1,9}|bc"))
    tree = grown(engine, 3, sampler)
    assert tree.finished
    found = {each.token_ids: (each.prob, each.ended) for each in tree.texts()}
    assert found[1, 3] == (pytest.approx(3 / 7), True)
    assert math.fsum(prob for prob, _ in found.values()) == pytest.approx(1)
    for numbers in tree.numbers():
        assert numbers.mass == pytest.approx(1)
    merged = merged_texts(tree.texts(), engine.backend.token_bytes, {END})
    assert (merged[0].text, merged[0].ended) in ((b"aaa", False), (b"bc", True))


def test_spellings_of_the_same_bytes_are_one_text(engine):
    sampler = Sampler(top_p=1.0)
    tree = grown(engine, 4, sampler)
    texts = enumerated(engine, 4, sampler)
    spelled = defaultdict(list)
    for path, prob in texts.items():
        ended = path[-1] == END
        ids = path[:-1] if ended else path
        spelled["".join(WORDS[i] for i in ids), ended].append(prob)
    merged = merged_texts(tree.texts(), engine.backend.token_bytes, {END})
    assert len(merged) == len(spelled) < len(texts)
    for each in merged:
        same = spelled[each.text.decode(), each.ended]
        assert each.prob == pytest.approx(sum(same), rel=1e-9)
        assert each.spellings == len(same)
        assert texts[each.token_ids] == max(same)
    assert [each.prob for each in merged] == sorted((e.prob for e in merged), reverse=True)
    for each in merged_for_mass(merged, 0.0, SHARES):
        assert each.exact
        assert each.low == fewest([each.prob for each in merged], each.share)


def test_merged_spellings_of_a_part_bound_those_of_all(engine):
    sampler = Sampler(top_p=1.0)
    whole = merged_texts(grown(engine, 4, sampler).texts(), engine.backend.token_bytes, {END})
    for most in (1, 3, 10, 30):
        tree = grown(engine, 4, sampler, most=most)
        merged = merged_texts(tree.texts(), engine.backend.token_bytes, {END})
        for each in merged_for_mass(merged, 1 - tree.mass(), SHARES):
            right = fewest([each.prob for each in whole], each.share)
            assert each.low <= right
            assert each.high is None or each.high >= right


def test_what_was_read_stays_when_a_round_is_stopped(engine):
    tree = grown(engine, 8, least=0.01)
    before = len(tree)
    stream = engine.read_paths(PathsPlan((0,), tree.next_round(400), Sampler()))
    for reading in islice(stream, 2):
        tree.add(reading)
    engine.cancel()
    with pytest.raises(Cancelled):
        list(stream)
    tree.end_round()
    assert len(tree) == before + 2
    # It goes on where it was stopped, to the same tree.
    grow(engine, tree, Sampler(), least=0.001)
    whole = grown(engine, 8, least=0.001)
    assert set(tree.paths) == set(whole.paths)
    for a, b in zip(tree.numbers(), whole.numbers(), strict=True):
        assert (a.entropy_low, a.entropy_high) == pytest.approx((b.entropy_low, b.entropy_high))
    assert tree.texts_for_mass(SHARES) == whole.texts_for_mass(SHARES)


def test_bad_plans_are_refused(engine):
    with pytest.raises(UsageError, match="twice"):
        next(engine.read_paths(PathsPlan((0,), PathRound(((1,), (1,))), Sampler())))
    with pytest.raises(UsageError, match="too few"):
        next(engine.read_paths(PathsPlan((0,), PathRound(((1,),)), Sampler(), most=0)))
    with pytest.raises(ContextFull):
        next(engine.read_paths(PathsPlan((0,) * 512, PathRound(((1,),)), Sampler())))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": 0}, "a depth of 0 tokens is not in"),
        ({"depth": 10_000}, "a depth of 10000 tokens is not in"),
        ({"mass": 1.5}, "a mass of 1.5 is not in"),
        ({"mass": 0.0}, "a mass of 0 is not in"),
        ({"mass": math.nan}, "a mass of nan is not in"),
        ({"least": 1.0}, "a least probability of 1 is not in"),
        ({"least": -0.1}, "a least probability of -0.1 is not in"),
        ({"most": 0}, "a tree of 0 nodes is not"),
        ({"most": 10**9}, "a tree of 1000000000 nodes is not"),
    ],
)
def test_what_no_tree_is_grown_to_is_refused_in_one_line(changes, words):
    settings = {"depth": 4, "mass": 0.95, "least": 0.0, "most": 100} | changes
    with pytest.raises(UsageError, match=words):
        check_growth(**settings)
