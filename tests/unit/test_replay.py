"""A trace in the place of a model: action by action as it was recorded, and everything that needs a model refused."""

import pytest

from bftui.core.errors import UsageError
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.records.trace_replay import Replay
from bftui.session.session import Session
from bftui.trace.node_writer import partner_text
from tests.schemas import node_fields
from tests.tables import BYTES

LETTERS = ["<s>", "</s>", *({"bytes": byte} for byte in BYTES), " th", "e ", " fru", "it"]

COMMANDS = [
    c.Step(),
    c.Force(" Sure Here"),
    c.Mark("here"),
    c.Back(2),
    c.Step(),
    c.Fold(1),
    c.Undo(),
    c.Undo(),
    c.Redo(),
    c.Greedy(),
    c.Prune(1),
    c.SetPrompt(Prompt("And you?")),
    c.Step(),
    c.Goto(3),
    c.Forward(),
]


@pytest.fixture
def recorded(opened, tmp_path):
    """A session, its trace, and where it stood after every action."""
    session = Session(opened(), "Name a fruit:", seed=7)
    stood = []
    for command in COMMANDS:
        try:
            session.do(command)
        except UsageError:
            continue
        stood.append(
            (session.cursor, dict(session.marks), session.state.view.folded, session.pruned)
        )
    session.trace().save(tmp_path / "trace.json")
    return session, tmp_path / "trace.json", stood


def nodes(session):
    return [node_fields(session.tree, node) for node in range(len(session.tree))]


def test_every_action_stands_where_it_stood(recorded):
    session, path, stood = recorded
    replay = Replay(path)
    assert (replay.done, replay.count) == (0, len(stood))
    assert len(replay.session.tree) == 1
    for cursor, marks, folded, pruned in stood:
        assert replay.advance()
        seen = replay.session
        assert (seen.cursor, dict(seen.marks), seen.state.view.folded, seen.pruned) == (
            cursor,
            marks,
            folded,
            pruned,
        )
    assert not replay.advance()
    assert nodes(replay.session) == nodes(session)
    assert replay.session.text() == session.text()
    assert replay.session.prompt.text == session.prompt.text


def test_it_begins_again_as_often_as_wanted(recorded):
    session, path, _ = recorded
    replay = Replay(path)
    replay.finish()
    first = replay.session
    replay.restart()
    assert replay.session is not first
    assert len(replay.session.tree) == 1
    assert len(first.tree) == len(session.tree)
    replay.finish()
    assert nodes(replay.session) == nodes(session)


def test_looking_around_changes_nothing_of_what_follows(recorded):
    _, path, stood = recorded
    replay = Replay(path)
    for cursor, marks, *_ in stood:
        replay.advance()
        assert (replay.session.cursor, dict(replay.session.marks)) == (cursor, marks)
        replay.session.do(c.Goto(0))
        replay.session.do(c.Mark("mine"))
        replay.session.do(c.Undo())


@pytest.mark.parametrize(
    "command",
    [c.Step(), c.Greedy(), c.Force("x"), c.ForceIds((3,)), c.SetPrompt(Prompt("x"))],
    ids=lambda command: type(command).__name__,
)
def test_what_needs_a_model_is_refused(recorded, command):
    _, path, _ = recorded
    replay = Replay(path)
    replay.finish()
    count, cursor = len(replay.session.tree), replay.session.cursor
    with pytest.raises(UsageError, match="there is no model to ask"):
        replay.session.do(command)
    assert (len(replay.session.tree), replay.session.cursor) == (count, cursor)


def test_the_stored_candidates_are_there_and_no_others(recorded):
    session, path, _ = recorded
    replay = Replay(path)
    replay.finish()
    ours, theirs = (each.model_tree.page(0, 200, node=0) for each in (replay.session, session))
    assert ours.total == 50 < theirs.total
    assert [row.token_id for row in ours.rows] == [row.token_id for row in theirs.rows[:50]]
    assert [row.rank for row in ours.rows] == list(range(1, 51))
    assert [row.kept for row in ours.rows] == [row.kept for row in theirs.rows[:50]]
    found = replay.session.model_tree.page(0, 200, node=0, query="FRUIT")
    assert [replay.model.token_bytes(row.token_id) for row in found.rows] == [b" fruit"]
    assert replay.model.token_bytes(12_345) == "\ufffd".encode()


@pytest.mark.parametrize("changes", [{}, {"tokens": LETTERS, "default": {}, "rules": {}}])
def test_what_a_partner_said_is_said_again(opened, tmp_path, changes):
    session = Session(opened(), "Name a fruit:", seed=7, ignore_eos=True)
    partner = session.pair_with(opened(**changes))
    session.force(" the fruit")
    for _ in range(4):
        session.step()
        PartnerSync(partner).finish()
    session.trace().save(tmp_path / "pair.json")
    replay = Replay(tmp_path / "pair.json")
    replay.finish()
    again = replay.session.partner
    assert again.by == partner.pair.by
    assert again.shares() == partner.shares()
    for node, view in partner.along():
        found = again.view(node)
        if view is None:
            # Half a character, which a partner with another vocabulary is not given.
            assert found is None
            continue
        assert partner_text(found) == partner_text(view)
        if view.next is not None:
            page = again.page(0, 100, node)
            assert page.total == len(page.rows) == 50
            ranks = [
                each and each.rank
                for each in again.candidates(node, [row.token_id for row in page.rows])
            ]
            stored = [each for each in ranks if each is not None]
            assert ranks == sorted(stored) + [None] * (50 - len(stored))
        if view.last and view.compared is not None:
            ours, theirs = found.compared.base, view.compared.base
            assert ours.rank == theirs.rank
            assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-6)
    if not changes:
        following = partner.view(session.cursor).next
        best = [int(i) for i in following.top_ids[:5]]
        assert [each.rank for each in again.candidates(session.cursor, best)] == [1, 2, 3, 4, 5]
    assert again.candidates(0, [10**6]) == [None]
