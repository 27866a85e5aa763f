"""Responses to several texts: all first looks before any second one, Holm's correction, a budget, stopping."""

from contextlib import closing
from dataclasses import replace

import pytest

import bftui
from bftui.core.bf.contrast import holm
from bftui.core.errors import ModelError
from bftui.measures.response_series import ResponseSeries
from bftui.measures.response_state import Setup
from bftui.measures.site import close_site, open_site
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.tables import table

TEXTS = [" red", " Sure", " the"]
SETUP = Setup(looks=(2, 4, 6), horizon=6, others=False, early=False)


@pytest.fixture(scope="module")
def orchard(tmp_path_factory):
    with bftui.open_model(table(tmp_path_factory.mktemp("table") / "o.json")) as opened:
        yield opened


def begun(model, setup=SETUP, texts=TEXTS, budget=None):
    session = Session(model, "Name", seed=3)
    jobs = [session.experiments.start_response(each, setup=setup) for each in texts]
    return session, ResponseSeries(jobs, budget)


def test_all_texts_have_a_look_before_any_has_the_next(orchard):
    _, series = begun(orchard)
    seen = []
    while series.advance():
        looks = [len(each.looks) for each in series.responses]
        if not seen or looks != seen[-1]:
            seen.append(looks)
    expected = [
        [0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 2, 2], [3, 2, 2], [3, 3, 2]
    ]  # fmt: skip
    assert seen[: len(expected)] == expected
    assert all(each.done for each in series.responses)


def test_each_text_has_what_it_has_alone_and_holm_is_over_all(orchard):
    _, series = begun(orchard)
    series.finish()
    alone = []
    for text in TEXTS:
        job = Session(orchard, "Name", seed=3).experiments.start_response(text, setup=SETUP)
        job.finish()
        alone.append(job)
    ps = holm([job.result().p for job in alone])
    expected = [encode(job.result(p)) for job, p in zip(alone, ps, strict=True)]
    assert [encode(each) for each in series.results()] == expected
    assert [each.p_holm for each in series.results()] == ps


def test_a_single_text_has_no_correction_and_ends_early(orchard):
    setup = Setup(looks=(2, 4, 6), horizon=6, controls=8)
    session, series = begun(orchard, setup, [" red"])
    series.finish()
    whole = Session(orchard, "Name", seed=3).respond(" red", looks=[2, 4, 6], horizon=6, controls=8)
    (found,) = series.results()
    assert encode(found) == encode(whole.result())
    assert found.p_holm is None
    assert session.experiments.responses == list(series.responses)


@pytest.mark.parametrize("pieces", [0, 1, 7, 25, 60])
def test_stopped_and_taken_up_again_it_finds_the_same(orchard, pieces):
    setup = Setup(looks=(2, 4), horizon=6, controls=8, early=False)
    _, whole = begun(orchard, setup)
    whole.finish()
    _, series = begun(orchard, setup)
    for _ in range(pieces):
        series.advance()
    series.close()
    series.go_on()
    series.finish()
    assert series.stored_each() == whole.stored_each()


def test_a_spent_budget_lets_all_have_the_same_look_and_says_that_more_were_planned(orchard):
    _, series = begun(orchard, Setup(looks=(2, 4), horizon=4), budget=0.0)
    series.finish()
    assert [len(each.looks) for each in series.responses] == [1, 1, 1]
    assert (series.done, series.out_of_time) == (True, True)
    assert {each.reason for each in series.results() if each.verdict == "undecided"} == {
        "look 1 of 2: more samples can tell"
    }
    # More time goes on from there.
    series.budget = None
    series.go_on()
    series.finish()
    assert (series.out_of_time, len(series.responses[0].looks)) == (False, 2)


def test_a_budget_that_ends_after_the_looks_leaves_out_other_controls(orchard):
    _, series = begun(orchard, Setup(looks=(2,), horizon=4), budget=0.0)
    series.finish()
    assert series.out_of_time
    assert [[kind.kind for kind in each.controls] for each in series.results()] == [["matched"]] * 3
    _, matched = begun(orchard, Setup(looks=(2,), horizon=4, others=False), budget=0.0)
    matched.finish()
    assert not matched.out_of_time


