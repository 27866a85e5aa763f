"""The journal: whatever a session did, it stands there again, also where the last record was cut."""

import json
import multiprocessing
import os
import random
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.core.errors import InputError, ModelError, UsageError
from bftui.core.pair.nudging_rounds import Piece
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.records.resume import continued, read_saved, resume, same_model
from bftui.session.session import Session
from bftui.trace.journal import Journal, runs
from bftui.trace.journals import later_runs, latest, listed, prune
from tests.schemas import node_fields
from tests.tables import table
from tests.unit.test_session import same


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "orchard.json"
    with bftui.open_model(table(path)) as opened:
        yield opened


def recorded(model, folder, commands, **options):
    """A session with a journal after these commands; those that make no sense there are left out."""
    journal = Journal(folder)
    session = Session(model, "Name a fruit:", seed=7, journal=journal, **options)
    for command in commands:
        try:
            session.do(command)
        except UsageError:
            continue
        session.recompute_stale(2)
    return session, journal


EVERYTHING = [
    c.Step(),
    c.Force(" Sure Here"),
    c.Mark("here"),
    c.Back(2),
    c.Step(),
    c.SetSampler(temperature=0.7, top_p=0.5),
    c.Step(),
    c.Greedy(),
    c.Fold(1),
    c.Back(1),
    c.Forward(),
    c.SetPrompt(Prompt("Another:", system="s")),
    c.Force("é"),
    c.Goto(3),
    c.OpenRollout(1, (3, 4)),
    c.Nudge((Piece("partner", b" a", (3,)), Piece("base", b" the", (2,)))),
    c.Prune(5),
    c.Undo(),
    c.Undo(),
    c.Redo(),
    c.Goto(2),
]


def resumed(model, path, **options):
    return resume(model, read_saved(path), **options)


def state(session):
    """What the next command could depend on."""
    return (
        same(session.trace().as_dict()),
        session.cursor,
        session.sampler,
        session.state.history.undoes,
        session.state.history.redoes,
        [session.tree.last_visited(node) for node in range(len(session.tree))],
        [node in session.state.force_starts for node in range(len(session.tree))],
        [session.tree.drawn_under(node) for node in range(len(session.tree))],
        session.prompt.text,
        session.ended,
    )


def test_everything_that_was_done_stands_there_again(model, tmp_path):
    session, journal = recorded(model, tmp_path, EVERYTHING)
    session.rollouts(3, 4, node=0)
    journal.close()
    again = resumed(model, journal.path)
    assert state(again) == state(session)
    assert again.experiments._made == session.experiments._made


def test_a_resumed_session_goes_on_as_the_first_one_would_have(model, tmp_path):
    session, journal = recorded(model, tmp_path, EVERYTHING)
    journal.close()
    again = resumed(model, journal.path)
    for command in (c.Step(), c.Undo(), c.Force(" the"), c.Back(1), c.Forward(), c.Step()):
        session.do(command)
        again.do(command)
    assert state(again) == state(session)
    assert (
        again.rollouts(2, 3, node=0).samples[0].token_ids
        == session.rollouts(2, 3, node=0).samples[0].token_ids
    )


TEMPLATE = (
    "{% for m in messages %}[{{ m.role[0] }}:{{ m.content }}]{% endfor %}"
    "{% if add_generation_prompt %}[a:{% endif %}"
)


@pytest.mark.parametrize("template", ["chat", "page"])
def test_a_conversation_goes_on_where_it_was(tmp_path, template):
    with bftui.open_model(table(tmp_path / "chat.json", chat_template=TEMPLATE)) as asking:
        journal = Journal(tmp_path / "j")
        prompt = Prompt("hi", system="be", template=template, prefill=" a")
        session = Session(asking, prompt, seed=3, journal=journal)
        session.greedy()
        session.add_turn("more")
        session.greedy()
        journal.close()
        again = resumed(asking, journal.path)
        assert state(again) == state(session)
        assert again.rendered == session.rendered
        for each in (session, again):
            each.add_turn("and more")
        assert again.model_tree.path_bytes() == session.model_tree.path_bytes()


