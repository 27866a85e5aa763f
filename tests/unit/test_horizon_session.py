"""A tree that a session grows at its cursor, as a job, in the trace and in a report."""

from __future__ import annotations

import math

import pytest

import bftui
from bftui.core.errors import ContextFull, UsageError
from bftui.core.sampler import Sampler, SamplerWindow
from bftui.measures.site import prompt_site
from bftui.measures.tree_growth import Horizon, HorizonAsked
from bftui.results.codec import decode, encode
from bftui.results.horizon_result import HorizonResult, HorizonSettings
from bftui.session.session import Session
from tests.tables import table


@pytest.fixture
def session(tmp_path):
    with bftui.open_model(table(tmp_path / "orchard.json")) as model:
        yield Session(model, " I like", top_p=0.8)


def test_a_session_grows_a_tree_at_its_cursor_and_its_trace_keeps_it(session):
    session.force(" is")
    asked = HorizonAsked(depth=3, mass=1.0)
    found = session.horizon(asked).result()
    assert found.stop == "whole"
    first = found.depths[0]
    # The tree begins where the session stands.
    assert first.bf_low == first.bf_high == pytest.approx(session.node.next.bf)
    document = session.trace().as_dict()
    (kept,) = document["measurements"]
    assert (kept["kind"], kept["node"]) == ("horizon", session.cursor)
    assert decode(HorizonSettings, kept["settings"]).depth == 3
    known = decode(HorizonResult, kept["result"])
    assert known.depths[-1].bf_low == pytest.approx(found.depths[-1].bf_low, abs=1e-5)
    assert encode(known)["texts_for_mass"] == dict(found.texts_for_mass)
    assert {str(i) for i in found.spelled()} <= document["tokens"].keys()


def test_nothing_of_the_session_moves(session):
    before = session.cursor, len(session.tree)
    session.horizon(HorizonAsked(depth=4))
    assert (session.cursor, len(session.tree)) == before


def test_a_stopped_tree_grows_on_to_the_same_numbers(session):
    asked = HorizonAsked(depth=5, mass=1.0, most=400)
    whole = session.experiments.start_horizon(asked)
    whole.finish()
    stopped = session.experiments.start_horizon(asked)
    for _ in range(30):
        stopped.advance()
    stopped.close()
    assert stopped.result().stop == "stopped"
    assert 0 < stopped.result().nodes < whole.result().nodes == 400
    again = session.experiments.start_horizon(asked, known=stopped.tree)
    again.finish()
    for a, b in zip(again.result().depths[:3], whole.result().depths[:3], strict=True):
        assert (a.texts, a.mass) == (b.texts, pytest.approx(b.mass))
        assert a.bf_low == pytest.approx(b.bf_low)
    assert again.result().nodes == 400


def test_what_was_found_stays_where_there_are_no_more_nodes(session):
    few = session.horizon(HorizonAsked(depth=6, most=20)).result()
    assert (few.nodes, few.stop) == (20, "nodes")
    assert few.depths[-1].bf_low < few.depths[-1].bf_high
    assert "0.95" in few.at_least
    assert few.texts_for_mass_high["0.95"] is None
    least = session.horizon(HorizonAsked(depth=6, mass=1.0, least=0.01)).result()
    assert least.stop == "least"
    held = session.horizon(HorizonAsked(depth=3, mass=0.5)).result()
    assert held.stop == "mass"
    assert held.depths[-1].mass >= 0.5


def entropy_of_all(session, depth):
    """The chain rule, walked through the session's own distributions: under windows and penalties, too."""

    def below(path, left):
        session.goto(start)
        if path:
            session.force(ids=path)
        found = session.node.next
        if found is None or not left:
            return 0.0
        total = found.entropy_truncated
        if left > 1:
            rows = session.model_tree.page(0, found.n_vocab).rows
            for row in rows:
                if row.logprob_truncated is not None:
                    p = math.exp(row.logprob_truncated)
                    total += p * below([*path, row.token_id], left - 1)
        return total

    start = session.cursor
    entropy = below([], depth)
    session.goto(start)
    return entropy


@pytest.mark.parametrize(
    "changes",
    [
        {"top_p": 0.5},
        {"top_p": 0.5, "temperature": 0.7},
        {"top_k": 3, "top_p": 1.0, "repetition_penalty": 1.8},
        {"top_k": 4, "top_p": 1.0, "frequency_penalty": 2.0, "xtc_probability": 0.5},
        {"top_p": 0.4, "windows": (SamplerWindow(1, 2, (("temperature", 2.0), ("top_k", 3))),)},
    ],
)
def test_every_setting_of_the_sampler_holds_on_every_path(session, changes):
    session.set_sampler(**changes)
    session.force(" Sure")
    session.force(" Here is")
    tree = session.horizon(HorizonAsked(depth=3, mass=1.0)).result()
    assert tree.stop == "whole"
    assert tree.depths[-1].entropy_low == pytest.approx(entropy_of_all(session, 3), abs=1e-9)


def test_merged_spellings_stand_beside_the_texts(session):
    result = session.horizon(HorizonAsked(depth=2, mass=1.0, merge=True)).result()
    assert result.merged is not None
    assert result.merged.texts <= result.depths[-1].texts
    assert session.horizon(HorizonAsked(depth=2)).result().merged is None


@pytest.mark.parametrize("changes", [{"depth": 0}, {"mass": 1.2}, {"most": 0}, {"least": 1.0}])
def test_bad_sizes_are_refused(session, changes):
    with pytest.raises(UsageError):
        session.horizon(HorizonAsked(**changes))


def test_texts_that_do_not_fit_the_context_are_refused(session):
    with pytest.raises(ContextFull, match="room for"):
        session.horizon(HorizonAsked(depth=256))


def test_the_practice_base_one_by_one_is_within_its_noise_floor():
    with bftui.open_model("practice") as model:
        prompt = model.tokenize("Question: Name a fruit.\nAnswer:")
        sampler = Sampler()
        with prompt_site(model, prompt, sampler) as site:
            job = Horizon(site, HorizonAsked(depth=4, mass=1.0, most=300))
            job.finish()
            noise = next_noise(model)
            for path in job.tree.paths[::11]:
                with prompt_site(model, [*prompt, *path], sampler) as alone:
                    one = model.client.preview(alone.tree, alone.node, sampler)
                reading = job.tree.reading(path)
                assert abs(reading.next.entropy - one.entropy) <= 2 * noise
        assert job.result().nodes == 300


def next_noise(model):
    floor = model.client.noise()
    while True:
        try:
            next(floor)
        except StopIteration as end:
            return max(1e-6, end.value.entropy_max)
