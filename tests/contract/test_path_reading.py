"""Texts that are read in batches, on every backend: each reading is what the text gives alone."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest

from bftui.backends.client.client_protocol import PathsPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.protocol import Backend
from bftui.core.errors import Cancelled, InvalidToken
from bftui.core.horizon import HorizonTree
from bftui.core.path_round import PathReading, PathRound
from bftui.core.sampler import Sampler
from tests.contract.conftest import Case, ids

SAMPLER = Sampler(top_p=0.8)


@pytest.fixture(scope="module")
def engine(backend: Backend) -> InferenceEngine:
    return InferenceEngine(backend)


def grown(
    engine: InferenceEngine, prefix: list[int], most: int
) -> tuple[HorizonTree, dict[tuple[int, ...], PathReading]]:
    """A tree of so many nodes, and the reading of each."""
    tree = HorizonTree(6, engine.info.n_vocab, engine.info.eog_ids)
    found = {}
    while wanted := tree.next_round(most):
        for reading in engine.read_paths(PathsPlan(prefix, wanted, SAMPLER)):
            assert reading.path not in found
            found[reading.path] = reading
            tree.add(reading)
        tree.end_round()
    return tree, found


def test_every_text_is_read_as_it_is_alone(
    case: Case, backend: Backend, engine: InferenceEngine
) -> None:
    prefix = ids(backend, 20)
    tree, found = grown(engine, prefix, 90)
    assert len(found) == len(tree) == 90
    within = max(20 * case.tolerance, 1e-9)
    for path in tree.paths[::7]:
        reading = found[path]
        alone = backend.distribution(backend.next_logits([*prefix, *path]), SAMPLER)
        assert abs(reading.next.entropy - alone.summary().entropy) <= within
        logprobs = alone.logprobs_truncated(reading.token_ids.tolist())
        # Where a token stands at the border of P~, another order of summation may put it outside.
        if len(reading.token_ids) == alone.kept and np.isfinite(logprobs).all():
            assert np.abs(reading.logprobs - logprobs).max() <= within
            entropy = alone.summary().entropy_truncated
            assert abs(reading.next.entropy_truncated - entropy) <= within


def test_the_kept_tokens_are_a_distribution_best_first(
    backend: Backend, engine: InferenceEngine
) -> None:
    _, found = grown(engine, ids(backend, 12), 30)
    for reading in found.values():
        assert len(reading.token_ids) == reading.next.kept == len(set(reading.token_ids.tolist()))
        assert math.fsum(np.exp(reading.logprobs)) == pytest.approx(1)
        assert (np.diff(reading.logprobs) <= 0).all()
        entropy = -math.fsum(np.exp(reading.logprobs) * reading.logprobs)
        assert entropy == pytest.approx(reading.next.entropy_truncated, abs=1e-9)
        best = reading.next.top_ids[: reading.next.kept]
        assert reading.token_ids[: len(best)].tolist() == best.tolist()


def test_a_tree_is_the_same_again(case: Case, backend: Backend, engine: InferenceEngine) -> None:
    prefix = ids(backend, 15, seed=4)
    one, _ = grown(engine, prefix, 60)
    other, _ = grown(engine, prefix, 60)
    if backend.info.padded or backend.info.backend == "table":
        assert one.paths == other.paths
        assert one.numbers() == other.numbers()
    for a, b in zip(one.numbers(), other.numbers(), strict=True):
        assert a.entropy_low == pytest.approx(b.entropy_low, abs=20 * case.tolerance)


def test_few_tokens_are_told_where_few_are_asked_for(
    backend: Backend, engine: InferenceEngine
) -> None:
    prefix, plain = ids(backend, 5), Sampler(top_p=1.0)
    (reading,) = engine.read_paths(PathsPlan(prefix, PathRound(((),)), plain, most=3))
    # Ends of generation are told wherever they stand.
    assert len(reading.token_ids) == 3 + len(
        engine.info.eog_ids.difference(reading.token_ids[:3].tolist())
    )
    assert reading.next.kept == engine.info.n_vocab


def test_a_bad_token_is_refused_and_a_cancel_ends_it(
    backend: Backend, engine: InferenceEngine
) -> None:
    prefix = ids(backend, 20)
    with pytest.raises(InvalidToken):
        next(engine.read_paths(PathsPlan(prefix, PathRound(((backend.info.n_vocab,),)), SAMPLER)))
    tree, _ = grown(engine, prefix, 90)
    stream = engine.read_paths(PathsPlan(prefix, PathRound(tuple(tree.paths)), SAMPLER))
    list(islice(stream, 2))
    engine.cancel()
    with pytest.raises(Cancelled):
        list(stream)
