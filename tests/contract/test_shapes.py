"""The same shape for the same work: where weights are rounded, the same request gives the same numbers, bit by bit."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import bftui
from bftui.backends.client.client_protocol import RolloutPlan, TriePlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.worker_client import WorkerClient
from bftui.backends.protocol import F32, Backend
from bftui.backends.registry import open_backend
from bftui.core.batch import AFRESH, Batch, afresh, batches, step
from bftui.core.draws import Purpose
from bftui.core.errors import ContextFull, Displaced, ModelError, UsageError
from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import Setting
from bftui.formats import context_plan
from bftui.formats.open_spec import OpenSpec
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.trace_check import FINE, Checking
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.contract.conftest import grouped, ids, quiet
from tests.contract.test_rollouts import by_text, collected
from tests.contract.test_trie_reading import branching_trie
from tests.families import family_directory
from tests.models import CHATML, rounded_model

pytest.importorskip("llama_cpp")

Q = gguf.GGMLQuantizationType
TYPES = ("Q8_0", "Q4_1", "BF16", "F16", "transformers")
SAMPLER = Sampler(top_p=0.9, seed=3)
TREE, ROOT = 1, 0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny model of a type of weights, written once."""
    folder = tmp_path_factory.mktemp("rounded")

    def get(kind: str) -> Path:
        path = folder / (kind if kind == "transformers" else f"{kind}.gguf")
        if not path.exists():
            if kind == "transformers":
                family_directory(path, "bpe", chat_template=CHATML)
            else:
                rounded_model(path, Q[kind])
        return path

    return get


@pytest.fixture(scope="module", params=[*map(grouped, TYPES)])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "transformers":
        pytest.importorskip("transformers")
    return name


@pytest.fixture(scope="module")
def rounded(file: Callable[[str], Path], kind: str) -> Iterator[Backend]:
    backend = open_backend(spec(file(kind)), quiet)
    yield backend
    backend.close()


def spec(path: Path, **changes: Any) -> OpenSpec:
    """A GGUF file on llama.cpp, a directory on transformers in bfloat16."""
    common = {"n_ctx": 1024, **changes}
    if path.is_dir():
        return OpenSpec(str(path), "transformers", threads=1, dtype="bfloat16", **common)
    return OpenSpec(str(path), "llama-cpp", threads=1, **common)


def rows(backend: Backend, path: list[int], shape: list[Batch]) -> list[F32]:
    return list(backend.path_logits(path[:1], path[1:], shape))


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


# Paths ---------------------------------------------------------------------------------------------


def test_the_shape_matters_here(rounded: Backend, kind: str) -> None:
    """Without this, everything below would hold for nothing."""
    path = ids(rounded, 300)
    alone, together = (
        rows(rounded, path, shape)
        for shape in ([step(i) for i in range(300)], batches(0, 300, 64, scored=True))
    )
    assert not same(alone, together)
    assert rounded.info.shaped
    assert rounded.info.padded == (kind != "F16")


def test_the_same_batches_give_the_same_bits_whatever_came_before(rounded: Backend) -> None:
    """Prompts, steps, forced texts, branches from the middle of one, and other texts in between."""
    base = ids(rounded, 300)
    trunk = [*batches(0, 90, 256), *batches(90, 130, 64, scored=True), *map(step, range(130, 150))]
    texts = [
        (base[:150], trunk),
        (base[:90], batches(0, 90, 256)),
        ([*base[:110], *base[200:220]], [*trunk[:110], *map(step, range(110, 130))]),
        (base[100:260], batches(0, 160, AFRESH)),
        (base[:150], [step(i) for i in range(150)]),
        ([*base[:95], *base[240:260]], [*trunk[:95], *batches(95, 115, 64, scored=True)]),
    ]
    first = [np.array(rounded.next_logits(*each)) for each in texts]
    order = np.random.default_rng(5).integers(0, len(texts), 30)
    for place in order:
        assert np.array_equal(rounded.next_logits(*texts[place]), first[place])
    other = open_backend(spec(Path(rounded.info.source)), quiet)
    try:
        for place in (5, 2, 0):
            assert np.array_equal(other.next_logits(*texts[place]), first[place])
    finally:
        other.close()


