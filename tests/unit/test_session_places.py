"""Marks, folds and pruning: what they hide, what brings it back, and that undo brings back everything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.core.errors import UsageError
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.trace.document import read
from tests.schemas import validate
from tests.tables import table
from tests.unit.test_session import same


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "orchard.json"
    with bftui.open_model(table(path, eog=[])) as opened:
        yield opened


@pytest.fixture
def session(model):
    """The prompt, then ` Sure Here` (1, 2) and beside it ` a` (3) and ` the` (4); it stands on ` a`."""
    session = Session(model, "Name a fruit:", seed=7)
    session.force(" Sure Here")
    session.back(2)
    session.force(" the")
    session.back()
    session.force(" a")
    return session


A, THE = 4, 3


def test_a_mark_names_the_cursor_moves_and_goes(session):
    session.mark("m")
    assert session.marks == {"m": A}
    session.goto(2)
    session.mark("other")
    session.mark("m")
    assert session.marks == {"m": 2, "other": 2}
    session.mark("m")
    assert session.marks == {"other": 2}


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "a\x1b[31m", "\u202e", "x" * 41, "\ud800", None]
)
def test_a_mark_has_a_name_that_can_be_shown(session, name):
    with pytest.raises(UsageError, match="mark"):
        session.do(c.Mark(name))
    assert session.marks == {}


def test_a_fold_is_opened_by_the_same_command(session):
    session.fold(1)
    assert session.state.view.folded == {1}
    session.fold(1)
    assert session.state.view.folded == frozenset()
    with pytest.raises(UsageError, match="nothing to fold"):
        session.fold(A)
    for wrong in (99, -1, 1.0, True, None):
        for command in (c.Fold(wrong), c.Prune(wrong)):
            with pytest.raises(UsageError, match="no node"):
                session.do(command)


def test_pruning_hides_a_branch_and_moves_a_cursor_out_of_it(session):
    session.prune(1)
    assert (session.pruned, session.cursor) == ({1}, A)
    session.prune(A)
    assert (session.pruned, session.cursor) == ({1, A}, 0)
    assert session.forward().id == THE, "the one that is left"
    session.prune(THE)
    with pytest.raises(UsageError, match="pruned; undo brings it back"):
        session.forward()
    with pytest.raises(UsageError, match="pruned already"):
        session.prune(2)


def test_going_or_forcing_there_brings_a_pruned_branch_back(session):
    session.prune(1)
    session.goto(2)
    assert session.pruned == frozenset()
    session.prune(1)
    assert session.cursor == 0
    session.prune(A)
    session.force(" Sure Here a")
    assert session.pruned == {A}
    session.back(3)
    session.force(" a")
    assert session.pruned == frozenset()


def test_greedy_brings_back_the_token_that_it_takes(model):
    session = Session(model, "x")
    best = session.greedy().id
    session.prune(best)
    assert session.greedy().id == best
    assert session.pruned == frozenset()


def test_a_sample_below_a_visible_node_prunes_and_shows_nothing(session):
    session.prune(1)
    session.step()
    assert session.pruned == {1}


def test_the_last_visible_prompt_cannot_be_pruned(session):
    with pytest.raises(UsageError, match="only prompt"):
        session.prune(0)
    session.set_prompt("Other:")
    other = session.cursor
    session.prune(0)
    assert (session.cursor, session.pruned) == (other, {0})
    with pytest.raises(UsageError, match="only prompt"):
        session.prune(other)
    session.undo()
    session.prune(other)
    assert (session.cursor, session.pruned) == (0, {other})
    session.goto(other)
    session.prune(0)
    assert session.pruned == {0}


def test_all_of_it_is_in_journal_and_trace(model, tmp_path):
    lines = []

    class Lines:
        def write(self, record):
            lines.append(record)

    session = Session(model, "x", journal=Lines())
    session.force(" Sure Here")
    session.mark("m")
    session.fold(1)
    session.prune(2)
    said = [(line["action"]["op"], line["action"]["args"]) for line in lines if "action" in line]
    assert said[1:] == [("mark", {"name": "m"}), ("fold", {"node": 1}), ("prune", {"node": 2})]
    document = session.trace().as_dict()
    assert (document["marks"], document["folded"], document["pruned"]) == ({"m": 2}, [1], [2])
    validate(document)
    session.trace().save(tmp_path / "t.json")
    assert read(tmp_path / "t.json").model_dump(mode="json", by_alias=True) == document


def test_undo_says_what_it_would_take_back(session):
    assert (session.state.history.undoes, session.state.history.redoes) == ("force", None)
    session.mark("m")
    session.set_sampler(top_p=0.5)
    assert session.state.history.undoes == "sampler"
    session.undo()
    assert (session.state.history.undoes, session.state.history.redoes) == ("mark", "sampler")
    session.set_sampler(seed=session.sampler.seed)
    assert (session.state.history.undoes, session.state.history.redoes) == ("mark", "sampler"), (
        "nothing changed"
    )


NODES = st.integers(0, 10)
COMMANDS = st.one_of(
    st.just(c.Step()),
    st.just(c.Greedy()),
    st.sampled_from([c.Force(" Sure"), c.Force(" Sure Here a"), c.ForceIds((9, 9))]),
    st.builds(c.Back, st.integers(1, 3)),
    st.just(c.Forward()),
    st.builds(c.Goto, NODES),
    st.sampled_from([c.SetSampler(top_p=0.5), c.SetSampler(temperature=0.6)]),
    st.just(c.SetPrompt(Prompt("other"))),
    st.builds(c.Mark, st.sampled_from("ab")),
    st.builds(c.Fold, NODES),
    st.builds(c.Prune, NODES),
    st.builds(c.Prune, NODES),
)


def state(session):
    return (
        session.cursor,
        session.sampler,
        dict(session.marks),
        session.state.view.folded,
        session.pruned,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=25), st.data())
def test_undo_goes_back_through_every_state_and_redo_forth(model, commands, data):
    session = Session(model, "x", seed=1)
    states = [state(session)]
    for command in commands:
        try:
            session.do(command)
        except UsageError:
            assert state(session) == states[-1]
            continue
        path = session.tree.path(session.cursor)
        assert session.pruned.isdisjoint(path), "what is visible is not pruned"
        assert any(root not in session.pruned for root in session.tree.roots)
        if state(session) != states[-1]:
            states.append(state(session))
    nodes = len(session.tree)
    back = data.draw(st.integers(0, len(states) - 1))
    for k in range(1, back + 1):
        session.do(c.Undo())
        assert state(session) == states[-1 - k]
    for k in range(back, 0, -1):
        session.do(c.Redo())
        assert state(session) == states[-k]
    assert len(session.tree) == nodes
    for _ in states[1:]:
        session.do(c.Undo())
    assert state(session) == states[0]
    with pytest.raises(UsageError, match="nothing to undo"):
        session.do(c.Undo())


@settings(max_examples=25, deadline=None)
@given(st.lists(COMMANDS, max_size=20))
def test_the_same_commands_give_the_same_trace(model, commands):
    traces = []
    for _ in range(2):
        session = Session(model, "x", seed=1)
        for command in commands:
            try:
                session.do(command)
            except UsageError:
                continue
            session.recompute_stale()
        traces.append(same(session.trace().as_dict()))
    assert traces[0] == traces[1]
