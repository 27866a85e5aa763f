"""A session over a table: what commands do, what undo brings back, that nothing is ever lost."""

import json
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.backends.client.recent_logits import RecentLogits
from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import Cancelled, ContextFull, InvalidToken, ModelError, UsageError
from bftui.core.sampler import Sampler
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.tables import table


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "orchard.json"
    with bftui.open_model(table(path)) as opened:
        yield opened


def session_on(model, **settings):
    return Session(model, "Name a fruit:", **{"seed": 7, **settings})


def test_the_first_node_is_the_whole_prompt(model):
    session = session_on(model)
    node = session.node
    assert (node.id, node.parent, node.token_id, node.source) == (0, None, None, "prompt")
    assert session.tree.prompt_ids(0) == (0, *model.tokenize("Name a fruit:"))
    assert session.prompt.text == "Name a fruit:"
    assert len(session.tree.token_ids(session.cursor)) == len(session.tree.prompt_ids(0))


def test_steps_are_the_draws_of_the_contract(model):
    session = session_on(model, top_p=0.8, temperature=1.3)
    sampler = Sampler(1.3, 0, 0.8, 0.0, 7)
    for t in range(12):
        if session.ended:
            session.back(2)
        prefix = session.tree.token_ids(session.cursor)
        distribution = Distribution(model.client.backend.next_logits(prefix), sampler)
        token_id = distribution.draw(uniform(7, Purpose.STEP, t))
        scored = distribution.score(token_id)
        node = session.step()
        assert (node.token_id, node.draw, node.source) == (token_id, t, "sampled")
        assert (node.logprob, node.rank) == (scored.logprob, scored.rank)
        assert node.logprob_truncated == scored.logprob_truncated
    assert session.state.draws == 12


def test_greedy_takes_the_smallest_of_equals_and_draws_nothing(model):
    session = session_on(model)
    node = session.greedy()
    assert node.token_id == int(session.tree.next(0).top_ids[0])
    assert (node.draw, node.source, session.state.draws) == (None, "greedy", 0)


def test_forcing_is_literal(model):
    session = session_on(model)
    for text in (" Sure", "Sure", "  two  spaces\n", "é\u202e猫", " Sure! Here is"):
        start = session.cursor
        node = session.force(text)
        path = session.tree.path(session.cursor)
        added = path[path.index(start) + 1 :]
        data = b"".join(model.token_bytes(session.tree.token_id(n)) for n in added)
        assert data == text.encode()
        assert {session.tree.source(n).word for n in added} == {"forced"}
        assert node.draw is None


def test_forcing_in_one_pass_equals_forcing_token_by_token(model):
    ids = model.tokenize(" Sure Here is a fruit that")
    whole, single = session_on(model), session_on(model)
    whole.force(ids=ids)
    for token_id in ids:
        single.force(ids=[token_id])
    strip = {"elapsed_ms"}
    for a, b in zip(range(len(whole.tree)), range(len(single.tree)), strict=True):
        one, other = vars_of(whole.tree.node(a)), vars_of(single.tree.node(b))
        assert {k: v for k, v in one.items() if k not in strip} == {
            k: v for k, v in other.items() if k not in strip
        }


def vars_of(node):
    data = {name: getattr(node, name) for name in node.__slots__ if name != "next"}
    if node.next is not None:
        data["entropy"] = (node.next.entropy, node.next.entropy_truncated, node.next.kept)
        data["top"] = (list(node.next.top_ids), list(node.next.top_logprobs))
    return data


def test_going_back_keeps_the_branch(model):
    session = session_on(model)
    session.force(" Sure Here")
    left = session.cursor
    assert session.back(2).id == 0
    session.force(" the fruit")
    assert session.tree.child_count(0) == 2
    session.goto(left)
    assert session.text() == " Sure Here"
    session.back(2)
    assert session.forward().id == session.tree.path(left)[1], "the branch last visited"
    assert session.forward().id == left


def test_forcing_again_leads_to_the_same_node_but_every_sample_is_its_own(model):
    session = session_on(model)
    first = session.force(" Sure").id
    session.back()
    assert session.force(" Sure").id == first
    session.back()
    greedy = session.greedy().id
    session.back()
    assert session.greedy().id == greedy
    session.back()
    sampled = [session.step().id, session.back().id, session.step().id]
    assert sampled[0] != sampled[2]
    assert [session.tree.draw(sampled[0]), session.tree.draw(sampled[2])] == [0, 1]


def test_after_a_merge_the_numbers_are_still_those_of_the_path(model):
    session = session_on(model)
    session.force(" Sure")
    session.back()
    session.force(" Sure")
    session.back()
    session.force(" a")
    node = session.force(" fruit")
    fresh = session_on(model)
    assert vars_of(fresh.force(" a fruit"))["entropy"] == vars_of(node)["entropy"]


