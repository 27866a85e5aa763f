"""The token tree against a dictionary, over random histories and at depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.distribution import Distribution, TokenScore
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree

N_VOCAB = 300
RNG = np.random.default_rng(0)
NEXTS = [
    Distribution(RNG.standard_normal(N_VOCAB).astype(np.float32) * spread, Sampler()).summary()
    for spread in (0.5, 2.0, 6.0)
]


def grown(count, parent_of):
    tree = Tree(N_VOCAB)
    tree.add_root([1, 2], NEXTS[0], sampler=0, elapsed_ms=0)
    for i in range(1, count):
        scored = TokenScore(i % N_VOCAB, -float(i), None if i % 3 else -0.5, i)
        tree.add(parent_of(i), scored, Source.FORCED, NEXTS[i % 3], sampler=0)
    return tree


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**9), max_size=600))
def test_equals_a_dictionary_of_nodes(choices):
    parents = {i + 1: choice % (i + 1) for i, choice in enumerate(choices)}
    tree = grown(len(choices) + 1, parents.__getitem__)
    assert len(tree) == len(choices) + 1
    for node, parent in parents.items():
        assert tree.parent(node) == parent
        assert tree.depth(node) == tree.depth(parent) + 1
    for node in range(len(tree)):
        children = [n for n, p in parents.items() if p == node]
        assert list(tree.children(node)) == children
        assert tree.child_count(node) == len(children)
        assert tree.last_visited(node) == (children[-1] if children else None)
        path = [node]
        while path[0]:
            path.insert(0, parents[path[0]])
        assert tree.path(node) == path
        assert tree.token_ids(node) == [1, 2, *(n % N_VOCAB for n in path[1:])]
        assert tree.root(node) == 0


def test_a_node_keeps_every_number():
    tree = grown(700, lambda i: i - 1)
    for place in (1, 255, 256, 257, 699):
        node = tree.node(place)
        assert (node.id, node.parent, node.token_id) == (place, place - 1, place % N_VOCAB)
        assert (node.source, node.rank, node.logprob) == ("forced", place, -float(place))
        assert node.logprob_truncated == (None if place % 3 else -0.5)
        expected = NEXTS[place % 3]
        assert list(node.next.top_ids) == list(expected.top_ids)
        assert list(node.next.top_logprobs) == list(expected.top_logprobs)
        for name in ("entropy", "entropy_truncated", "kept", "varentropy", "tail_mass", "bf"):
            assert getattr(node.next, name) == getattr(expected, name)
        assert node.next.logprob_truncated(0) == expected.logprob_truncated(0)
        assert tree.entropies(place) == (expected.entropy, expected.entropy_truncated)


def test_an_end_of_generation_has_nothing_after_it():
    tree = grown(1, None)
    node = tree.add(
        0, TokenScore(5, -1.0, -1.0, 1), Source.SAMPLED, None, sampler=0, draw=9, eog=True
    )
    assert tree.node(node).next is None
    assert tree.entropies(node) is None
    assert (tree.node(node).eog, tree.node(node).draw) == (True, 9)


def test_a_chain_of_a_hundred_thousand_tokens():
    tree = grown(100_000, lambda i: i - 1)
    assert tree.path(99_999) == list(range(100_000))
    assert tree.depth(99_999) == 99_999
    assert tree.root(99_999) == 0


def test_a_second_root_starts_another_path():
    tree = grown(3, lambda i: i - 1)
    root = tree.add_root([7], NEXTS[1], sampler=0, elapsed_ms=0)
    leaf = tree.add(root, TokenScore(4, -1.0, None, 2), Source.GREEDY, NEXTS[0], sampler=0)
    assert tree.roots == [0, root]
    assert tree.token_ids(leaf) == [7, 4]
    assert (tree.root(leaf), tree.depth(leaf)) == (root, 1)
    assert tree.node(root).source == "prompt"


def test_restating_changes_numbers_and_nothing_else():
    tree = grown(4, lambda i: i - 1)
    before = tree.node(2)
    tree.rescore(2, TokenScore(2, -9.0, -8.0, 7), NEXTS[1], sampler=3)
    after = tree.node(2)
    assert (after.logprob, after.logprob_truncated, after.rank, after.sampler) == (-9.0, -8.0, 7, 3)
    assert after.next.entropy == NEXTS[1].entropy
    assert (after.parent, after.token_id, after.source) == (
        before.parent,
        before.token_id,
        before.source,
    )


def test_visiting_is_remembered():
    tree = grown(3, lambda i: 0)
    assert tree.last_visited(0) == 2
    tree.visit(1)
    assert tree.last_visited(0) == 1


def test_a_node_that_does_not_exist_is_refused():
    with pytest.raises(IndexError):
        grown(3, lambda i: 0).node(3)