def test_a_small_context_opens_and_holds_what_it_says(file: Callable[[str], Path]) -> None:
    backend = open_backend(spec(file("Q8_0"), n_ctx=40), quiet)
    try:
        assert backend.info.n_ctx == 40
        engine = engine_with_prompt(backend, 30)
        assert max(len(walk.token_ids) for walk in rolled(engine, range(3)).values()) == 10
        with pytest.raises(ContextFull):
            backend.next_logits(ids(backend, 41))
    finally:
        backend.close()


def test_a_shared_prefix_in_the_same_batches_is_not_evaluated_again(rounded: Backend) -> None:
    path = ids(rounded, 80)
    shape = [*batches(0, 40, 256), *map(step, range(40, 80))]
    rounded.next_logits(path, shape)
    before = rounded.evaluated
    rounded.next_logits([*path[:60], 1], [*shape[:60], step(60)])
    assert rounded.evaluated - before == 1


def test_a_text_is_read_alike_whatever_the_cache_holds(rounded: Backend) -> None:
    engine, path = InferenceEngine(rounded), ids(rounded, 260)
    first = list(engine.path_logits(path[:70], path[70:250]))
    for other in (path[:30], path[5:200], path[:251], path[:70]):
        list(engine.path_logits(other[:10], other[10:]))
        list(engine.greedy(other, 3))
        assert same(first, engine.path_logits(path[:70], path[70:250]))
    told = [list(engine.greedy(path[:50], 6)) for _ in range(2)]
    assert told[0] == told[1]


# Continuations -------------------------------------------------------------------------------------


def engine_with_prompt(backend: Backend, count: int = 70) -> InferenceEngine:
    engine = InferenceEngine(backend)
    engine.add_prompt(TREE, ROOT, ids(backend, count), SAMPLER)
    return engine


def rolled(
    engine: InferenceEngine, numbers: Any, horizon: int = 20, node: int = ROOT
) -> dict[int, Any]:
    return collected(engine.rollouts(RolloutPlan(TREE, node, [()], SAMPLER, numbers, horizon)))


def only(kind: str) -> None:
    if kind == "F16":
        pytest.skip("its noise is small: places are not kept")


def test_a_continuation_follows_from_its_number_alone(rounded: Backend, kind: str) -> None:
    only(kind)
    engine = engine_with_prompt(rounded)
    many = rolled(engine, range(40))
    assert list(many) == list(range(40))
    for numbers in ([0, 1], range(8), range(2, 8), [39, 3], [17]):
        for number, walk in rolled(engine, numbers).items():
            assert walk == many[number]
    longer = rolled(engine, [5], horizon=40)[5]
    assert longer.token_ids[: len(many[5].token_ids)] == many[5].token_ids
    assert longer.numbers[: len(many[5].numbers)] == many[5].numbers


def test_it_does_not_depend_on_how_a_person_came_there(rounded: Backend, kind: str) -> None:
    only(kind)
    forced, stepped = engine_with_prompt(rounded), engine_with_prompt(rounded)
    text = ids(rounded, 12, seed=9)
    forced.extend(TREE, ROOT, 1, text, SAMPLER, True)
    node = ROOT
    for place, token_id in enumerate(text, start=1):
        stepped.extend(TREE, node, place, [token_id], SAMPLER, True)
        node = place
    assert rolled(forced, range(3), node=12) == rolled(stepped, range(3), node=12)
    found = [
        dict(engine.lookahead(TREE, 12, range(2, 22), SAMPLER, 2)) for engine in (forced, stepped)
    ]
    assert _entropies(found[0]) == _entropies(found[1])
    scores = [engine.score(TREE, 12, text[:4], SAMPLER) for engine in (forced, stepped)]
    assert scores[0] == scores[1]