def test_an_end_of_generation_ends_steps_but_not_forcing(model):
    session = session_on(model)
    node = session.force(ids=[1])
    assert (node.eog, node.next) == (True, None)
    with pytest.raises(UsageError, match="ends here"):
        session.step()
    assert session.force(" a").next is not None
    going_on = session_on(model, ignore_eos=True)
    going_on.force(ids=[1])
    assert going_on.step().parent == 1


def test_a_text_to_force_ends_with_its_end_or_is_refused(model):
    session = session_on(model)
    word = model.tokenize(" a")
    node = session.force(ids=[*word, 1])
    assert (node.eog, node.next) == (True, None)
    session.goto(0)
    with pytest.raises(UsageError, match="goes on after an end of generation"):
        session.force(ids=[*word, 1, *word])
    assert session.cursor == 0
    assert len(session.tree) == 3
    going_on = session_on(model, ignore_eos=True)
    assert going_on.force(ids=[*word, 1, *word]).next is not None


def test_undo_and_redo_bring_back_cursor_and_sampler_and_lose_no_node(model):
    session = session_on(model)
    session.force(" Sure")
    session.step()
    session.set_sampler(top_p=0.5)
    there = session.cursor
    assert session.sampler.top_p == 0.5
    session.undo()
    assert session.sampler.top_p == 0.9
    session.undo()
    session.undo()
    assert session.cursor == 0
    assert len(session.tree) == 3
    with pytest.raises(UsageError, match="nothing to undo"):
        session.undo()
    for _ in range(3):
        session.redo()
    assert (session.cursor, session.sampler.top_p) == (there, 0.5)
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()
    session.undo()
    session.step()
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()
    assert [session.tree.draw(n) for n in range(len(session.tree))] == [None, None, 0, 1]


def test_another_sampler_recomputes_the_visible_path_and_no_other(model):
    session = session_on(model)
    session.force(" Sure Here is")
    aside = session.cursor
    session.back(2)
    session.step()
    end = session.cursor
    session.set_sampler(temperature=0.5, top_p=0.6)
    fresh = session_on(model, temperature=0.5, top_p=0.6)
    fresh.force(" Sure")
    fresh.force(ids=[session.tree.token_id(end)])
    for old, new in zip(session.tree.path(end), fresh.tree.path(fresh.cursor), strict=True):
        one, other = session.tree.node(old), fresh.tree.node(new)
        assert one.sampler == 1
        assert (one.logprob_truncated, one.rank) == (other.logprob_truncated, other.rank)
        if one.next is not None:
            assert one.next.entropy_truncated == pytest.approx(
                other.next.entropy_truncated, abs=1e-12
            )
            assert one.next.kept == other.next.kept
    assert session.tree.sampler(aside) == 0
    session.goto(aside)
    assert session.tree.sampler(aside) == 1, (
        "a branch is recomputed when it becomes the visible one"
    )


def test_a_prompt_is_a_new_root_and_the_old_tree_stays(model):
    session = session_on(model)
    session.step()
    old = session.cursor
    session.set_prompt("Now a tree:")
    assert session.tree.roots == [0, 2]
    assert session.prompt.text == "Now a tree:"
    session.step()
    session.goto(old)
    assert session.prompt.text == "Name a fruit:"
    document = session.trace().as_dict()
    assert [later["node"] for later in document["prompts"]] == [2]
    assert document["nodes"][2]["parent"] is None


def test_what_cannot_be_done_says_why_and_changes_nothing(model):
    session = session_on(model)
    session.force(" Sure")
    before = session.trace().as_dict()
    for command, error in [
        (c.Back(0), UsageError),
        (c.Goto(99), UsageError),
        (c.Goto(-1), UsageError),
        (c.Forward(), UsageError),
        (c.Force(""), UsageError),
        (c.ForceIds(()), UsageError),
        (c.ForceIds((10**6,)), InvalidToken),
        (c.ForceIds((-1,)), InvalidToken),
        (c.SetSampler(temperature=0.0), UsageError),
        (c.Force(" a" * 400), ContextFull),
        (c.SetPrompt(Prompt("x" * 400)), ContextFull),
    ]:
        with pytest.raises(error):
            session.do(command)
        assert session.trace().as_dict() == before
    session.back()
    with pytest.raises(UsageError, match="this is the prompt"):
        session.back()


def test_an_empty_prompt_needs_a_start_token(model, tmp_path):
    assert Session(model, "").tree.prompt_ids(0) == (0,)
    with bftui.open_model(table(tmp_path / "t.json", bos=None)) as bare:
        with pytest.raises(ModelError, match="no start token"):
            Session(bare, "")
        assert Session(bare, "a").tree.prompt_ids(0) == tuple(bare.tokenize("a"))