def test_what_is_left_only_falls_and_the_share_only_grows(orchard):
    _, series = begun(orchard, Setup(looks=(2, 4), horizon=6, controls=8, early=False))
    # As if it took long.
    series.seconds = 100.0
    shares, lefts = [], []
    while series.advance():
        shares.append(series.share)
        lefts.append(series.left)
    known = [each for each in lefts if each is not None]
    assert known
    assert known == sorted(known, reverse=True)
    assert (series.share, series.left) == (1.0, None)
    assert 0 <= min(shares) <= max(shares) <= 1


def test_every_text_is_kept_in_the_trace(orchard):
    session, series = begun(orchard)
    series.finish()
    session.experiments.keep(series)
    session.experiments.keep(series)
    kept = session.trace().as_dict()["measurements"]
    assert [each["kind"] for each in kept] == ["response"] * 3
    assert [each["result"]["p_holm"] for each in kept] == [each.p_holm for each in series.results()]
    assert [each["result"]["forced"]["text"] for each in kept] == TEXTS


def test_what_failed_in_the_middle_keeps_what_is_known(tmp_path):
    fails = table(tmp_path / "t.json", faults=[{"at": 30, "kind": "error"}])
    with bftui.open_model(fails) as model:
        _, series = begun(model)
        with closing(series), pytest.raises(ModelError):
            series.finish()
        known = [each is not None for each in series.results()]
        assert known[0]
        assert not series.done
        assert len(series.stored_each()) == sum(known)


def beside(orchard, other, **setup):
    """A series with the same texts in another model, and that model's site."""
    session, alone = begun(orchard)
    site = open_site(other, session.tree.token_ids(0), session.sampler)
    begin = session.experiments.start_partner_response
    theirs = [
        begin(site, 0, job.token_ids, other.tokenize(text), SETUP)
        for job, text in zip(alone.responses, TEXTS, strict=True)
    ]
    return session, site, ResponseSeries(alone.responses, partner=theirs)


@pytest.fixture
def other(tmp_path):
    with bftui.open_model(table(tmp_path / "b.json", default={" the": 0.5, " red": 0.4})) as opened:
        yield opened


def test_a_partner_takes_its_turn_at_each_look_with_what_it_has_alone(orchard, other):
    session, site, series = beside(orchard, other)
    turns = []
    while series.advance():
        looks = [[len(each.looks) for each in side] for side in (series.responses, series.partner)]
        if not turns or looks != turns[-1]:
            turns.append(looks)
    assert turns.index([[1, 1, 1], [1, 1, 1]]) < turns.index([[2, 2, 2], [1, 1, 1]])
    expected = []
    for model in (orchard, other):
        _, alone = begun(model)
        alone.finish()
        expected.append([encode(each) for each in alone.results()])
    assert [encode(each) for each in series.results()] == expected[0]
    assert [encode(each) for each in series.results(partner=True)] == expected[1]
    session.experiments.keep(series)
    kept = session.trace().as_dict()["measurements"]
    assert [each["kind"] for each in kept] == ["response"] * 3 + ["partner_response"] * 3
    assert all(each["node"] == 0 for each in kept)
    close_site(site)


def test_a_partner_that_fails_ends_alone(orchard, tmp_path):
    fails = table(tmp_path / "t.json", faults=[{"at": 30, "kind": "error"}])
    with bftui.open_model(fails) as other:
        _, site, series = beside(orchard, other)
        series.finish()
        assert series.done
        assert series.error is not None
        assert [len(each.looks) for each in series.responses] == [3, 3, 3]
        close_site(site)


def test_a_text_that_ends_early_goes_on_from_what_a_series_drew(orchard):
    session, series = begun(orchard)
    series.finish()
    session.experiments.keep(series)
    early = replace(SETUP, early=True)
    again = session.experiments.start_response(TEXTS[0], setup=early)
    assert again.tokens == series.responses[0].tokens
    again.finish()
    fresh = Session(orchard, "Name", seed=3).experiments.start_response(TEXTS[0], setup=early)
    fresh.finish()
    assert encode(again.result()) == encode(fresh.result())