def _entropies(found: dict[int, Any]) -> dict[int, float | None]:
    return {token_id: after and after.entropy for token_id, after in found.items()}


def test_a_candidate_is_looked_at_alike_beside_fewer_others(rounded: Backend, kind: str) -> None:
    only(kind)
    engine = engine_with_prompt(rounded)
    wanted = [each for each in range(2, 40) if each not in rounded.info.eog_ids][:20]
    many = _entropies(dict(engine.lookahead(TREE, ROOT, wanted, SAMPLER)))
    few = _entropies(dict(engine.lookahead(TREE, ROOT, wanted[:5], SAMPLER)))
    assert few.items() <= many.items()


def test_other_work_in_between_changes_no_bit(rounded: Backend, kind: str) -> None:
    """Steps, texts that are read, look-ahead, and rollouts that take the room of others."""
    only(kind)
    engine = engine_with_prompt(rounded)
    expected = rolled(engine, range(20))
    one = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(20), 20))
    two = engine.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, range(5, 13), 20))
    items = ([*islice(one, 7)], [*islice(two, 5)])
    engine.step(TREE, ROOT, 1, SAMPLER, 0.3, True)
    dict(engine.lookahead(TREE, ROOT, range(2, 12), SAMPLER))
    list(engine.path_logits(ids(rounded, 30, seed=8), ids(rounded, 30)))
    items[0].extend(islice(one, 3))
    for stream, found in zip((one, two), items, strict=True):
        for number, walk in collected(iter([*found, *stream])).items():
            assert walk == expected[number]


def test_texts_that_are_compared_are_drawn_alike_each_time(rounded: Backend, kind: str) -> None:
    only(kind)
    engine, texts = engine_with_prompt(rounded), [(), (3,), (4, 5)]

    def drawn() -> Any:
        stream = engine.rollouts(
            RolloutPlan(TREE, ROOT, texts, SAMPLER, range(6), 24, purpose=Purpose.CONTROL)
        )
        return by_text(stream)

    first = drawn()
    assert len(first) == 18
    rolled(engine, range(3))
    engine.step(TREE, ROOT, 1, SAMPLER, 0.3, True)
    assert drawn() == first


def test_a_valid_set_is_read_alike_whatever_comes_between(rounded: Backend, kind: str) -> None:
    only(kind)
    engine, prefix = InferenceEngine(rounded), ids(rounded, 45, seed=6)
    nodes = list(enumerate(branching_trie(rounded).nodes))
    plan = TriePlan(prefix, nodes, SAMPLER, [Setting("top_k", 5, 0.7)])
    first = {each.node: pickle.dumps(each) for each in engine.read_trie(plan)}
    rounded.aside.next_logits(ids(rounded, 50, seed=8))
    again = {}
    for place, each in enumerate(engine.read_trie(plan)):
        again[each.node] = pickle.dumps(each)
        if place % 11 == 0:
            rounded.next_logits(ids(rounded, 9, seed=place))
            rounded.aside.next_logits(ids(rounded, 7, seed=place))
            rounded.drawing.next_logits(ids(rounded, 5, seed=place))
    assert again == first
    assert len(first) == len(nodes)


