"""Nodes of a valid set on every backend: what is read in batches is what is read alone."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from bftui.backends.client.client_protocol import RolloutPlan, TriePlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import Backend
from bftui.core.errors import Cancelled, ContextFull, InvalidToken, UsageError
from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import NodeReading, Setting, read_node
from bftui.core.valid.token_trie import TokenTrie, TrieNode, token_trie
from tests.contract.conftest import Case, ids

SAMPLER = Sampler(top_p=0.8)
TREE, ROOT = 1, 0
GRID = (Setting("top_k", 9, 0.7), Setting("validity_oracle", 0, 1.0))


@pytest.fixture(scope="module")
def engine(backend: Backend) -> InferenceEngine:
    return InferenceEngine(backend)


def branching_trie(backend: Backend) -> TokenTrie:
    """Answers of one to six tokens that share beginnings: more nodes than rows of a batch."""
    pool, rng = ids(backend, 400, seed=5), np.random.default_rng(1)
    answers = set()
    for _ in range(45):
        length = int(rng.integers(1, 7))
        answers.add(tuple(pool[int(i)] for i in rng.integers(0, 4, length)))
        answers.add((pool[100 + int(rng.integers(0, 200))],))
    ends = backend.info.eog_ids or {pool[399]}
    kept = [each for each in answers if ends.isdisjoint(each)]
    return token_trie(sorted(kept), sorted(ends))


@pytest.fixture(scope="module")
def trie(backend: Backend) -> TokenTrie:
    return branching_trie(backend)


def numbered(trie: TokenTrie) -> list[tuple[int, TrieNode]]:
    return list(enumerate(trie.nodes))


def read(engine: InferenceEngine, prefix: list[int], nodes: Any) -> dict[int, NodeReading]:
    plan = TriePlan(prefix, nodes, SAMPLER, GRID)
    found = list(engine.read_trie(plan))
    assert len({each.node for each in found}) == len(found) == len(plan.nodes)
    return {each.node: each for each in found}


def assert_close(case: Case, one: NodeReading, other: NodeReading) -> None:
    """Ranks and what follows from them may turn over a difference of the last bits; what is continuous may not."""
    for name in ("entropy", "other_mass", "logprobs", "gap", "evenness"):
        difference = np.asarray(getattr(one, name)) - np.asarray(getattr(other, name))
        assert np.abs(difference).max() <= max(20 * case.tolerance, 1e-9)


def test_every_node_is_read_as_it_is_alone(
    case: Case, backend: Backend, engine: InferenceEngine, trie: TokenTrie
) -> None:
    prefix = ids(backend, 20)
    together = read(engine, prefix, numbered(trie))
    assert together.keys() == set(range(len(trie.nodes)))
    for number, node in numbered(trie)[::7]:
        logits = in_memory(backend.next_logits([*prefix, *node.path]), SAMPLER)
        assert_close(case, together[number], read_node(logits, number, node, SAMPLER, GRID))


def test_any_part_of_a_trie_is_read(
    case: Case, backend: Backend, engine: InferenceEngine, trie: TokenTrie
) -> None:
    prefix, nodes = ids(backend, 3), numbered(trie)
    whole = read(engine, prefix, nodes)
    for part in ([nodes[0]], [nodes[-1]], nodes[5:9], nodes[::-3]):
        for number, reading in read(engine, prefix, part).items():
            assert_close(case, reading, whole[number])
    assert not read(engine, prefix, [])


def test_rollouts_that_are_drawn_meanwhile_leave_room(
    case: Case, backend: Backend, engine: InferenceEngine, trie: TokenTrie
) -> None:
    prefix, nodes = ids(backend, 12), numbered(trie)
    whole = read(engine, prefix, nodes)
    engine.add_prompt(TREE, ROOT, prefix, SAMPLER)
    rolling = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(200), 12))
    list(islice(rolling, 3))
    meanwhile = read(engine, prefix, nodes)
    assert len(list(islice(rolling, 3))) == 3
    rolling.close()
    for number, reading in meanwhile.items():
        assert_close(case, reading, whole[number])


def test_what_cannot_be_read_is_refused(
    backend: Backend, engine: InferenceEngine, trie: TokenTrie
) -> None:
    prefix, nodes = ids(backend, 20), numbered(trie)
    with pytest.raises(UsageError, match="same path"):
        next(engine.read_trie(TriePlan(prefix, [nodes[1], nodes[1]], SAMPLER)))
    long = ids(backend, backend.info.n_ctx, seed=2)
    with pytest.raises(ContextFull):
        next(engine.read_trie(TriePlan(long, nodes, SAMPLER)))
    with pytest.raises(InvalidToken):
        next(engine.read_trie(TriePlan([*prefix, backend.info.n_vocab], nodes, SAMPLER)))


def test_a_cancel_ends_it(backend: Backend, engine: InferenceEngine, trie: TokenTrie) -> None:
    stream = engine.read_trie(TriePlan(ids(backend, 20), numbered(trie), SAMPLER))
    next(stream)
    engine.cancel()
    with pytest.raises(Cancelled):
        list(stream)