COMMANDS = st.one_of(
    st.just(c.Step()),
    st.just(c.Greedy()),
    st.just(c.Forward()),
    st.just(c.Undo()),
    st.just(c.Redo()),
    st.sampled_from([c.Force(" Sure"), c.Force("é"), c.ForceIds((3, 4)), c.ForceIds((1,))]),
    st.builds(c.Back, st.integers(1, 3)),
    st.builds(c.Goto, st.integers(0, 9)),
    st.builds(c.Fold, st.integers(0, 9)),
    st.builds(c.Prune, st.integers(0, 9)),
    st.builds(c.Mark, st.sampled_from(["a", "b"])),
    st.builds(c.SetSampler, top_p=st.sampled_from([0.5, 0.9]), seed=st.sampled_from([None, 3])),
    st.builds(c.OpenRollout, st.integers(0, 9), st.sampled_from([(3,), (4, 5)])),
    st.builds(c.SetPrompt, st.builds(Prompt, st.sampled_from(["x", "y"]))),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(COMMANDS, max_size=14), st.integers(0, 9999))
def test_any_session_resumes_as_it_was(model, tmp_path_factory, commands, share):
    folder = tmp_path_factory.mktemp("journal")
    session, journal = recorded(model, folder, commands)
    journal.close()
    assert state(resumed(model, journal.path)) == state(session)
    session.trace().save(folder / "t.json")
    from_trace = resumed(model, folder / "t.json")
    assert same(from_trace.trace().as_dict()) == same(session.trace().as_dict())
    os.truncate(journal.path, journal.path.stat().st_size * share // 10_000)
    lines = journal.path.read_bytes().count(b"\n")
    if lines < 2:
        with pytest.raises(InputError):
            read_saved(journal.path)
        return
    saved = read_saved(journal.path)
    assert saved.cut == (not journal.path.read_bytes().endswith(b"\n"))
    nodes = len(saved.player.state.tree)
    assert 1 <= nodes <= len(session.tree)
    assert [resume(model, saved).tree.token_id(n) for n in range(nodes)] == [
        session.tree.token_id(n) for n in range(nodes)
    ]


def test_what_was_resumed_is_written_on_in_the_same_journal(model, tmp_path):
    session, journal = recorded(model, tmp_path, EVERYTHING[:4])
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"action":{"at_ms":1,"op":"st')
    for _ in range(2):
        saved = read_saved(journal.path)
        log = continued(saved, tmp_path)
        assert log.path == journal.path
        again = resume(model, saved, journal=log)
        again.do(c.Step())
        log.close()
    final = resumed(model, journal.path)
    assert len(final.tree) == len(session.tree) + 2
    assert state(final) == state(again)
    times = [action["at_ms"] for action in final.trace().as_dict()["actions"]]
    assert times == sorted(times)


@pytest.mark.parametrize("kind", ["trace", "journal that cannot be written"])
def test_elsewhere_a_new_journal_begins_with_all_of_it(model, tmp_path, kind, monkeypatch):
    session, journal = recorded(model, tmp_path / "a", EVERYTHING)
    journal.close()
    path = journal.path
    if kind == "trace":
        path = tmp_path / "t.json"
        session.trace().save(path)
    else:

        def refused(*_arguments):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Journal, "reopen", refused)
    saved = read_saved(path)
    log = continued(saved, tmp_path / "b")
    assert log.path.parent == tmp_path / "b"
    again = resume(model, saved, journal=log)
    again.do(c.Goto(1))
    again.do(c.Step())
    log.close()
    assert state(resumed(model, log.path))[0] == state(again)[0]


def test_a_session_that_runs_is_not_resumed(model, tmp_path):
    _, journal = recorded(model, tmp_path, [c.Step()])
    assert runs(journal.path)
    assert listed(tmp_path)[0].state == "running"
    with pytest.raises(InputError, match="still runs"):
        read_saved(journal.path)
    with pytest.raises(InputError, match="no session to resume"):
        latest(tmp_path)
    later = journal.path.stat().st_mtime + 1
    (tmp_path / "0.jsonl").touch()
    os.utime(tmp_path / "0.jsonl", (later, later))
    assert not later_runs(tmp_path / "0.jsonl")
    os.utime(tmp_path / "0.jsonl", (1, 1))
    assert later_runs(tmp_path / "0.jsonl")
    assert not later_runs(journal.path)
    with pytest.raises(UsageError, match="still runs"):
        Journal.reopen(journal.path, 10)
    journal.close()
    assert not runs(journal.path)
    assert not later_runs(tmp_path / "0.jsonl")


def test_a_session_whose_last_record_is_long_is_listed(model, tmp_path):
    _, journal = recorded(model, tmp_path, [c.Step(), c.Force(" the" * 150)])
    assert journal.path.stat().st_size > 2 << 16
    assert listed(tmp_path)[0].nodes == 152
    journal.close()
    assert (listed(tmp_path)[0].nodes, listed(tmp_path)[0].state) == (152, "ended")


def test_sessions_are_listed_newest_first_with_how_they_ended(model, tmp_path):
    for place, ending in enumerate(("ended", "killed", "damaged")):
        session, journal = recorded(model, tmp_path / "made", [c.Step(), c.Force(" Sure")])
        nodes = len(session.tree)
        data = journal.path.read_bytes()
        journal.close()
        if ending != "ended":
            journal.path.write_bytes(data if ending == "killed" else b'{"x":')
        shutil.move(journal.path, tmp_path / f"{place}.jsonl")
    found = listed(tmp_path)
    assert [each.state for each in found] == ["damaged", "killed", "ended"]
    assert [each.nodes for each in found] == [0, nodes, nodes]
    assert found[1].prompt == "Name a fruit:"
    assert found[1].model == "orchard"
    assert latest(tmp_path) == tmp_path / "1.jsonl"


def test_what_was_used_last_is_the_latest_and_not_what_began_last(model, tmp_path):
    first, one = recorded(model, tmp_path, [c.Step()])
    _, two = recorded(model, tmp_path, [c.Step()])
    os.rename(two.path, later := tmp_path / "3000.jsonl")
    two.close()
    assert latest(tmp_path) == later
    os.utime(later, (1e9, 1e9))
    first.do(c.Step())
    one.close()
    assert latest(tmp_path) == one.path
    assert [each.path for each in listed(tmp_path)] == [one.path, later]
    assert [each.used for each in listed(tmp_path)][1] == "2001-09-09T01:46:40Z"
    assert listed(tmp_path)[0].used >= listed(tmp_path)[0].created


def test_no_directory_is_no_session(tmp_path):
    assert listed(tmp_path / "none") == []
    with pytest.raises(InputError, match="no session to resume"):
        latest(tmp_path / "none")


def test_old_and_large_journals_go_but_never_the_newest_nor_one_that_runs(tmp_path):
    now = tmp_path.stat().st_mtime
    for place in range(5):
        path = tmp_path / f"{place}.jsonl"
        path.write_bytes(b"x" * 1000)
        os.utime(path, (now, now - (100 * 86400 if place == 0 else 0)))
    found = prune(tmp_path)
    assert (found.count, found.bytes) == (1, 1000)
    assert "removed 1 old journal of sessions" in found.text
    journal = Journal.reopen(tmp_path / "1.jsonl", 1000)
    os.utime(tmp_path / "1.jsonl", (now, now))
    assert prune(tmp_path, most_bytes=500).count == 2
    journal.close()
    assert {path.name for path in tmp_path.iterdir()} == {"1.jsonl", "4.jsonl"}
    assert prune(tmp_path).text == ""


def test_another_vocabulary_is_refused_and_another_file_told_apart(model, tmp_path):
    _, journal = recorded(model, tmp_path, [c.Step()])
    journal.close()
    saved = read_saved(journal.path)
    assert same_model(model, saved.model) is True
    words = {"tokens": ["<s>", "</s>", "a"], "default": {"a": 1.0}, "rules": {}}
    with bftui.open_model(table(tmp_path / "o.json", **words)) as other:
        assert same_model(other, saved.model) is False
        with pytest.raises(ModelError, match="another vocabulary"):
            resume(other, saved)


def test_the_model_is_opened_as_it_was(model, tmp_path):
    _, journal = recorded(model, tmp_path, [])
    journal.close()
    opening = read_saved(journal.path).opening
    assert opening.backend == "table"
    with bftui.open_model(opening.model, backend=opening.backend, **opening.keywords) as again:
        assert again.info.sha256 == model.info.sha256
        assert again.info.n_ctx == model.info.n_ctx


def _killed_in_the_middle(path: str, model_path: str, ready) -> None:
    with bftui.open_model(model_path) as opened:
        session = Session(opened, "x", journal=Journal(Path(path)), ignore_eos=True)
        while True:
            session.do(c.Step())
            ready.send(len(session.tree))


def test_every_token_that_was_shown_is_there_after_kill_9(model, tmp_path):
    # Each process is a fork of one that has imported all that it needs.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bftui", "bftui.session.session", "bftui.trace.journal"])
    chance = random.Random(0)
    for round_ in range(10):
        folder = tmp_path / str(round_)
        near, far = context.Pipe(duplex=False)
        source = f"table:{model.info.source}"
        process = context.Process(target=_killed_in_the_middle, args=(str(folder), source, far))
        process.start()
        for _ in range(chance.randrange(1, 40)):
            shown = near.recv()
        process.kill()
        process.join()
        far.close()
        with suppress(EOFError):
            while True:
                shown = near.recv()
        near.close()
        assert listed(folder)[0].state == "killed"
        assert len(resumed(model, latest(folder)).tree) >= shown


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda lines: [], "is not"),
        (lambda lines: [{"format": "bftui-journal", "version": 2}, *lines[1:]], "version 2"),
        (lambda lines: lines[:1], "holds no session"),
        (lambda lines: [lines[0], {"open": {}}, *lines[2:]], "line 2"),
        (lambda lines: [*lines[:2], "{{", *lines[2:]], "line 3"),
        (lambda lines: [*lines[:2], [], *lines[2:]], "line 3"),
        (lambda lines: [*lines[:2], *lines[3:]], "record 3"),
        (lambda lines: changed(lines, 2, "parent", 9), "cannot follow"),
        (lambda lines: changed(lines, 2, "sampler", 3), "no sampler 3"),
        (lambda lines: changed(lines, 2, "token_id", 9999), "outside the vocabulary"),
        (lambda lines: changed(lines, 2, "rank", 0), "line 3"),
        (lambda lines: [*lines, action("goto", {"node": 99}, 99), {}], "no node 99"),
        (lambda lines: [*lines, action("mark", {}, 0), {}], "lacks"),
        (lambda lines: [*lines, action("sampler", {"top_p": "x"}, 0), {}], "lacks"),
        (lambda lines: [*lines, action("sampler", {"top_p": 7}, 0), {}], "top-p"),
        (lambda lines: [*lines, {"restated": {"sampler": 0}}, {}], "lacks"),
        (lambda lines: [*lines, {"measurement": 3}, {}], "line"),
        (lambda lines: [*lines, {"draws": "x"}, {}], "draws"),
    ],
)
def test_damage_of_a_journal_is_named(model, tmp_path, damage, says):
    _, journal = recorded(model, tmp_path, [c.Step(), c.Step()])
    journal.close()
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    text = [line if isinstance(line, str) else json.dumps(line) for line in damage(lines)]
    journal.path.write_text("".join(f"{line}\n" for line in text))
    with pytest.raises(InputError) as raised:
        read_saved(journal.path)
    assert says in raised.value.line()
    assert str(journal.path) in raised.value.line()
    assert "\n" not in raised.value.line()


