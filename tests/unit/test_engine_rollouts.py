"""Rollouts where the cases need a model made for them: ends, room that runs out, and the worker's priorities."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import bftui
from bftui.backends.client.client_protocol import RolloutPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.worker_client import WorkerClient
from bftui.backends.registry import open_backend
from bftui.core.errors import BftuiError, Cancelled, ContextFull, UsageError
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from tests.contract.test_rollouts import by_text, collected
from tests.models import tiny_model
from tests.tables import table

SAMPLER = Sampler(top_p=1.0, seed=4)
TREE, ROOT, PROMPT = 1, 0, [3, 4]


def opened(path: Path, *, worker: bool = True, **changes: Any) -> Any:
    model = bftui.open_model(table(path / "t.json", **changes), worker=worker)
    model.client.add_prompt(TREE, ROOT, PROMPT, SAMPLER)
    return model


def test_an_end_of_generation_ends_its_row_alone(tmp_path: Path) -> None:
    with opened(tmp_path, worker=False) as model:
        stream = model.client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(60), 30))
        walks = collected(stream)
        ended = [walk for walk in walks.values() if walk.eog]
        assert 0 < len(ended) < 60
        assert all(len(walk.token_ids) == 30 for walk in walks.values() if not walk.eog)
        assert all(walk.token_ids[-1] in model.info.eog_ids for walk in ended)


def test_the_worker_gives_what_the_engine_gives(tmp_path: Path) -> None:
    with opened(tmp_path) as far, opened(tmp_path, worker=False) as near:
        plan = RolloutPlan(TREE, ROOT, [[5]], SAMPLER, range(40), 9)
        assert list(far.client.rollouts(plan)) == list(near.client.rollouts(plan))
        ahead = (TREE, ROOT, list(range(2, 9)), SAMPLER, 3)
        one, other = dict(far.client.lookahead(*ahead)), dict(near.client.lookahead(*ahead))
        assert one.keys() == other.keys()
        for token_id, following in one.items():
            same = other[token_id]
            assert (following and following.entropy) == (same and same.entropy)
        with pytest.raises(UsageError, match="horizon"):
            next(far.client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, [0], 0)))


def test_steps_lookahead_and_two_rollouts_at_once_in_the_worker(tmp_path: Path) -> None:
    with opened(tmp_path, eog=[], step_ms=5, n_ctx=2000) as model:
        client = model.client
        asked = ((range(8), 150), (range(8, 16), 150))
        expected = [
            collected(client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, numbers, 40)))
            for numbers, _ in asked
        ]
        found: list[Any] = [None, None]
        begun = [threading.Event(), threading.Event()]
        order: list[int] = []

        def follow(place: int) -> None:
            def items() -> Any:
                numbers, horizon = asked[place]
                for item in client.rollouts(
                    RolloutPlan(TREE, ROOT, [()], SAMPLER, numbers, horizon)
                ):
                    begun[place].set()
                    order.append(place)
                    yield item

            found[place] = collected(items())

        threads = [threading.Thread(target=follow, args=(place,)) for place in range(2)]
        for thread in threads:
            thread.start()
        assert all(event.wait(20) for event in begun)
        before = len(order)
        client.step(TREE, ROOT, 1, SAMPLER, 0.5, False)
        ahead = dict(client.lookahead(TREE, ROOT, list(range(2, 22)), SAMPLER))
        during = len(order) - before
        for thread in threads:
            thread.join(30)
        assert len(ahead) == 20
        assert during < 60, "look-ahead waited for the rollouts"
        middle = order[len(order) // 4 : 3 * len(order) // 4]
        assert min(middle.count(0), middle.count(1)) > len(middle) // 4
        for walks, alone in zip(found, expected, strict=True):
            for number, walk in alone.items():
                assert walks[number].token_ids[:40] == walk.token_ids


def test_a_cancel_stops_the_rollouts_that_it_is_for(tmp_path: Path) -> None:
    with opened(tmp_path, eog=[], step_ms=10, n_ctx=2000) as model:
        client = model.client
        stopped = client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), 1000))
        next(stopped)
        client.cancel()
        with pytest.raises(Cancelled):
            list(stopped)
        left = client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), 1000))
        goes_on = client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), 30))
        next(left)
        next(goes_on)
        left.close()
        assert len(list(goes_on)) == 29
        assert client.step(TREE, ROOT, 1, SAMPLER, 0.5, False).next is not None


def test_an_error_in_the_middle_ends_the_stream_with_it(tmp_path: Path) -> None:
    with opened(tmp_path, eog=[], faults=[{"at": 5, "kind": "error"}]) as model:
        stream = model.client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), 30))
        with pytest.raises(BftuiError, match="a fault is scripted here"):
            list(stream)
        again = collected(
            model.client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), 30))
        )
        assert all(len(walk.token_ids) == 30 for walk in again.values())


def test_lookahead_counts_its_own_tokens_alone(tmp_path: Path) -> None:
    with opened(tmp_path, eog=[], step_ms=2, n_ctx=2000) as model:
        beside = model.client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(8), 1000))
        next(beside)
        stream = model.client.lookahead(TREE, ROOT, [2, 3, 4], SAMPLER, 2)
        for _ in range(3):
            next(stream)
        with pytest.raises(StopIteration) as end:
            next(stream)
        assert end.value.value == 6
        beside.close()


def quiet(_share: float | None, _text: str) -> bool:
    return True


@pytest.fixture(scope="module")
def tight_spec(tmp_path_factory: pytest.TempPathFactory) -> OpenSpec:
    """A model whose cache holds one path of 512 tokens and 384 of continuations, of which 4 may be open."""
    pytest.importorskip("llama_cpp")
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    tiny_model(path, "bpe")
    return OpenSpec(str(path), "llama-cpp", n_ctx=512, threads=1, max_continuations=4)


@pytest.fixture(scope="module")
def tight(tight_spec: OpenSpec) -> Any:
    backend = open_backend(tight_spec, quiet)
    assert backend.info.continuation_tokens == 384
    yield backend
    backend.close()


def test_streams_that_are_left_hold_nothing_in_the_worker(tight_spec: OpenSpec) -> None:
    client = WorkerClient(tight_spec, quiet)
    try:
        client.add_prompt(TREE, ROOT, PROMPT, SAMPLER)
        expected = collected(client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(3), 20)))
        for _ in range(5):
            stream = client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(3), 400))
            next(stream)
            next(stream)
            stream.close()  # type: ignore[attr-defined]
        assert (
            collected(client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(3), 20)))
            == expected
        )
    finally:
        client.close()


def test_the_path_goes_before_rollouts_and_they_go_on(tight: Any) -> None:
    """Three long places share no token: the cache cannot hold the path and what two jobs hold."""
    engine, sampler = InferenceEngine(tight), Sampler(seed=9)
    prompts = [[(7 * place + i) % 500 for i in range(400)] for place in range(3)]
    for tree, prompt in enumerate(prompts):
        engine.add_prompt(tree, 0, prompt, sampler)
    expected = [
        collected(engine.rollouts(RolloutPlan(tree, 0, [()], sampler, range(3), 40)))
        for tree in range(2)
    ]
    streams = [
        engine.rollouts(RolloutPlan(tree, 0, [()], sampler, range(3), 40)) for tree in range(2)
    ]
    items: list[list[Any]] = [[], []]
    for turn in range(40):
        for stream, found in zip(streams, items, strict=True):
            found.append(next(stream))
        if turn % 10 == 3:
            engine.add_prompt(2, 0, [turn, *prompts[2]], sampler)
    for stream, found, walks in zip(streams, items, expected, strict=True):
        for number, walk in collected(iter([*found, *stream])).items():
            assert walk.token_ids == walks[number].token_ids
    with tight.continuations([1, 2], 4) as batch:
        batch.step([0, 1, 2, 3], [1, 2, 3, 4])


def test_texts_in_a_tight_cache_go_on_though_the_path_takes_their_room(tight: Any) -> None:
    engine, sampler = InferenceEngine(tight), Sampler(seed=9)
    prompts = [[(7 * place + i) % 500 for i in range(400)] for place in range(2)]
    for tree, prompt in enumerate(prompts):
        engine.add_prompt(tree, 0, prompt, sampler)
    texts = [(5,), (), (6, 7)]
    expected = [
        collected(engine.rollouts(RolloutPlan(0, 0, [text], sampler, range(4), 40)))
        for text in texts
    ]
    items = []
    for turn, item in enumerate(engine.rollouts(RolloutPlan(0, 0, texts, sampler, range(4), 40))):
        items.append(item)
        if turn % 10 == 3:
            engine.add_prompt(1, 0, [turn % 500, *prompts[1]], sampler)
    for (text, number), walk in by_text(iter(items)).items():
        assert walk.token_ids == expected[text][number].token_ids
    assert len(by_text(iter(items))) == 12


def test_more_than_the_cache_holds_at_once_is_drawn_in_parts(tight: Any) -> None:
    engine, sampler = InferenceEngine(tight), Sampler(seed=9)
    engine.add_prompt(0, 0, [1, 2, 3], sampler)
    walks = collected(engine.rollouts(RolloutPlan(0, 0, [()], sampler, range(4), 500)))
    alone = collected(engine.rollouts(RolloutPlan(0, 0, [()], sampler, [2], 500)))
    assert walks[2].token_ids == alone[2].token_ids
    assert all(len(walk.token_ids) == 500 or walk.eog for walk in walks.values())
    with pytest.raises(ContextFull):
        engine.rollouts(RolloutPlan(0, 0, [[1] * 509], sampler, [0], 1))