def test_the_context_ends_with_a_clear_word(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json", n_ctx=6, eog=[])) as small:
        session = Session(small, " a a a")
        session.step()
        session.step()
        with pytest.raises(ContextFull, match="context of 6"):
            session.step()
        assert len(session.tree.token_ids(session.cursor)) == 6
        session.back()
        session.step()


def test_palette_words_get_a_space_where_one_is_missing(model):
    for prompt, expected in [
        ("A:", " Sure"),
        ("A: ", "Sure"),
        ("A:\n", "Sure"),
        ("", "Sure"),
    ]:
        assert Session(model, prompt).model_tree.spaced("Sure") == expected
    session = Session(model, "")
    session.force("a")
    assert session.model_tree.spaced("Sure") == " Sure"
    assert session.model_tree.spaced(" Sure") == " Sure"


def test_the_journal_says_what_changed(model):
    lines = []

    class Lines:
        def write(self, record):
            lines.append(record)

    session = session_on(model, journal=Lines())
    session.force(" Sure Here")
    session.set_sampler(top_p=0.5)
    session.back()
    done = [(line["action"]["op"], line["action"]["node"]) for line in lines if "action" in line]
    assert done == [("force", 2), ("sampler", 2), ("back", 1)]
    assert [node["id"] for line in lines for node in json.loads(line.get("nodes", "[]"))] == [
        0,
        1,
        2,
    ]
    assert [line["restated"]["sampler"] for line in lines if "restated" in line] == [1]


def test_the_journal_holds_every_node_as_soon_as_it_exists(model, tmp_path):
    journal = Journal(tmp_path / "sessions")
    session = session_on(model, journal=journal)
    for command in (c.Step(), c.Force(" Sure é"), c.Back(1), c.Step(), c.SetPrompt(Prompt("x"))):
        session.do(command)
        lines = [json.loads(line) for line in journal.path.read_text("utf-8").splitlines()]
        nodes = [node for line in lines for node in line.get("nodes", [])]
        assert [node["id"] for node in nodes] == list(range(len(session.tree)))
        assert [node["token_id"] for node in nodes] == [
            session.tree.token_id(n) for n in range(len(session.tree))
        ]
        assert lines[-1]["draws"] == session.state.draws
    assert lines[0]["format"] == "bftui-journal"
    assert journal.path.stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_once_and_ends_nothing(model):
    class Full:
        def write(self, record):
            if "action" in record:
                raise OSError(28, "No space left on device")

    failures = []
    session = session_on(model, journal=Full(), on_journal_failure=failures.append)
    session.step()
    session.step()
    assert failures == ["No space left on device"]
    assert len(session.tree) == 3


COMMANDS = st.one_of(
    st.just(c.Step()),
    st.just(c.Greedy()),
    st.sampled_from(
        [
            c.Force(" Sure"),
            c.Force(" a fruit"),
            c.Force(" Sure Here a fruit"),
            c.ForceIds((1,)),
            c.ForceIds((9, 9)),
        ]
    ),
    st.builds(c.Back, st.integers(1, 3)),
    st.just(c.Forward()),
    st.builds(c.Goto, st.integers(0, 12)),
    st.sampled_from([c.SetSampler(top_p=0.5), c.SetSampler(temperature=0.6), c.SetSampler(seed=3)]),
    st.just(c.SetPrompt(Prompt("other"))),
    st.just(c.Undo()),
    st.just(c.Redo()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=25))
def test_any_history_can_be_told_again_and_loses_nothing(model, commands):
    """Nodes only grow; every number is that of its path; the same commands give the same session."""
    sessions = [session_on(model), session_on(model)]
    for session in sessions:
        seen = 1
        for command in commands:
            try:
                session.do(command)
            except UsageError:
                continue
            assert len(session.tree) >= seen
            seen = len(session.tree)
    one, other = sessions
    assert same(one.trace().as_dict()) == same(other.trace().as_dict())
    one.recompute_stale()
    for node in one.tree.path(one.cursor):
        following = one.tree.next(node)
        if following is None:
            continue
        assert one.tree.sampler(node) == one.sampler_number
        logits = model.client.backend.next_logits(one.tree.token_ids(node))
        fresh = Distribution(logits, one.sampler).summary()
        assert following.entropy == pytest.approx(fresh.entropy, abs=1e-12)
        assert following.entropy_truncated == pytest.approx(fresh.entropy_truncated, abs=1e-12)
        assert np.array_equal(following.top_ids, fresh.top_ids)


def same(document):
    """What two equal sessions have in common."""
    document.pop("created")
    for node in document["nodes"]:
        node.pop("elapsed_ms")
    for action in document["actions"]:
        action.pop("at_ms")
    document["model"].pop("source")
    # It is measured behind a session, which may end before.
    document["model"].pop("noise", None)
    return document


def test_a_cancelled_command_leaves_the_session_as_it_was(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json", eog=[])) as slow:
        session = Session(slow, "x")
        slow.client.backend._step_ms = 60_000
        threading.Timer(0.2, slow.client.cancel).start()
        with pytest.raises(Cancelled):
            session.step()
        assert (len(session.tree), session.cursor, session.state.draws) == (1, 0, 0)
        slow.client.backend._step_ms = 0
        assert session.step().draw == 0


def test_logits_that_are_no_distribution_stop_the_step(tmp_path):
    faults = [{"at": 3, "kind": "nan"}]
    with bftui.open_model(table(tmp_path / "t.json", faults=faults, eog=[])) as broken:
        session = Session(broken, "x")
        session.step()
        with pytest.raises(ModelError, match="not a distribution"):
            session.step()
        assert len(session.tree) == 2
        assert math.isfinite(session.node.next.entropy)


def test_draws_can_be_told_from_the_trace_after_the_sampler_changed(model):
    session = session_on(model, seed=1)
    session.step()
    session.step()
    session.set_sampler(seed=99)
    nodes = session.trace().as_dict()["nodes"]
    assert [(n["sampler"], n["drawn_under"], n["draw"]) for n in nodes[1:]] == [
        (1, 0, 0),
        (1, 0, 1),
    ]
    session.step()
    assert "drawn_under" not in session.trace().as_dict()["nodes"][3]


def test_numbers_that_cannot_be_made_anew_wait(tmp_path):
    faults = [{"at": 4, "kind": "error"}]
    with bftui.open_model(table(tmp_path / "t.json", faults=faults, eog=[])) as broken:
        session = Session(broken, "x")
        session.step()
        session.step()
        forget(broken)
        with pytest.raises(ModelError):
            session.set_sampler(temperature=2.0)
        assert session.sampler.temperature == 2.0
        assert session.state.stale() == 3
        assert session.recompute_stale() == 0
        assert session.node.next.temperature == 2.0


def test_a_sampler_that_makes_no_sense_changes_nothing(model):
    session = session_on(model)
    with pytest.raises(UsageError):
        session.set_sampler(temperature=0.0)
    assert len(session.trace().as_dict()["samplers"]) == 1
    assert session.sampler.temperature == 1.0


def forget(model):
    """Makes a model evaluate again what it had evaluated, as it does in a session longer than its memory."""
    model.client._logits = RecentLogits(model.info)
    model.client._latest = None


def test_an_end_of_text_at_the_edge_of_the_context_can_be_restated(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json", n_ctx=3)) as small:
        session = Session(small, " a a")
        session.force(ids=[1])
        node = session.set_sampler(top_p=0.5)
        assert (node.eog, node.next, node.sampler) == (True, None, 1)


@pytest.mark.parametrize("wrong", [1.0, "1", None, True])
def test_wrong_types_are_refused_and_change_nothing(model, wrong):
    session = session_on(model)
    session.step()
    for command in (c.Goto(wrong), c.Back(wrong)):
        with pytest.raises(UsageError):
            session.do(command)
    assert session.step().parent == 1


def test_threads_take_turns_on_one_model(tmp_path):
    with bftui.open_model("practice", backend="reference") as shared:
        texts = {}

        def play(seed):
            session = Session(shared, "Q:", seed=seed % 2, ignore_eos=True)
            for _ in range(30):
                session.step()
            texts[seed] = session.text()

        threads = [threading.Thread(target=play, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts[0] == texts[2]
        assert texts[1] == texts[3]


@pytest.mark.parametrize("first", [" Sure", " Sure Here", " Sure Here is a"])
def test_forcing_on_from_what_was_forced_before_stays_on_the_path(model, first):
    session, straight = session_on(model), session_on(model)
    session.force(first)
    session.back(len(model.tokenize(first)))
    node = session.force(" Sure Here is")
    expected = straight.force(" Sure Here is")
    assert vars_of(node)["entropy"] == vars_of(expected)["entropy"]
    for _ in range(3):
        one, other = session.greedy(), straight.greedy()
        assert one.token_id == other.token_id
        assert vars_of(one)["entropy"] == vars_of(other)["entropy"]
    assert session.text() == straight.text()
    prefix = session.tree.token_ids(session.cursor)
    fresh = Distribution(model.client.backend.next_logits(prefix), session.sampler).summary()
    assert session.node.next.entropy == pytest.approx(fresh.entropy, abs=1e-12)
