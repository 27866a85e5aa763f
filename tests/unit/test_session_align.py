"""Another sampler: numbers of the visible path are recomputed in slices, with as little evaluated as can be."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.core.errors import Cancelled, UsageError
from bftui.core.sampler import Sampler
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.session import Session
from tests.tables import table
from tests.unit.test_session import forget, same


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "orchard.json"
    with bftui.open_model(table(path)) as opened:
        yield opened


LONG = " Sure Here is a fruit that I like"


def numbers(session):
    """The numbers along the visible path, one flat list; -1 where there is none."""
    values = []
    for place in session.tree.path(session.cursor):
        node = session.tree.node(place)
        values += [node.logprob, node.logprob_truncated, node.rank, node.eog, node.sampler]
        following = node.next
        if following is not None:
            values += [following.entropy, following.entropy_truncated, following.kept]
    return [-1 if value is None else value for value in values]


def test_a_change_waits_until_it_is_asked_for(model):
    session = Session(model, "x")
    session.force(LONG)
    before = numbers(session)
    session.do(c.SetSampler(top_p=0.5))
    assert numbers(session) == before
    length = len(session.tree.path(session.cursor))
    assert session.state.stale() == length
    left = [
        session.recompute_stale(3),
        session.recompute_stale(3),
        session.recompute_stale(3),
        session.recompute_stale(3),
    ]
    assert left == [length - 3, length - 6, 0, 0]
    assert session.state.stale() == 0


def test_the_latest_numbers_are_made_first(model):
    session = Session(model, "x")
    session.force(LONG)
    session.do(c.SetSampler(top_p=0.5))
    session.recompute_stale(2)
    path = session.tree.path(session.cursor)
    assert [session.tree.sampler(n) for n in path] == [0] * (len(path) - 2) + [1, 1]


def test_a_step_draws_under_the_new_sampler_at_once(model):
    waits, at_once = (Session(model, "x", seed=5) for _ in range(2))
    for session in (waits, at_once):
        session.force(LONG)
        session.do(c.SetSampler(temperature=0.4, top_p=0.8))
    at_once.recompute_stale()
    for session in (waits, at_once):
        for _ in range(4):
            if not session.ended:
                session.do(c.Step())
    assert waits.state.stale() == 9
    waits.recompute_stale()
    assert same(waits.trace().as_dict()) == same(at_once.trace().as_dict())


COMMANDS = st.one_of(
    st.just(c.Step()),
    st.sampled_from([c.Force(" Sure"), c.Force(" a fruit"), c.Force(LONG), c.ForceIds((1,))]),
    st.builds(c.Back, st.integers(1, 5)),
    st.builds(c.Goto, st.integers(0, 20)),
    st.sampled_from(
        [c.SetSampler(top_p=0.5), c.SetSampler(temperature=0.6), c.SetSampler(top_k=3)]
    ),
    st.just(c.SetPrompt(Prompt("other"))),
    st.just(c.Undo()),
    st.builds(int, st.integers(0, 4)),
    st.none(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=20))
def test_slices_give_the_numbers_of_making_all_at_once(model, commands):
    """An int aligns so many nodes, None makes the model forget what it evaluated."""
    sliced, eager = Session(model, "x", seed=1), Session(model, "x", seed=1)
    for command in commands:
        if command is None:
            forget(model)
        elif isinstance(command, int):
            left = sliced.recompute_stale(command)
            assert left == sliced.state.stale()
        else:
            try:
                sliced.do(command)
            except UsageError:
                continue
            eager.do(command)
            eager.recompute_stale()
            under = sliced.sampler_number
            path = sliced.tree.path(sliced.cursor)
            assert sliced.state.stale() == sum(sliced.tree.sampler(n) != under for n in path)
    while sliced.recompute_stale(3):
        pass
    eager.recompute_stale()
    assert numbers(sliced) == pytest.approx(numbers(eager), abs=1e-12)


@pytest.mark.parametrize("worker", [False, True])
def test_what_is_remembered_is_not_evaluated_again(tmp_path, worker):
    with bftui.open_model(table(tmp_path / "t.json"), worker=worker) as model:
        session = Session(model, "x")
        session.force(LONG)
        before = model.client.evaluated()
        session.set_sampler(top_p=0.5)
        assert session.state.stale() == 0
        assert model.client.evaluated() == before


def test_only_what_is_missing_is_evaluated_in_one_pass(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json")) as model:
        session = Session(model, "x")
        session.force(LONG)
        path = session.tree.path(session.cursor)
        for node in path[2:5]:
            model.client._logits.forget((session.model_tree.number, node))
        tokens, passes = model.client.evaluated(), model.client.backend._evaluations
        session.set_sampler(top_p=0.5)
        assert model.client.evaluated() == tokens + 3
        assert model.client.backend._evaluations == passes + 1


def test_a_slice_that_is_stopped_keeps_what_was_done(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json")) as slow:
        session = Session(slow, "x")
        session.force(LONG)
        session.do(c.SetSampler(top_p=0.5))
        left = session.recompute_stale(3)
        forget(slow)
        slow.client.backend._step_ms = 60_000
        threading.Timer(0.2, slow.client.cancel).start()
        with pytest.raises(Cancelled):
            session.recompute_stale(3)
        assert session.state.stale() == left
        slow.client.backend._step_ms = 0
        assert session.recompute_stale() == 0


def test_a_preview_is_what_the_sampler_would_give_and_changes_nothing(tmp_path):
    for worker in (False, True):
        with bftui.open_model(table(tmp_path / "t.json"), worker=worker) as model:
            session = Session(model, "x")
            session.force(" Sure")
            before = same(session.trace().as_dict())
            sampler = Sampler(temperature=0.5, top_p=0.6)
            shown = session.model_tree.preview(sampler)
            assert same(session.trace().as_dict()) == before
            session.set_sampler(temperature=0.5, top_p=0.6)
            following = session.node.next
            assert (shown.bf, shown.kept) == (following.bf, following.kept)
            session.force(ids=[1])
            assert session.model_tree.preview(sampler) is None


def test_an_end_that_was_forced_past_stays_an_end(model):
    session = Session(model, "x")
    session.force(ids=[1])
    end = session.cursor
    session.force(" a")
    session.set_sampler(top_p=0.5)
    node = session.tree.node(end)
    assert (node.next, node.eog, node.sampler) == (None, True, 1)
    session.goto(end)
    session.set_sampler(top_p=0.6)
    assert session.state.stale() == 0


def test_a_model_with_a_cache_gives_the_same_numbers_in_slices(tmp_path):
    with bftui.open_model("practice", backend="reference") as model:
        session = Session(model, "Q: Name a fruit.\nA:", seed=2, ignore_eos=True)
        for _ in range(30):
            session.step()
        ids = session.tree.token_ids(session.cursor)[len(session.tree.prompt_ids(0)) :]
        straight = Session(model, "Q: Name a fruit.\nA:", seed=2, ignore_eos=True, top_p=0.4)
        straight.force(ids=ids)
        forget(model)
        session.do(c.SetSampler(top_p=0.4))
        while session.recompute_stale(7):
            session.do(c.Back())
            session.do(c.Forward())
        ours = [session.tree.node(n) for n in session.tree.path(session.cursor)]
        theirs = [straight.tree.node(n) for n in straight.tree.path(straight.cursor)]
        for one, other in zip(ours, theirs, strict=True):
            assert one.next.entropy == pytest.approx(other.next.entropy, abs=1e-5)
            assert one.next.bf == pytest.approx(other.next.bf, abs=1e-3)
            assert one.rank == other.rank