def changed(lines, line, field, value):
    lines[line]["nodes"][0][field] = value
    return lines


def action(op, args, node):
    return {"action": {"at_ms": 0.0, "op": op, "args": args, "node": node}, "nodes": []}


def test_the_journal_holds_a_node_as_the_trace_does(model, tmp_path):
    session, journal = recorded(model, tmp_path, EVERYTHING)
    journal.close()
    written = session.trace().as_dict()["nodes"]
    assert [node_fields(session.tree, n) for n in range(len(session.tree))] == written


@contextmanager
def files_of_at_most(size):
    """No file of this process can be longer, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_refused_is_written_when_there_is_room(model, tmp_path):
    session, journal = recorded(model, tmp_path, EVERYTHING[:2])
    size = journal.path.stat().st_size
    for room in (0, 1, 100, 5_000):
        with files_of_at_most(size + room):
            session.step()
            session.step()
        assert journal.failure is not None
        # Whole records only, whatever was in the way.
        assert not read_saved_copy(journal.path, tmp_path / "copy.jsonl").cut
        size = journal.path.stat().st_size
    session.step()
    assert journal.failure is None
    found = read_saved_copy(journal.path, tmp_path / "copy.jsonl")
    assert len(found.player.state.tree) == len(session.tree)


def read_saved_copy(path, copy):
    """What is saved in a journal that is still written."""
    shutil.copy(path, copy)
    return read_saved(copy)


def test_a_journal_that_never_could_be_written_leaves_nothing(model, tmp_path):
    with files_of_at_most(0):
        session, journal = recorded(model, tmp_path, EVERYTHING[:2])
        journal.close()
    assert journal.failure is not None
    assert len(session.tree) > 1
    assert list(tmp_path.glob("*.jsonl")) == []


def test_only_running_sessions_are_not_called_none(model, tmp_path):
    _, journal = recorded(model, tmp_path, EVERYTHING[:2])
    with pytest.raises(InputError, match="still run"):
        latest(tmp_path)
    journal.close()
    assert latest(tmp_path) == journal.path
