"""Rollouts and look-ahead on every backend: what is drawn together is what is drawn alone, and nothing is left open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pytest

from bftui.backends.client.client_protocol import RolloutPlan, RolloutStep
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.protocol import Backend
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.errors import Cancelled, ContextFull, InvalidToken, ModelError, UsageError
from bftui.core.sampler import Sampler
from tests.contract.conftest import Case, ids

SAMPLER = Sampler(top_p=0.8, seed=11)
TREE, ROOT = 1, 0
HORIZON = 12
TOLERANCE = 1e-4
"""Nats: what the shape of a batch may change."""


@pytest.fixture(scope="module")
def engine(backend: Backend) -> InferenceEngine:
    """An engine with one prompt added."""
    found = InferenceEngine(backend)
    found.add_prompt(TREE, ROOT, ids(backend, 20), SAMPLER)
    return found


@dataclass
class Walk:
    """One continuation as its items told it."""

    token_ids: list[int]
    numbers: list[tuple[float, float, float, float]]
    eog: bool = False


def collected(stream: Iterator[RolloutStep]) -> dict[int, Walk]:
    """The continuations of one text, by number."""
    return {number: walk for (_, number), walk in by_text(stream).items()}


def by_text(stream: Iterator[RolloutStep]) -> dict[tuple[int, int], Walk]:
    """The continuations of several texts, by text and number."""
    walks: dict[tuple[int, int], Walk] = {}
    for drawn in stream:
        columns = zip(
            drawn.entropy,
            drawn.entropy_truncated,
            drawn.logprob,
            drawn.logprob_truncated,
            strict=True,
        )
        for text, number, token_id, row, eog in zip(
            drawn.texts, drawn.numbers, drawn.token_ids, columns, drawn.eog, strict=True
        ):
            walk = walks.setdefault((text, number), Walk([], []))
            assert not walk.eog, "a row that ended goes on"
            walk.token_ids.append(token_id)
            walk.numbers.append(row)
            walk.eog = eog
    return walks


def rolled(
    engine: InferenceEngine, numbers: Sequence[int], suffix: Sequence[int] = ()
) -> dict[int, Walk]:
    return collected(engine.rollouts(RolloutPlan(TREE, ROOT, [suffix], SAMPLER, numbers, HORIZON)))


def walked(backend: Backend, prefix: list[int], number: int, purpose: Purpose) -> Walk:
    """The same continuation in single evaluations, with the draws that the contract gives it."""
    walk = Walk([], [])
    while len(walk.token_ids) < HORIZON and not walk.eog:
        logits = backend.next_logits([*prefix, *walk.token_ids])
        distribution = backend.distribution(logits, SAMPLER)
        t = len(walk.token_ids)
        u = uniform(SAMPLER.seed, purpose, t, number, prefix_key(prefix))
        scored, following = distribution.score(distribution.draw(u)), distribution.summary()
        assert scored.logprob_truncated is not None
        walk.token_ids.append(scored.token_id)
        walk.numbers.append(
            (
                following.entropy,
                following.entropy_truncated,
                scored.logprob,
                scored.logprob_truncated,
            )
        )
        walk.eog = scored.token_id in backend.info.eog_ids
    return walk


def agree(a: Walk, b: Walk) -> None:
    assert (a.token_ids, a.eog) == (b.token_ids, b.eog)
    for one, other in zip(a.numbers, b.numbers, strict=True):
        assert one == pytest.approx(other, abs=TOLERANCE)


def all_rows_can_be_opened(backend: Backend) -> None:
    with backend.continuations([1, 2, 3], backend.info.max_continuations) as batch:
        batch.step([0], [1])


# What is drawn -------------------------------------------------------------------------------------


def test_together_is_what_single_evaluations_give(engine: InferenceEngine) -> None:
    walks = rolled(engine, range(32))
    assert list(walks) == list(range(32))
    for number in (0, 7, 31):
        agree(
            walks[number],
            walked(engine.backend, ids(engine.backend, 20), number, Purpose.ROLLOUT),
        )


def test_alone_and_among_others_is_the_same(engine: InferenceEngine) -> None:
    """Also where more are asked for than go together, and whatever the order is."""
    many = rolled(engine, range(40))
    for number in (3, 39):
        agree(rolled(engine, [number])[number], many[number])
    few = rolled(engine, [39, 3, 2**63])
    assert list(few) == [39, 3, 2**63]
    agree(few[3], many[3])


def test_two_of_eight_and_six_more_are_the_same_eight(
    engine: InferenceEngine, backend: Backend
) -> None:
    """Also after another text took the place of this one in the cache."""
    eight = rolled(engine, range(8))
    backend.next_logits(ids(backend, 40, seed=17))
    two, six = rolled(engine, range(2)), rolled(engine, range(2, 8))
    for number, walk in {**two, **six}.items():
        agree(walk, eight[number])


def test_a_suffix_is_part_of_the_prefix(engine: InferenceEngine) -> None:
    suffix = ids(engine.backend, 5, seed=8)
    stream = engine.rollouts(
        RolloutPlan(TREE, ROOT, [suffix], SAMPLER, [2, 0], HORIZON, purpose=Purpose.CONTROL)
    )
    walks = collected(stream)
    prefix = [*ids(engine.backend, 20), *suffix]
    for number in (0, 2):
        agree(walks[number], walked(engine.backend, prefix, number, Purpose.CONTROL))


@pytest.mark.parametrize("suffixes", [[(), (3,), (4,)], [(3, 4), (5,)]])
def test_each_of_several_texts_is_what_it_is_alone(
    engine: InferenceEngine, backend: Backend, suffixes: list[tuple[int, ...]]
) -> None:
    """Also those that take the place of others after the path went elsewhere."""
    stream = engine.rollouts(RolloutPlan(TREE, ROOT, suffixes, SAMPLER, range(30), HORIZON))
    other, items = InferenceEngine(backend), []
    for place, item in enumerate(stream):
        items.append(item)
        if place in (1, 4, HORIZON):
            other.add_prompt(2, 0, ids(backend, 25, seed=30 + place), SAMPLER)
    walks = by_text(iter(items))
    assert list(walks) == [(text, number) for text in range(len(suffixes)) for number in range(30)]
    for text, suffix in enumerate(suffixes):
        alone = rolled(engine, [0, 29], suffix)
        for number in (0, 29):
            agree(walks[text, number], alone[number])
    all_rows_can_be_opened(backend)


def test_the_cost_is_the_prefix_once_and_each_token_but_the_last(engine: InferenceEngine) -> None:
    backend = engine.backend
    engine.preview(TREE, ROOT, SAMPLER)
    backend.next_logits(ids(backend, 20))
    before = backend.evaluated
    walks = rolled(engine, range(8))
    drawn = sum(len(walk.token_ids) for walk in walks.values())
    assert backend.evaluated - before == drawn - len(walks)
    before = backend.evaluated
    assert all(
        len(walk.token_ids) == 1
        for walk in collected(
            engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(8), 1))
        ).values()
    )
    assert backend.evaluated == before


def test_capped_numbers_are_those_of_the_best_and_the_drawn(engine: InferenceEngine) -> None:
    plain = rolled(engine, range(8))
    stream = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(8), HORIZON, cap_k=2))
    for number, walk in collected(stream).items():
        assert walk.token_ids == plain[number].token_ids
        for capped, full in zip(walk.numbers, plain[number].numbers, strict=True):
            assert (capped[0], capped[2]) == pytest.approx((full[0], full[2]), abs=TOLERANCE)
            assert capped[1] <= min(1.0986123, full[1] + TOLERANCE)
            assert capped[3] >= full[3] - TOLERANCE


# Limits --------------------------------------------------------------------------------------------


def test_rows_end_where_the_context_does(case: Case) -> None:
    model = case.open(n_ctx=96)
    try:
        engine = InferenceEngine(model)
        engine.add_prompt(TREE, ROOT, ids(model, 90), SAMPLER)
        for suffix, most in (((), 6), ([1, 2, 3], 3), ([1, 2, 3, 4, 5], 1)):
            stream = engine.rollouts(RolloutPlan(TREE, ROOT, [suffix], SAMPLER, range(3), 50))
            for walk in collected(stream).values():
                assert len(walk.token_ids) == most or walk.eog
        with pytest.raises(ContextFull):
            engine.rollouts(RolloutPlan(TREE, ROOT, [[1] * 6], SAMPLER, range(3), 50))
        all_rows_can_be_opened(model)
    finally:
        model.close()


def test_what_cannot_be_drawn_is_refused_at_once(engine: InferenceEngine) -> None:
    def asked(numbers: Sequence[int] = (0,), horizon: int = 3, cap_k: int = 0) -> None:
        engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, numbers, horizon, cap_k=cap_k))

    for horizon in (0, -1):
        with pytest.raises(UsageError, match="horizon"):
            asked(horizon=horizon)
    for numbers in ([1, 1], [-1], [2**64]):
        with pytest.raises(UsageError, match="number"):
            asked(numbers=numbers)
    wrong: list[Any] = [0.5, np.int64(1), "1"]
    for number in wrong:
        with pytest.raises(UsageError, match="whole number"):
            asked(numbers=[number])
    with pytest.raises(UsageError, match="cap-k"):
        asked(cap_k=-1)
    with pytest.raises(InvalidToken):
        engine.rollouts(RolloutPlan(TREE, ROOT, [[engine.info.n_vocab]], SAMPLER, [0], 3))
    with pytest.raises(UsageError, match="look-ahead"):
        engine.lookahead(TREE, ROOT, [1], SAMPLER, 0)
    assert rolled(engine, []) == {}


# In between ----------------------------------------------------------------------------------------


def test_foreground_work_in_between_changes_nothing(
    engine: InferenceEngine, backend: Backend
) -> None:
    expected = rolled(engine, range(5))
    elsewhere = ids(backend, 30, seed=21)
    alone = InferenceEngine(backend)
    alone.add_prompt(2, 0, elsewhere, SAMPLER)
    steps = [alone.step(2, i, i + 1, SAMPLER, 0.3 + 0.05 * i, False) for i in range(5)]
    other = InferenceEngine(backend)
    items = []
    for place, item in enumerate(
        engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(5), HORIZON))
    ):
        items.append(item)
        if place == 0:
            other.add_prompt(2, 0, elsewhere, SAMPLER)
        elif place <= 5:
            step = other.step(2, place - 1, place, SAMPLER, 0.25 + 0.05 * place, False)
            assert step.scored.token_id == steps[place - 1].scored.token_id
            assert step.scored.logprob == pytest.approx(
                steps[place - 1].scored.logprob, abs=TOLERANCE
            )
    for number, walk in collected(iter(items)).items():
        agree(walk, expected[number])


def test_two_jobs_and_a_lookahead_at_once(engine: InferenceEngine) -> None:
    expected = rolled(engine, range(40))
    ahead = dict(engine.lookahead(TREE, ROOT, range(20), SAMPLER))
    one = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(32), HORIZON))
    two = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(8, 40), HORIZON))
    items = ([*islice(one, 2)], [*islice(two, 3)])
    again = dict(engine.lookahead(TREE, ROOT, range(20), SAMPLER))
    for stream, found in zip((one, two), items, strict=True):
        for number, walk in collected(iter([*found, *stream])).items():
            agree(walk, expected[number])
    for token_id, following in ahead.items():
        other = again[token_id]
        assert (following is None) == (other is None)
        if following is not None and other is not None:
            assert other.bf == pytest.approx(following.bf, rel=1e-3)


def test_lookahead_by_some_steps_is_the_greedy_path(
    engine: InferenceEngine, backend: Backend
) -> None:
    prefix = ids(backend, 20)
    found = dict(engine.lookahead(TREE, ROOT, [3, 4, 5], SAMPLER, 3))
    for token_id, following in found.items():
        path = [*prefix, token_id]
        for _ in range(2):
            path.append(backend.distribution(backend.next_logits(path), SAMPLER).greedy())
        if not backend.info.eog_ids.isdisjoint(path[len(prefix) :]):
            assert following is None
            continue
        expected = backend.distribution(backend.next_logits(path), SAMPLER).summary()
        assert following is not None
        assert following.entropy == pytest.approx(expected.entropy, abs=TOLERANCE)


# Ends ----------------------------------------------------------------------------------------------


def test_a_stream_that_is_left_holds_nothing(engine: InferenceEngine, backend: Backend) -> None:
    expected = rolled(engine, [1])
    streams = [
        engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(32), HORIZON))
        for _ in range(2)
    ]
    for stream in streams:
        next(stream)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    all_rows_can_be_opened(backend)
    never_begun = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(32), HORIZON))
    del never_begun
    all_rows_can_be_opened(backend)
    agree(rolled(engine, [1])[1], expected[1])


def test_a_stream_may_outlive_its_model(case: Case) -> None:
    """Left, it ends in silence; asked for more, it says that the model is closed."""
    engine = InferenceEngine(case.open())
    engine.add_prompt(TREE, ROOT, ids(engine.backend, 20), SAMPLER)
    left, asked = (
        engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(4), HORIZON)) for _ in range(2)
    )
    for stream in (left, asked):
        next(stream)
        next(stream)
    engine.close()
    left.close()  # type: ignore[attr-defined]
    assert list(left) == []
    with pytest.raises(ModelError, match="closed"):
        next(asked)
    assert list(asked) == []


def test_a_cancel_ends_the_stream_and_the_model_goes_on(
    engine: InferenceEngine, backend: Backend
) -> None:
    expected = rolled(engine, range(6))
    stream = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(6), HORIZON))
    next(stream)
    next(stream)
    engine.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    all_rows_can_be_opened(backend)
    for number, walk in rolled(engine, range(6)).items():
        agree(walk, expected[number])
