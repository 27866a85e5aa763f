"""Nudging inside a session: rounds as commands, undo, the trace, the dry run; and over many prompts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bftui.core.errors import BackendCrashed, ContextFull, UsageError
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_runs import NudgingRuns, PairedPrompt
from bftui.measures.nudging.nudging_summary import output
from bftui.measures.nudging.nudging_writers import NudgingSite
from bftui.model.loaded_model import open_model
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt
from bftui.results.codec import encode
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.session.session_nudging import look_ahead_at, top_prob
from tests.schemas import validate
from tests.unit.test_nudging import END, UNSURE, model, says

BASE = says(" Sure", " here", prob=UNSURE) | says(" here", " we", " go")
PARTNER = says("Q:", " Sure", " here", " now") | says(" go", " then", END)
THREE = NudgeSettings(draft=3)


@contextmanager
def session(tmp_path: Path) -> Iterator[Session]:
    with (
        open_model(model(tmp_path / "base.json", BASE)) as base,
        open_model(model(tmp_path / "partner.json", PARTNER)) as partner,
    ):
        found = Session(base, "Q:", template="raw")
        found.pair_with(partner, "raw")
        yield found


def test_rounds_become_nodes_that_tell_their_author(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        job = found.start_nudging(THREE)
        job.finish()
        assert found.text() == job.text == " Sure here we go then"
        sources = [found.tree.node(node).source for node in found.tree.path(found.cursor)[1:]]
        assert sources == ["nudged", "greedy", "greedy", "greedy", "nudged"]
        # What the session says of its nodes is what the run measured along them.
        path = found.tree.path(found.cursor)
        entropies = [found.tree.entropies(node) for node in path[:-1]]
        assert job.nudged is not None
        assert list(job.nudged.entropy_truncated) == pytest.approx(
            [each[1] for each in entropies if each is not None]
        )


def test_undo_takes_back_a_round(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        found.start_nudging(THREE).finish()
        assert found.state.history.undoes == "nudge"
        found.undo()
        assert found.text() == " Sure here we go"
        found.undo()
        assert found.text() == ""
        found.redo()
        assert found.text() == " Sure here we go"


def test_the_same_round_leads_to_the_same_nodes(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        found.start_nudging(THREE, measure=False).finish()
        end, size = found.cursor, len(found.tree)
        found.goto(0)
        found.start_nudging(THREE, measure=False).finish()
        assert (found.cursor, len(found.tree)) == (end, size)


def test_the_trace_holds_what_was_nudged_and_what_came_of_it(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        job = found.start_nudging(THREE)
        job.finish()
        found.keep(job.stored(0))
        found.trace().save(tmp_path / "t.json")
    trace = json.loads((tmp_path / "t.json").read_text())
    validate(trace)
    assert [action["op"] for action in trace["actions"]] == ["nudge", "nudge"]
    authors = [author for author, _ in trace["actions"][0]["args"]["pieces"]]
    assert authors == ["partner", "base"]
    (measured,) = trace["measurements"]
    assert (measured["kind"], measured["node"]) == ("nudging", 0)
    assert measured["settings"]["gamma"] == 0.4
    assert measured["result"]["stop"] == "partner"
    assert trace["partner"]["model"]["name"] == "partner"


def test_one_round_is_one_step_by_hand(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        job = found.start_nudging(NudgeSettings(draft=3, rounds=1), measure=False)
        job.finish()
        assert (job.stop, found.text()) == ("rounds", " Sure here we go")
        assert job.alone is None


def test_a_person_who_goes_elsewhere_ends_it(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        job = found.start_nudging(THREE)
        while not job.rounds:
            job.advance()
        found.back()
        job.finish()
        assert (job.stop, found.text()) == ("moved", " Sure here we")
        assert len(job.rounds) == 1


def test_the_partners_words_are_offered_one_by_one(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        words = look_ahead_at(found.model_tree, found.partner, THREE)
        assert [word.text for word in words] == [b" Sure", b" here", b" now"]
        assert len(found.tree) == 1
        found.do(c.Nudge(words[:1]))
        assert found.text() == " Sure"
        assert found.node.source == "nudged"
        found.start_nudging(THREE, measure=False).finish()
        assert found.text().startswith(" Sure")


def test_how_sure_the_base_is_needs_no_partner(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        found.force(" Sure here we go")
        path = found.tree.path(found.cursor)
        found.part()
        # Sure of " we" and " go"; unsure of what came before them.
        sure = [top_prob(found.tree, node) for node in path[:4]]
        assert [p is not None and p < 0.4 for p in sure] == [True, True, False, False]
        assert sure[2] == pytest.approx(0.9, abs=1e-6)


def test_where_nothing_can_be_nudged_it_says_so(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        with pytest.raises(UsageError, match="no text to nudge with"):
            found.do(c.Nudge(()))
        found.force(ids=[1])
        with pytest.raises(UsageError, match="ends here"):
            found.start_nudging()
        found.back()
        found.part()
        with pytest.raises(UsageError, match="no partner"):
            found.start_nudging()


def test_many_prompts_are_summed_up_with_intervals(tmp_path: Path) -> None:
    with (
        open_model(model(tmp_path / "base.json", BASE)) as base,
        open_model(model(tmp_path / "partner.json", PARTNER)) as partner,
    ):
        pair = Pair(base, partner)
        asked = [
            PairedPrompt(name, Prompt(text, template="raw"), Prompt(text, template="raw"))
            for name, text in (("a", "Q:"), ("b", " goQ:"), ("c", " Sure here we go"))
        ]
        gammas = [NudgeSettings(gamma, 3) for gamma in (0.4, 0.2)]
        job = NudgingRuns(pair, asked, gammas, Sampler())
        job.finish()
        assert job.share == 1.0
        found = encode(output(pair, job.found))
        alone = Nudging(
            NudgingSite(pair, pair.contexts(asked[0].base, asked[0].partner)), gammas[0], plain=True
        )
        alone.finish()
    json.dumps(found, allow_nan=False)
    assert [(each["id"], each["gamma"]) for each in found["results"][:3]] == [
        ("a", 0.4),
        ("a", 0.2),
        ("b", 0.4),
    ]
    assert found["results"][0] == {"id": "a", **encode(alone.result())}
    needed = {"id", "text", "share_nudged", "stop", "rounds", "bf_base", "bf_nudged"}
    assert needed <= set(found["results"][0])
    first, second = found["sweep"]
    assert first == found["summary"]
    assert (first["gamma"], second["gamma"], first["prompts"]) == (0.4, 0.2, 3)
    bfs = [each["bf_nudged"] for each in found["results"] if each["gamma"] == 0.4]
    assert first["bf_nudged"]["bf"] == pytest.approx(sum(bfs) / 3)
    low, high = first["bf_nudged"]["ci"]
    assert low <= first["bf_nudged"]["bf"] <= high
    low, high = first["share_nudged"]["ci"]
    assert 0 <= low <= first["share_nudged"]["mean"] <= high <= 1
    assert first["ratio"]["ratio"] == pytest.approx(
        first["bf_base"]["bf"] / first["bf_nudged"]["bf"]
    )
    assert "20 %" in found["warnings"][0]


def test_a_prompt_without_room_is_named_before_the_work(tmp_path: Path) -> None:
    with (
        open_model(model(tmp_path / "base.json", BASE)) as base,
        open_model(model(tmp_path / "partner.json", PARTNER, n_ctx=8)) as partner,
    ):
        long = Prompt(" one" * 9, template="raw")
        with pytest.raises(ContextFull, match=r"prompt 'long' .* partner"):
            NudgingRuns(Pair(base, partner), [PairedPrompt("long", long, long)], [THREE], Sampler())


def test_a_model_nudging_itself_writes_what_it_writes_alone() -> None:
    """The same practice model in the same context agrees with every word of its own."""
    with (
        open_model("practice", backend="reference", threads=1) as base,
        open_model("practice", backend="reference", threads=1) as partner,
    ):
        pair = Pair(base, partner)
        asked = Prompt("Name a fruit.", template="page")
        job = Nudging(NudgingSite(pair, pair.contexts(asked, asked)), NudgeSettings(max_tokens=24))
        job.finish()
    assert job.alone is not None
    common = min(job.tokens, job.alone.base.length, 12)
    assert common > 3
    assert job.token_ids[:common] == job.alone.base.token_ids[:common]
    assert job.bf_base is not None
    assert math.isfinite(job.bf_base)


def test_a_notebook_nudges_with_one_call(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        job = found.nudge(THREE)
        assert found.text() == job.text == " Sure here we go then"
        (measured,) = found.trace().tail["measurements"]
        assert (measured["kind"], measured["node"]) == ("nudging", 0)
        assert measured["result"] == encode(job.result())


def test_a_partner_that_dies_leaves_the_session_with_what_was_written(tmp_path: Path) -> None:
    """In processes of their own, of which the partner's is killed by a fault in its third look-ahead."""
    rules = says("Q:", " one", " two") | says(" one", " one")
    with (
        open_model(model(tmp_path / "base.json", {}), worker=True) as base,
        open_model(
            model(tmp_path / "partner.json", rules, faults=[{"at": 4, "kind": "crash"}]),
            worker=True,
        ) as partner,
    ):
        found = Session(base, "Q:", template="raw")
        found.pair_with(partner, "raw")
        job = found.start_nudging(NudgeSettings(draft=1))
        with pytest.raises(BackendCrashed):
            job.finish()
        job.close()
        assert found.text() == " one" * len(job.rounds)
        assert 0 < len(job.rounds) < 4
        found.greedy()
        assert found.tree.depth(found.cursor) == len(job.rounds) + 1


def test_models_in_processes_of_their_own_write_the_same(tmp_path: Path) -> None:
    with session(tmp_path) as found:
        here = found.nudge(THREE).result()
    with (
        open_model(model(tmp_path / "base.json", BASE), worker=True) as base,
        open_model(model(tmp_path / "partner.json", PARTNER), worker=True) as partner,
    ):
        there = Session(base, "Q:", template="raw")
        there.pair_with(partner, "raw")
        assert there.nudge(THREE).result() == here
