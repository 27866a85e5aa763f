"""Texts that advance in rounds: drawn with interruptions they are what they are without, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui import practice
from bftui.backends.client.client_protocol import GivenRow, RolloutPlan, RolloutStep
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.worker_client import WorkerClient
from bftui.backends.protocol import Backend
from bftui.backends.registry import open_backend
from bftui.core.draws import Purpose
from bftui.core.errors import Cancelled, UsageError
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.measures.drawn_texts import DrawnTexts
from bftui.measures.site import prompt_site
from tests.contract.conftest import CASES, case_of, grouped, ids, quiet
from tests.contract.test_rollouts import Walk, by_text
from tests.models import rounded_model
from tests.tables import table

SAMPLER = Sampler(top_p=0.9, seed=5)
TREE, ROOT = 1, 0
SHORT: tuple[tuple[int, ...], ...] = ((5, 6), (), (7,), (8, 9, 10))
LONG = (tuple(range(2, 42)), (), tuple(range(3, 50)))
PADDED = ("Q8_0", "Q4_1")
NOISE = 1e-3
"""Nats: what the shape of a batch may change where rows are not padded."""
NAMES = (*CASES, *PADDED, "practice")

Places = dict[tuple[int, int], Walk]


@pytest.fixture(scope="module", params=[*map(grouped, NAMES)])
def spec(
    request: pytest.FixtureRequest,
    family_file: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> OpenSpec:
    """A model of every kind whose numbers come again where the same is evaluated in the same shape."""
    name: str = request.param
    if name == "table":
        path = table(tmp_path_factory.mktemp("tables") / "t.json", n_ctx=1024)
        return OpenSpec(path.removeprefix("table:"), "table")
    if name in (*PADDED, "practice"):
        pytest.importorskip("llama_cpp")
        path = practice.path("practice")
        if name in PADDED:
            path = tmp_path_factory.mktemp("rounded") / f"{name}.gguf"
            rounded_model(path, gguf.GGMLQuantizationType[name])
        return OpenSpec(str(path), "llama-cpp", n_ctx=1024, threads=1)
    return case_of(name, family_file).spec


@pytest.fixture(scope="module")
def backend(spec: OpenSpec) -> Iterator[Backend]:
    model = open_backend(spec, quiet)
    yield model
    model.close()


def plan_of(texts: Sequence[tuple[int, ...]] = SHORT, **changes: Any) -> RolloutPlan:
    return replace(
        RolloutPlan(TREE, ROOT, texts, SAMPLER, range(14), 9, Purpose.CONTROL, rounds=(2, 5)),
        **changes,
    )


LONG_PLAN = plan_of(LONG, numbers=range(7))


def engine_of(backend: Backend) -> InferenceEngine:
    engine = InferenceEngine(backend)
    engine.add_prompt(TREE, ROOT, ids(backend, 40), SAMPLER)
    return engine


def joined(one: Places, other: Places) -> Places:
    """What was drawn before and what was drawn after it."""
    found = {
        place: Walk([*walk.token_ids], [*walk.numbers], walk.eog) for place, walk in one.items()
    }
    for place, walk in other.items():
        row = found.setdefault(place, Walk([], []))
        assert not row.eog
        row.token_ids += walk.token_ids
        row.numbers += walk.numbers
        row.eog = walk.eog
    return found


def known(places: Places) -> tuple[GivenRow, ...]:
    return tuple(GivenRow(*place, tuple(walk.token_ids)) for place, walk in places.items())


def drawn(backend: Backend, plan: RolloutPlan, before: Places | None = None) -> Places:
    """Everything, after what was drawn before."""
    stream = engine_of(backend).rollouts(replace(plan, given=known(before or {})))
    return joined(before or {}, by_text(stream))


def begun(backend: Backend, plan: RolloutPlan, stop: int, before: Places | None = None) -> Places:
    """The first `stop` items more, after which the stream is closed."""
    stream: Any = engine_of(backend).rollouts(replace(plan, given=known(before or {})))
    found = by_text(islice(stream, stop))
    stream.close()
    return joined(before or {}, found)


# The order -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps(backend: Backend) -> list[RolloutStep]:
    return list(engine_of(backend).rollouts(plan_of()))


@pytest.fixture(scope="module")
def long_steps(backend: Backend) -> list[RolloutStep]:
    return list(engine_of(backend).rollouts(LONG_PLAN))


def test_each_number_is_begun_by_all_texts_before_the_next(
    backend: Backend, steps: list[RolloutStep]
) -> None:
    order: dict[tuple[int, int], None] = {}
    width = min(backend.info.batch_rows, 32)
    ended: set[tuple[int, int]] = set()
    for step in steps:
        assert len(step.texts) <= backend.info.batch_rows
        for text, number, eog in zip(step.texts, step.numbers, step.eog, strict=True):
            order.setdefault((number, text))
            if eog:
                ended.add((number, text))
    batches = [list(order)[i : i + width] for i in range(0, len(order), width)]
    wanted = sorted(order)
    assert len(wanted) == 14 * len(SHORT)
    if backend.info.batch_rows <= 32:
        assert [sorted(each) for each in batches] == [
            wanted[i : i + width] for i in range(0, len(wanted), width)
        ]


def test_a_round_is_complete_before_the_next_one_begins(long_steps: list[RolloutStep]) -> None:
    """Of long texts, which are drawn text after text in each round."""
    seen: list[tuple[int, int]] = []
    for step in long_steps:
        for text, number in zip(step.texts, step.numbers, strict=True):
            place = (sum(number >= end for end in LONG_PLAN.rounds), text)
            if not seen or seen[-1] != place:
                seen.append(place)
    assert seen == [(round_, text) for round_ in range(3) for text in range(3)]


# Interruptions -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(steps: list[RolloutStep]) -> Places:
    return by_text(iter(steps))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(stops=st.lists(st.integers(1, 25), min_size=1, max_size=4))
def test_interrupted_anywhere_it_is_the_same(
    backend: Backend, whole: Places, stops: list[int]
) -> None:
    found: Places = {}
    for stop in stops:
        found = begun(backend, plan_of(), stop, found)
    assert drawn(backend, plan_of(), found) == whole


@pytest.fixture(scope="module")
def whole_long(long_steps: list[RolloutStep]) -> Places:
    return by_text(iter(long_steps))


@settings(max_examples=4, deadline=None, derandomize=True)
@given(stops=st.lists(st.integers(1, 40), min_size=1, max_size=3))
def test_long_texts_too(backend: Backend, whole_long: Places, stops: list[int]) -> None:
    found: Places = {}
    for stop in stops:
        found = begun(backend, LONG_PLAN, stop, found)
    assert drawn(backend, LONG_PLAN, found) == whole_long


@pytest.fixture(scope="module")
def opened_apart() -> Iterator[Callable[[OpenSpec], WorkerClient]]:
    """Opens one model after the other in another process, which imports their libraries once."""
    client: WorkerClient | None = None

    def opened(spec: OpenSpec) -> WorkerClient:
        nonlocal client
        if client is None:
            client = WorkerClient(spec, quiet)
        else:
            client.opened = client._open(spec, quiet)
        return client

    yield opened
    if client is not None:
        client.close()


def test_in_another_process_it_goes_on_too(
    spec: OpenSpec,
    backend: Backend,
    whole: Places,
    opened_apart: Callable[[OpenSpec], WorkerClient],
) -> None:
    before = begun(backend, plan_of(), 7)
    client = opened_apart(spec)
    client.add_prompt(TREE, ROOT, ids(backend, 40), SAMPLER)
    stream = client.rollouts(replace(plan_of(), given=known(before)))
    middle = joined(before, by_text(islice(stream, 6)))
    stream.close()  # type: ignore[attr-defined]
    rest = client.rollouts(replace(plan_of(), given=known(middle)))
    assert joined(middle, by_text(rest)) == whole


def test_what_is_complete_costs_nothing(backend: Backend, whole: Places) -> None:
    engine = engine_of(backend)
    before = backend.evaluated
    assert list(engine.rollouts(plan_of(given=known(whole)))) == []
    assert backend.evaluated == before


def test_after_a_cancel_it_goes_on(backend: Backend, whole: Places) -> None:
    engine = engine_of(backend)
    stream = engine.rollouts(plan_of())
    found = by_text(islice(stream, 6))
    engine.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    assert drawn(backend, plan_of(), found) == whole


def test_how_the_path_was_made_and_what_came_between_matter_not(
    backend: Backend, whole: Places
) -> None:
    path = ids(backend, 40)
    engine = InferenceEngine(backend)
    engine.add_prompt(TREE, 100, path[:25], SAMPLER)
    for place, token_id in enumerate(path[25:]):
        engine.extend(TREE, 100 + place, 101 + place, [token_id], SAMPLER, True)
    before = begun(backend, plan_of(), 4)
    engine.add_prompt(2, 0, ids(backend, 30, seed=9), SAMPLER)
    stream = engine.rollouts(plan_of(node=115, given=known(before)))
    assert joined(before, by_text(stream)) == whole


# More ----------------------------------------------------------------------------------------------


def test_more_numbers_go_on_after_those_that_are_known(backend: Backend) -> None:
    few, many = plan_of(numbers=range(8)), plan_of(numbers=range(20))
    agree(backend, drawn(backend, many, drawn(backend, few)), drawn(backend, many))


def agree(backend: Backend, found: Places, expected: Places) -> None:
    """Beside fewer rows there is other noise, but where the missing ones are padded."""
    if backend.info.padded:
        assert found == expected
    assert found.keys() == expected.keys()
    for place, walk in expected.items():
        assert (found[place].token_ids, found[place].eog) == (walk.token_ids, walk.eog)
        assert np.allclose(found[place].numbers, walk.numbers, atol=NOISE, rtol=0)


@pytest.mark.parametrize("texts", [SHORT, LONG])
def test_a_longer_horizon_goes_on_from_what_is_known(
    backend: Backend, texts: Sequence[tuple[int, ...]]
) -> None:
    short, long = (plan_of(texts, numbers=range(6), horizon=horizon) for horizon in (5, 12))
    found = drawn(backend, long, drawn(backend, short))
    agree(backend, found, drawn(backend, long))
    assert any(len(walk.token_ids) == 12 for walk in found.values())


def test_the_rows_of_one_text_fill_batches_whatever_the_rounds_are(backend: Backend) -> None:
    text = [tuple(range(2, 50))]
    plans = [plan_of(text, rounds=rounds) for rounds in ((2, 5), (14,))]
    assert drawn(backend, plans[0]) == drawn(backend, plans[1])


# Ends ----------------------------------------------------------------------------------------------


def test_rows_that_end_early_are_not_drawn_again(tmp_path: Path) -> None:
    model = open_backend(
        OpenSpec(table(tmp_path / "t.json").removeprefix("table:"), "table"), quiet
    )
    plan = plan_of(((), (3,)), numbers=range(40), horizon=20)
    engine = InferenceEngine(model)

    def go(before: Places, stop: int | None = None) -> Places:
        engine.add_prompt(TREE, ROOT, [3, 4], SAMPLER)
        stream: Any = engine.rollouts(replace(plan, given=known(before)))
        found = joined(before, by_text(islice(stream, stop)))
        stream.close()
        return found

    expected = go({})
    assert 0 < sum(walk.eog for walk in expected.values()) < len(expected)
    cost = model.evaluated
    for stop in (1, 5, 21, 30):
        assert go(go({}, stop)) == expected
    assert cost < 2 * sum(len(walk.token_ids) for walk in expected.values())


@pytest.fixture(scope="module", params=[*map(grouped, PADDED)])
def ending(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A padded model of which about every tenth token ends a continuation."""
    pytest.importorskip("llama_cpp")
    path = tmp_path_factory.mktemp("ending") / f"{request.param}.gguf"
    rounded_model(path, gguf.GGMLQuantizationType[request.param])
    model: Any = open_backend(OpenSpec(str(path), "llama-cpp", n_ctx=1024, threads=1), quiet)
    model._info = replace(model.info, eog_ids=frozenset(range(0, model.info.n_vocab, 10)))
    yield model
    model.close()


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    stops=st.lists(st.integers(1, 60), max_size=3),
    count=st.integers(1, 11),
    horizon=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_rows_that_ended_are_evaluated_no_more_and_change_no_bit(
    ending: Backend, stops: list[int], count: int, horizon: int, seed: int
) -> None:
    """Stopped anywhere, or after fewer numbers or a shorter horizon, it goes on to what it is as a whole."""
    sampler = replace(SAMPLER, seed=seed)
    plan = plan_of(sampler=sampler, horizon=30)
    before = ending.evaluated
    expected = drawn(ending, plan)
    spent = ending.evaluated - before
    assert sum(walk.eog for walk in expected.values()) > 0
    assert spent < 0.8 * 30 * ending.info.batch_rows * -(-len(expected) // ending.info.batch_rows)
    less = replace(plan, numbers=range(count), horizon=horizon)
    found: Places = {}
    for stop in stops:
        found = begun(ending, less, stop, found)
    found = drawn(ending, less, found)
    for stop in stops:
        found = begun(ending, plan, stop, found)
    assert drawn(ending, plan, found) == expected


def test_rows_end_where_the_context_does(spec: OpenSpec) -> None:
    model = open_backend(replace(spec, n_ctx=280), quiet)
    try:
        texts, numbers = ((), (3, 4, 5)), range(6)
        plan = plan_of(texts, numbers=numbers, horizon=50)
        engine = InferenceEngine(model)
        engine.add_prompt(TREE, ROOT, ids(model, 268), SAMPLER)
        expected = by_text(engine.rollouts(plan))
        for (text, _), walk in expected.items():
            assert walk.eog or len(walk.token_ids) == 12 - len(texts[text])
        before = by_text(islice(engine.rollouts(plan), 5))
        rest = by_text(engine.rollouts(replace(plan, given=known(before))))
        assert joined(before, rest) == expected
        assert list(engine.rollouts(replace(plan, given=known(expected)))) == []
    finally:
        model.close()


def test_what_is_not_of_the_plan_is_refused(backend: Backend) -> None:
    engine = engine_of(backend)
    row = GivenRow(0, 1, (3,))
    wrong = [
        plan_of(rounds=(4, 4)),
        plan_of(rounds=(0, 4)),
        plan_of(rounds=(), given=[row]),
        plan_of(given=[row, row]),
        plan_of(given=[replace(row, text=9)]),
        plan_of(given=[replace(row, number=99)]),
    ]
    for plan in wrong:
        with pytest.raises(UsageError):
            engine.rollouts(plan)


# Rollouts ------------------------------------------------------------------------------------------


def test_rollouts_go_on_from_samples_that_are_known(tmp_path: Path) -> None:
    import bftui

    source = table(tmp_path / "t.json")
    with (
        bftui.open_model(source, worker=False) as model,
        prompt_site(model, [3, 4], SAMPLER) as site,
    ):

        def run(drawn: DrawnTexts, samples: int, horizon: int, rounds: Sequence[int]) -> DrawnTexts:
            for _ in drawn.draw(site, samples, horizon, rounds):
                pass
            return drawn

        def again(drawn: DrawnTexts) -> DrawnTexts:
            """As another run of the program finds it."""
            kept = [(ids, drawn.stored(place)) for place, ids in enumerate(texts)]
            return DrawnTexts.restored(kept)

        def told(drawn: DrawnTexts) -> Any:
            return [drawn.stored(place) for place in range(len(texts))]

        texts = [(), (5,)]
        expected = run(DrawnTexts(texts), 40, 10, (4, 40))
        first = DrawnTexts(texts)
        with closing(first.draw(site, 40, 10, (4, 40))) as drawing:
            while not first.complete(4, 10):
                next(drawing)
        assert not first.complete(40, 10)
        second = again(first)
        assert second.tokens == first.tokens
        assert told(run(second, 40, 10, (4, 40))) == told(expected)
        grown = run(DrawnTexts(texts), 6, 4, (4,))
        assert told(run(again(grown), 40, 10, (4, 40))) == told(expected)
