"""Rollouts and look-ahead of a session, over tables whose branching factor is known by hand."""

import json

import pytest

import bftui
from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.errors import UsageError
from bftui.session import commands as c
from bftui.session.session import Session
from tests.tables import even_table, table


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with bftui.open_model(even_table(tmp_path_factory.mktemp("table") / "t.json")) as opened:
        yield opened


def on(model, prompt, **settings):
    return Session(model, prompt, **{"top_p": 1.0, **settings})


@pytest.fixture(scope="module")
def orchard(tmp_path_factory):
    with bftui.open_model(table(tmp_path_factory.mktemp("table") / "o.json")) as opened:
        yield opened


def test_rollouts_are_the_draws_of_the_contract(orchard):
    session = Session(orchard, "Name", seed=5, top_p=0.8)
    found = session.rollouts(samples=6, horizon=12)
    prefix = session.tree.token_ids(0)
    key = prefix_key(prefix)
    for number, sample in enumerate(found.samples):
        path = list(prefix)
        for t, token_id in enumerate(sample.token_ids):
            p = Distribution(orchard.client.backend.next_logits(path), session.sampler)
            assert p.draw(uniform(5, Purpose.ROLLOUT, t, number, key)) == token_id
            assert sample.entropy_truncated[t] == p.summary().entropy_truncated
            assert sample.logprob_truncated[t] == p.score(token_id).logprob_truncated
            path.append(token_id)
        ended = sample.token_ids[-1] in orchard.info.eog_ids
        assert sample.finish == ("eog" if ended else "length")
        assert ended or sample.length == 12


def test_the_branching_factor_of_rollouts_is_known_by_hand(model):
    found = on(model, "").rollouts(samples=9, horizon=1)
    assert found.branching_factor().bf == pytest.approx(16)
    assert found.share == 1.0
    sure = on(model, " Sure").rollouts(samples=5, horizon=60)
    estimate = sure.branching_factor()
    assert (estimate.bf, estimate.estimator, estimate.ended) == (pytest.approx(1), "nll", 0.0)
    assert [point.bf for point in sure.curve()] == pytest.approx([1.0] * 60)
    assert [(each.places, len(each.token_ids)) for each in sure.distinct()] == [
        ((0, 1, 2, 3, 4), 60)
    ]


def test_later_rollouts_count_on(model):
    session = on(model, "", seed=3)
    first, second = session.rollouts(4, horizon=8), session.rollouts(4, horizon=8)
    together = on(model, "", seed=3).rollouts(8, horizon=8)
    ids = [sample.token_ids for sample in (*first.samples, *second.samples)]
    assert ids == [sample.token_ids for sample in together.samples]


def test_experiments_move_nothing_and_are_kept_in_the_trace(model):
    session = on(model, "")
    session.rollouts(2, horizon=3)
    session.lookahead(3)
    session.respond(" Sure", looks=[2], horizon=2, others=False)
    document = session.trace().as_dict()
    kinds = [each["kind"] for each in document["measurements"]]
    assert kinds == ["rollouts", "lookahead", "response"]
    assert (len(session.tree), session.state.draws, document["actions"]) == (1, 0, [])
    json.dumps(document, allow_nan=False)


def test_a_stopped_job_keeps_what_it_found(model):
    job = on(model, "").experiments.start_rollouts(3, 10)
    for _ in range(4):
        assert job.advance()
    job.close()
    assert {sample.length for sample in job.samples} == {4}
    assert 0 < job.share < 1
    assert not job.done


def test_rollouts_end_where_the_context_is_full(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json", n_ctx=6, default={" a": 1.0})) as small:
        found = Session(small, " the").rollouts(2, horizon=50)
    assert [(sample.length, sample.finish) for sample in found.samples] == [(4, "context")] * 2


def test_a_rollout_becomes_a_branch(orchard):
    session = Session(orchard, "Name", seed=1)
    sample = session.rollouts(3, horizon=6).samples[1]
    node = session.do(c.OpenRollout(0, sample.token_ids))
    assert session.tree.token_ids(node)[-sample.length :] == list(sample.token_ids)
    assert {session.tree.source(each).word for each in session.tree.path(node)[1:]} == {"rollout"}
    assert session.node.logprob == pytest.approx(sample.logprob[-1])


def test_resampling_compares_with_the_path_that_goes_on(model):
    session = on(model, "", seed=2)
    with pytest.raises(UsageError, match="no text goes on"):
        session.resample(4)
    for _ in range(5):
        session.step()
    session.force(" Sure")
    found = session.resample(4, node=2)
    assert found.original.token_ids == tuple(session.tree.token_ids(session.cursor)[3:])
    assert (found.original.chosen, found.original.mean_nll, found.horizon) == (True, None, 4)
    assert all(sample.length == 4 for sample in found.samples)
    walked = [session.tree.node(node).next.entropy_truncated for node in (2, 3, 4, 5)]
    assert found.original.entropy_truncated.tolist() == pytest.approx(walked)


@pytest.mark.parametrize("samples", [0, -1, 10**6, 2.0])
def test_sizes_that_make_no_sense_are_refused(model, samples):
    session = on(model, "")
    with pytest.raises(UsageError, match="samples"):
        session.rollouts(samples)
    with pytest.raises(UsageError, match="samples"):
        session.respond(" Sure", looks=[samples])
    with pytest.raises(UsageError, match="candidates"):
        session.lookahead(samples)


def test_nothing_is_measured_after_the_end(orchard):
    session = Session(orchard, "Name")
    session.force(ids=[1])
    for measure in (session.rollouts, session.lookahead, lambda: session.respond(" a")):
        with pytest.raises(UsageError, match="the text ends here"):
            measure()


def test_lookahead_says_what_forcing_each_candidate_says(orchard):
    session = Session(orchard, "Name")
    found = session.lookahead(20)
    assert len(found.candidates) == 20
    for each in found.candidates:
        token_id = each.row.token_id
        node = session.force(ids=[token_id])
        session.back()
        assert (each.after is None) == (token_id in orchard.info.eog_ids)
        if each.after is not None:
            assert each.after.bf == node.next.bf


def test_lookahead_is_kept_and_can_go_further(orchard):
    session = Session(orchard, " Sure", seed=4)
    # One of the four ends the text: nothing is evaluated for it.
    assert session.lookahead(4).evaluated == 3
    assert session.lookahead(4).evaluated == 0
    further = session.lookahead(1, steps=2).candidates[0]
    session.greedy()
    assert further.after.bf == session.greedy().next.bf
