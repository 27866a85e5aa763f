"""Trees of models whose numbers depend on what is evaluated together: grown again, they are the same, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import gguf
import pytest

from bftui.backends.client.client_protocol import PathsPlan, RolloutPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.protocol import Backend
from bftui.backends.registry import open_backend
from bftui.core.horizon import HorizonTree
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from tests.contract.conftest import grouped, ids, quiet
from tests.models import rounded_model

pytest.importorskip("llama_cpp")

SAMPLER = Sampler(top_p=0.8)
TREE, ROOT = 1, 0
MOST = 400


@pytest.fixture(scope="module", params=[*map(grouped, ("Q8_0", "Q4_1", "BF16"))])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    path: Path = tmp_path_factory.mktemp("rounded") / f"{request.param}.gguf"
    rounded_model(path, gguf.GGMLQuantizationType[request.param])
    model = open_backend(OpenSpec(str(path), "llama-cpp", n_ctx=512, threads=1), quiet)
    yield model
    model.close()


def grow(engine: InferenceEngine, prefix: list[int], tree: HorizonTree, stop: int) -> None:
    """Grows a tree, stopping within every round after so many readings; then it goes on with the same round."""
    while wanted := tree.next_round(MOST):
        plan = PathsPlan(prefix, wanted, SAMPLER)
        stream = engine.read_paths(plan)
        for reading in islice(stream, stop):
            tree.add(reading)
        stream.close()
        other_work(engine, prefix, stop)
        for reading in engine.read_paths(plan):
            tree.add(reading)
        tree.end_round()


def other_work(engine: InferenceEngine, prefix: list[int], amount: int) -> None:
    engine.add_prompt(TREE, ROOT, prefix[: 3 + amount % 7], SAMPLER)
    engine.step(TREE, ROOT, 1, SAMPLER, 0.3, False)
    list(engine.rollouts(RolloutPlan(TREE, 1, [()], SAMPLER, range(1 + amount % 5), 4)))


def test_a_tree_is_the_same_however_often_it_is_stopped(backend: Backend) -> None:
    assert backend.info.padded
    prefix = ids(backend, 37)
    whole = HorizonTree(6, backend.info.n_vocab, backend.info.eog_ids)
    while wanted := whole.next_round(MOST):
        for reading in InferenceEngine(backend).read_paths(PathsPlan(prefix, wanted, SAMPLER)):
            whole.add(reading)
        whole.end_round()
    assert len(whole) == MOST
    for stop in (3, 40):
        tree = HorizonTree(6, backend.info.n_vocab, backend.info.eog_ids)
        grow(InferenceEngine(backend), prefix, tree, stop)
        assert tree.paths == whole.paths
        assert tree.numbers() == whole.numbers()
        for path in whole.paths:
            assert tree.reading(path).next.entropy == whole.reading(path).next.entropy
