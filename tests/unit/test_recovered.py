"""A journal in the place of a trace: it says what the trace of its session says, with no model."""

import json
from contextlib import suppress

import pytest

from bftui.core.errors import InputError, UsageError
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.records.open_trace import trace_file
from bftui.session.records.trace_replay import Replay
from bftui.session.session import Session
from bftui.trace.diff.trace_comparison import compare
from bftui.trace.journal import Journal
from bftui.trace.node_writer import partner_text
from bftui.trace.trace_table import exported
from tests.unit.test_replay import COMMANDS, LETTERS

DONE = [*COMMANDS, c.SetSampler(temperature=0.7, top_p=0.5), c.Step(), c.Step()]


def recorded(model, folder, commands=DONE):
    """A session with a journal after these commands, and the journal's path."""
    journal = Journal(folder / "kept")
    session = Session(model, "Name a fruit:", seed=7, journal=journal)
    for command in commands:
        with suppress(UsageError):
            session.do(command)
            session.recompute_stale()
    return session, journal.path


def test_a_journal_says_what_its_trace_says(opened, tmp_path):
    session, path = recorded(opened(), tmp_path)
    session.lookahead(k=5)
    session.rollouts(samples=3, horizon=4)
    session.trace().save(tmp_path / "t.json")
    journal, trace = trace_file(path), trace_file(tmp_path / "t.json")
    assert compare(journal, trace).same
    for form in ("csv", "jsonl"):
        assert list(exported(journal, form)) == list(exported(trace, form))
    ours, theirs = (json.loads("".join(exported(file, "json"))) for file in (journal, trace))
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"tokens", "nodes"}:
        assert ours[name] == theirs[name], name
    # The journal knows tokens of candidates that another sampler did away with.
    assert ours["tokens"].items() >= theirs["tokens"].items()


@pytest.mark.parametrize("changes", [{}, {"tokens": LETTERS, "default": {}, "rules": {}}])
def test_what_the_partner_said_is_in_it(opened, tmp_path, changes):
    session, path = recorded(opened(), tmp_path, [c.Step()])
    partner = session.pair_with(opened(**changes))
    for command in (c.Force(" the fruit"), c.Back(2), c.Step(), c.SetPrompt(Prompt("And?"))):
        session.do(command)
        PartnerSync(partner).finish()
    session.trace().save(tmp_path / "t.json")
    journal, trace = trace_file(path), trace_file(tmp_path / "t.json")
    assert list(journal.nodes()) == list(trace.nodes())
    assert journal.outline.partner == trace.outline.partner
    assert journal.outline.prompts == trace.outline.prompts
    assert journal.outline.partner_tokens.items() >= trace.outline.partner_tokens.items()
    replay = Replay(path)
    replay.finish()
    views = replay.session.partner.views
    assert {node: partner_text(view) for node, view in views.items()} == {
        node: partner_text(view) for node, view in partner.views.items()
    }


def test_a_replay_of_a_journal_has_the_numbers_of_the_moment(opened, tmp_path):
    commands = [c.Step(), c.Step(), c.SetSampler(temperature=0.7, top_p=0.5), c.Step()]
    journal = Journal(tmp_path / "kept")
    session = Session(opened(), "Name a fruit:", seed=7, journal=journal)
    seen = []
    for command in commands:
        session.do(command)
        session.recompute_stale()
        seen.append(
            [session.tree.next(node).entropy_truncated for node in range(len(session.tree))]
        )
    replay = Replay(journal.path)
    for numbers in seen:
        replay.advance()
        tree = replay.session.tree
        assert [tree.next(n).entropy_truncated for n in range(len(tree))] == pytest.approx(
            numbers, abs=1e-5
        )


def test_a_torn_last_record_is_left_out(opened, tmp_path):
    _, path = recorded(opened(), tmp_path, [c.Step(), c.Step()])
    path.write_bytes(path.read_bytes()[:-5])
    found = trace_file(path)
    assert found.cut
    assert found.count == 2


def test_a_journal_without_the_bytes_of_its_tokens_says_what_to_do(opened, tmp_path):
    _, path = recorded(opened(), tmp_path, [c.Step()])
    old = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(each | {"tokens": {}}) + "\n" for each in old))
    with pytest.raises(InputError, match=r"cannot be read without its model.*--resume-from"):
        trace_file(path)


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": []},
        {"tokens": {"x": ""}},
        {"tokens": {"1": "="}},
        {"partner_tokens": {"1": 5}},
        {"seen": {}},
        {"seen": [{"node": 0}]},
        {"seen": [{"node": -1, "sampler": 0}]},
        {"partner_prompt": {"node": 0, "partner": {}}},
        {"partner_prompt": 7},
    ],
    ids=str,
)
def test_hostile_records_are_refused_in_words(opened, tmp_path, record):
    _, path = recorded(opened(), tmp_path, [c.Step()])
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n" + json.dumps({"resumed": ""}) + "\n")
    with pytest.raises(InputError, match="damaged"):
        trace_file(path)
