"""The numbers of one node against their definitions, written out token by token."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.distribution import Distribution
from bftui.core.errors import NonFiniteLogits
from bftui.core.sampler import Sampler
from bftui.core.truncation import RULES, Ranking
from bftui.core.valid.node_reading import Setting, read_node
from bftui.core.valid.token_trie import Edge, TrieNode
from tests.unit.test_distribution import SAMPLERS
from tests.unit.test_truncation import logits_of, ordered, tempered

RULES_OF_GRID = [
    ("none", 0.0),
    ("top_k", 5),
    ("top_p", 0.8),
    ("min_p", 0.1),
    ("top_n_sigma", 1.0),
    ("typical", 0.7),
    ("epsilon", 0.02),
    ("cutoff_oracle", 0.0),
    ("validity_oracle", 0.0),
]
GRID = [Setting(rule, value, t) for t in (1.0, 0.02, 1.5) for rule, value in RULES_OF_GRID]


def node_of(n_vocab, seed):
    """Edges of random ids and counts, the last one perhaps an end of several ids; perhaps other tokenisations."""
    rng = np.random.default_rng(seed)
    ids = [int(i) for i in rng.permutation(n_vocab)]
    count = int(rng.integers(1, min(n_vocab, 12) + 1))
    valid, rest = ids[:count], ids[count:]
    edges = [Edge((i,), int(rng.integers(1, 50)), n + 1) for n, i in enumerate(valid[:-1])]
    edges.append(Edge(tuple(sorted(valid[-1:] + rest[: rng.integers(0, 3)])), 1, None))
    rest = [i for i in rest if i not in edges[-1].token_ids]
    others = tuple(sorted(rest[: rng.integers(0, 4)]))
    edges.sort(key=lambda edge: edge.token_ids)
    return TrieNode((7,), tuple(edges), others, sum(edge.completions for edge in edges))


NODES = st.builds(
    lambda size, ties, masked, seed: (logits_of(size, ties, masked, seed), node_of(size, seed)),
    st.integers(1, 200) | st.integers(1, 8),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.4, 0.95]),
    st.integers(0, 2**32 - 1),
)


def order_by_definition(logits, node):
    """Precision and recall at every rank, over edges by their best token and over invalid tokens."""
    edge_of = {i: n for n, edge in enumerate(node.edges) for i in edge.token_ids}
    seen, points, hits, recall = set(), [], 0, 0.0
    for i in ordered(logits):
        if i in node.other_ids or edge_of.get(i) in seen:
            continue
        gain = 0.0
        if i in edge_of:
            seen.add(edge_of[i])
            hits += 1
            gain = node.edges[edge_of[i]].completions / node.completions
            recall += gain
        points.append((hits / (len(points) + 1), recall, gain))
    return points


@settings(max_examples=150, deadline=None)
@given(NODES, SAMPLERS)
def test_order_and_shape_are_what_they_are_defined_as(case, sampler):
    logits, node = case
    found = read_node(logits, 3, node, sampler, ())
    points = order_by_definition(logits, node)
    assert found.auc == pytest.approx(sum(p * gain for p, _, gain in points))
    enough = [recall for p, recall, _ in points if p >= 0.8]
    assert found.recall_at_precision == pytest.approx(max(enough, default=0.0))
    assert found.oracle_recall == pytest.approx(points[len(node.edges) - 1][1])
    named = {i for edge in node.edges for i in edge.token_ids} | set(node.other_ids)
    best = [max(float(logits[i]) for i in edge.token_ids) for edge in node.edges]
    invalid = [float(x) for i, x in enumerate(logits) if i not in named]
    assert found.inversions == sum(x > b for b in best for x in invalid)
    assert list(found.ranks) == [1 + sum(float(x) > b for x in logits) for b in best]
    p = tempered(logits, 1.0)
    of_edges = [math.fsum(p[i] for i in edge.token_ids) for edge in node.edges]
    assert np.exp(found.logprobs) == pytest.approx(of_edges, abs=1e-12)
    assert found.other_mass == pytest.approx(sum(p[i] for i in node.other_ids), abs=1e-12)
    assert found.valid_mass == pytest.approx(sum(of_edges), abs=1e-12)
    shares = [edge.completions / node.completions for edge in node.edges]
    if not any(of_edges):
        assert (found.gap, found.evenness) == (math.inf, None)
        return
    within = [each / sum(of_edges) for each in of_edges]
    gap = math.inf
    if all(within):
        gap = sum(s * math.log(s / q) for s, q in zip(shares, within, strict=True))
    assert found.gap == pytest.approx(gap, abs=1e-9)
    entropies = [-sum(q * math.log(q) for q in each if q) for each in (within, shares)]
    assert found.evenness == pytest.approx(math.exp(entropies[0] - entropies[1]))


@settings(max_examples=100, deadline=None)
@given(NODES, SAMPLERS)
def test_the_first_row_is_the_distribution_of_the_session(case, sampler):
    logits, node = case
    found = read_node(logits, 3, node, sampler, GRID)
    alone = read_node(logits, 3, node, sampler, ())
    distribution = Distribution(logits, sampler)
    assert (found.entropy, found.kept) == (distribution.entropy, distribution.kept)
    assert found.entropy_truncated == distribution.entropy_truncated
    assert found.kept_of[0] == alone.kept_of[0]
    assert (found.probs[0] == alone.probs[0]).all()
    assert (found.kept_ids[0] == alone.kept_ids[0]).all()
    for column, edge in enumerate(node.edges):
        scores = [distribution.score(i).logprob_truncated for i in edge.token_ids]
        kept = [each for each in scores if each is not None]
        assert found.kept_ids[0, column] == len(kept)
        assert found.probs[0, column] == pytest.approx(sum(map(math.exp, kept)), abs=1e-14)
        if len(edge.token_ids) == 1:
            assert found.probs[0, column] == distribution.kept_probs(np.array(edge.token_ids))[0]
    kept_others = [i for i in node.other_ids if distribution.score(i).logprob_truncated is not None]
    assert found.kept_of[0] == distribution.kept - len(kept_others)


@settings(max_examples=150, deadline=None)
@given(NODES)
def test_each_setting_is_its_rule(case):
    logits, node = case
    found = read_node(logits, 3, node, Sampler(), GRID)
    ranking, order = Ranking(logits), ordered(logits)
    valid = {i for edge in node.edges for i in edge.token_ids}
    for row, setting in enumerate(GRID, 1):
        p = tempered(logits, setting.temperature)
        if setting.rule == "validity_oracle":
            kept = {i for i in valid if logits[i] > -math.inf}
            # Above the best valid token, as a model that knew the valid ones would see it.
            top = max((float(logits[i]) for i in kept), default=0.0)
            p = [math.exp(min(0.0, float(x) - top) / setting.temperature) for x in logits]
            kept = {i for i in kept if p[i] > 0}
        elif setting.rule == "cutoff_oracle":
            counted, kept, ways = set(), set(), {}
            for n, edge in enumerate(node.edges):
                ways |= dict.fromkeys(edge.token_ids, n)
            for i in order:
                if len(counted) == len(node.edges):
                    break
                kept.add(i)
                if i not in node.other_ids:
                    counted.add(ways.get(i, -1 - i))
            kept = {i for i in kept if p[i] > 0}
        else:
            start, stop = RULES[setting.rule].span(ranking.at(setting.temperature), setting.value)
            kept = set(order[start:stop])
        whole = math.fsum(p[i] for i in kept)
        assert found.kept_of[row] == len(kept - set(node.other_ids))
        for column, edge in enumerate(node.edges):
            inside = [i for i in edge.token_ids if i in kept]
            assert found.kept_ids[row, column] == len(inside)
            expected = sum(p[i] for i in inside) / whole if inside else 0.0
            assert found.probs[row, column] == pytest.approx(expected, abs=1e-9)


def test_a_calibrated_node():
    logits = np.log(np.array([0.3, 0.6, 0.05, 0.05])).astype(np.float32)
    node = TrieNode((), (Edge((0,), 1, 1), Edge((1,), 2, 2)), (), 3)
    found = read_node(logits, 0, node, Sampler(top_p=1.0), ())
    assert (found.auc, found.recall_at_precision, found.oracle_recall) == (1, 1, 1)
    assert found.inversions == 0
    assert found.gap == pytest.approx(0, abs=1e-7)
    assert found.evenness == pytest.approx(1)
    assert list(found.ranks) == [2, 1]


def test_what_is_no_distribution_is_refused():
    node = TrieNode((), (Edge((0,), 1, None),), (), 1)
    with pytest.raises(NonFiniteLogits):
        read_node(np.array([np.nan, 0], np.float32), 0, node, Sampler(), ())