def test_rows_that_outgrow_the_cache_are_drawn_in_halves(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where that is follows from the model and the prefix: asking for fewer tokens changes nothing."""
    # A cache that eight rows outgrow soon, and four of them too.
    monkeypatch.setattr(context_plan, "_PADDED_CELLS", 32)
    backend = open_backend(spec(file("Q8_0"), n_ctx=260, max_continuations=8), quiet)
    try:
        assert backend.info.batch_rows // 2 * 235 > 260 + backend.info.continuation_tokens
        engine = engine_with_prompt(backend, 20)
        long, short = rolled(engine, range(3), 235), rolled(engine, range(3), 40)
        assert max(len(walk.token_ids) for walk in long.values()) == 235
        for number, walk in short.items():
            count = len(walk.token_ids)
            assert long[number].token_ids[:count] == walk.token_ids
            assert long[number].numbers[:count] == walk.numbers
        assert rolled(engine, [1], 235)[1] == long[1]
    finally:
        backend.close()


@settings(max_examples=6, deadline=None, derandomize=True)
@given(going=st.lists(st.integers(1, 20), min_size=12, max_size=20), order=st.randoms())
def test_rows_that_a_step_leaves_out_change_no_bit(
    rounded: Backend, going: list[int], order: Any
) -> None:
    """Though fewer are evaluated, the others have the cells that they have where all go on."""
    info = rounded.info
    if not info.step_rows:
        pytest.skip("of this kind all rows are stepped, or none is padded")
    path, width = ids(rounded, 45), info.batch_rows
    tokens = np.array(ids(rounded, width * len(going), seed=2)).reshape(len(going), width)

    def stepped(steps: list[list[int]]) -> Iterator[dict[int, F32]]:
        with rounded.drawing.continuations(path, width, afresh(45), len(going)) as batch:
            for rows, row_tokens in zip(steps, tokens, strict=True):
                logits = batch.step(rows, [int(row_tokens[row]) for row in rows])
                yield dict(zip(rows, logits, strict=True))

    mixed = [*range(width)]
    order.shuffle(mixed)
    fewer = [
        sorted(mixed[: -(-min(count, width) // info.step_rows) * info.step_rows])
        for count in sorted(going, reverse=True)
    ]
    whole = list(stepped([[*range(width)]] * len(going)))
    for every, some in zip(whole, stepped(fewer), strict=True):
        assert same(some.values(), [every[row] for row in some])


def test_one_batch_at_a_time_has_the_room(file: Callable[[str], Path]) -> None:
    backend = open_backend(spec(file("Q8_0")), quiet)
    try:
        path = ids(backend, 40)
        with backend.drawing.continuations(path, 8, afresh(40), 10) as first:
            kept = first.step(range(8), range(8))
            with backend.drawing.continuations(path, 8, afresh(40), 10) as second:
                assert np.array_equal(second.step(range(8), range(8)), kept)
                with pytest.raises(Displaced):
                    first.step(range(8), range(8))
    finally:
        backend.close()


def test_jobs_that_draw_take_turns_at_the_ends_of_batches(file: Callable[[str], Path]) -> None:
    """Through a worker: none makes another one begin again at every step, and both give what each gives alone."""
    client = WorkerClient(spec(file("Q8_0")), quiet)
    try:
        client.add_prompt(TREE, ROOT, list(range(5, 75)), SAMPLER)
        width = client.info.batch_rows
        asked = [range(2 * width), range(width, 3 * width)]
        found: list[Any] = [None, None]

        def draw(place: int) -> None:
            stream = client.rollouts(RolloutPlan(TREE, ROOT, [()], SAMPLER, asked[place], 40))
            found[place] = collected(stream)

        before = client.evaluated()
        threads = [threading.Thread(target=draw, args=(place,)) for place in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        spent = client.evaluated() - before
        together, found = found, [None, None]
        before = client.evaluated()
        draw(0)
        draw(1)
        assert together == found
        assert spent < 1.5 * (client.evaluated() - before)
    finally:
        client.close()


def test_a_valid_set_and_rollouts_take_turns(file: Callable[[str], Path]) -> None:
    """Through a worker: as one beside the other so alone, and in process, and neither begins again and again."""
    backend = open_backend(spec(file("Q8_0")), quiet)
    nodes = list(enumerate(branching_trie(backend).nodes))
    plan = TriePlan(ids(backend, 45, seed=6), nodes, SAMPLER)
    expected = sorted(pickle.dumps(each) for each in InferenceEngine(backend).read_trie(plan))
    backend.close()
    client = WorkerClient(spec(file("Q8_0")), quiet)
    try:
        client.add_prompt(TREE, ROOT, list(range(5, 75)), SAMPLER)
        drawing = RolloutPlan(TREE, ROOT, [()], SAMPLER, range(client.info.batch_rows), 40)
        alone = collected(client.rollouts(drawing))
        before = client.evaluated()
        list(client.read_trie(plan))
        cost = client.evaluated() - before
        rolling = client.rollouts(drawing)
        first = [*islice(rolling, 3)]
        before = client.evaluated()
        found: list[bytes] = []
        reading = threading.Thread(
            target=lambda: found.extend(pickle.dumps(each) for each in client.read_trie(plan))
        )
        reading.start()
        assert collected(iter([*first, *rolling])) == alone
        reading.join(60)
        assert sorted(found) == expected
        drawn = len(alone) * 40
        assert client.evaluated() - before < 1.5 * (cost + drawn)
        one = next(client.read_trie(TriePlan(plan.prefix, nodes[-1:], SAMPLER)))
        assert one.node == nodes[-1][0]
    finally:
        client.close()


# Sessions ------------------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.just("greedy"), st.integers(1, 3)),
        st.tuples(
            st.just("force"), st.sampled_from([" the", " river rises in the hills", "ab", "\n"])
        ),
        st.tuples(st.just("back"), st.integers(1, 8)),
        st.tuples(st.just("goto"), st.integers(0, 60)),
        st.tuples(
            st.just("prompt"), st.sampled_from(["The river", "It rained for nine days. " * 20])
        ),
        st.tuples(st.just("turn"), st.just("Where is the captain?")),
        st.tuples(st.just("sampler"), st.sampled_from([0.5, 1.5])),
        st.tuples(st.just("measure"), st.integers(1, 9)),
        st.tuples(st.just("resume"), st.just(0)),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture(scope="module")
def model(file: Callable[[str], Path], kind: str) -> Iterator[Any]:
    dtype: Any = "bfloat16" if kind == "transformers" else "auto"
    source = str(file(kind))
    with bftui.open_model(source, ctx=1024, threads=1, dtype=dtype) as opened:
        yield opened


def do(session: Session, action: str, value: Any) -> None:
    match action:
        case "step" | "greedy":
            for _ in range(value):
                getattr(session, action)()
        case "force":
            session.force(value)
        case "back":
            session.back(value)
        case "goto":
            session.goto(value % len(session.tree))
        case "prompt":
            session.set_prompt(value)
        case "turn":
            session.add_turn(value)
        case "sampler":
            session.set_sampler(temperature=value)
            session.recompute_stale()
        case "measure":
            session.rollouts(samples=value, horizon=3)
            session.lookahead(k=value)


def test_wild_sessions_are_checked_to_the_last_digit(model: Any, kind: str, tmp_path: Path) -> None:
    """Of each type of weights others, so that no session is tried twice."""

    @seed(TYPES.index(kind))
    @settings(max_examples=12, deadline=None, database=None)
    @given(actions=ACTIONS)
    def wild(actions: list[tuple[str, Any]]) -> None:
        checked_to_the_last_digit(model, tmp_path / "wild.json", actions)

    wild()


def checked_to_the_last_digit(model: Any, path: Path, actions: list[tuple[str, Any]]) -> None:
    session = Session(model, "The bridge was gone. " * 15, seed=2, ignore_eos=True)
    for action, value in actions:
        # Not everything can be done everywhere: no turn without a template, nothing before a prompt.
        with suppress(UsageError, ModelError):
            if action == "resume":
                session.trace().save(path)
                session = resume(model, read_saved(path))
            else:
                do(session, action, value)
    session.trace().save(path)
    job = Checking(model, TraceFile(path))
    while job.advance():
        pass
    assert job.tolerance == FINE
    assert not job.different, (job.past, job.entropy, job.logprob)
    fast = Checking(model, TraceFile(path), fast=True)
    while fast.advance():
        pass
    assert not fast.alike
    assert fast.checked == job.checked
