"""Forking tokens: the score against enumeration, chance, and a path on a table whose forks are known."""

import math
from itertools import product

import numpy as np
import pytest

import bftui
from bftui.core.errors import UsageError
from bftui.core.fork_numbers import fork_numbers, open_positions
from bftui.measures.forks import Forks, ForksAsked
from bftui.model.prompt import Prompt
from bftui.results.codec import decode, encode
from bftui.results.forks_result import ForksResult
from bftui.session.session import Session
from tests.tables import table


def test_the_score_is_the_weighted_total_variation_from_the_token_taken():
    outcomes = [["a", "a", "b", "b"], ["a", "b", "b", "c"], ["c"]]
    found = fork_numbers([0.5, 0.3, 0.2], outcomes, 0, 1)
    assert found.score == pytest.approx(0.3 * 0.25 + 0.2 * 1.0)
    mixed = [0.5 * 0.5 + 0.3 * 0.25, 0.5 * 0.5 + 0.3 * 0.5, 0.3 * 0.25 + 0.2]
    assert found.effective == pytest.approx(math.exp(-sum(m * math.log(m) for m in mixed)))
    # Weights need not sum to 1.
    assert fork_numbers([5, 3, 2], outcomes, 0, 1) == found


def test_chance_is_the_mean_over_all_ways_to_deal_the_outcomes():
    outcomes = [["a", "b"], ["a", "c"]]
    pooled = ["a", "b", "a", "c"]
    scores = []
    for first in product(range(4), repeat=2):
        if first[0] == first[1]:
            continue
        rest = [n for n in range(4) if n not in first]
        one, other = ([pooled[n] for n in part] for part in (first, rest))
        apart = sum(abs(one.count(x) - other.count(x)) / 2 for x in "abc") / 2
        scores.append(0.5 * apart)
    found = fork_numbers([0.5, 0.5], outcomes, 0, 7)
    assert found.chance == pytest.approx(np.mean(scores), abs=0.02)
    exact = np.mean([score >= found.score - 1e-12 for score in scores])
    assert found.p == pytest.approx(exact, abs=0.03)


def test_alternatives_that_do_not_matter_are_seldom_called_forks():
    rng = np.random.default_rng(5)
    told = 0
    for seed in range(200):
        drawn = [[str(x) for x in rng.integers(0, 3, 16)] for _ in range(4)]
        told += fork_numbers([0.4, 0.3, 0.2, 0.1], drawn, 0, seed).p < 0.05
    assert told <= 19


def test_a_token_that_decides_is_found():
    found = fork_numbers([0.6, 0.4], [["yes"] * 16, ["no"] * 16], 0, 3)
    assert found.score == pytest.approx(0.4)
    assert found.p < 0.001
    assert found.chance < 0.1


def test_an_alternative_that_ends_the_text_counts_as_often_as_the_others(model):
    session = Session(model, Prompt(" the", template="raw"), top_p=1.0)
    session.force(" Sure like pear pear")
    found = session.forks(ForksAsked(open_share=1.0, continuations=12, horizon=4)).result()
    counts = {sum(o.count for o in a.outcomes) for p in found.positions for a in p.alternatives}
    assert counts <= {0, 12}
    # After " pear" the text ends, always; what was forced there instead has P~ 0.
    last = found.positions[-1]
    assert [(a.text, a.prob) for a in last.alternatives] == [("</s>", 1.0), (" pear", 0.0)]
    assert last.covered == 1.0


def test_many_different_outcomes_take_no_room():
    outcomes = [[f"{a} {n}" for n in range(300)] for a in range(10)]
    assert fork_numbers([1] * 10, outcomes, 0, 1).p > 0.5


def test_open_positions_are_the_largest_entropies_and_of_equals_the_first():
    assert open_positions([1.0, 3.0, 2.0, 3.0, 0.0], 0.2) == (1,)
    assert open_positions([1.0, 3.0, 2.0, 3.0, 0.0], 0.4) == (1, 3)
    assert open_positions([1.0, 1.0, 1.0], 0.34) == (0, 1)
    assert open_positions([], 0.2) == ()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = table(
        tmp_path_factory.mktemp("tables") / "forks.json",
        default={" I": 0.5, " Sure": 0.5},
        rules={
            " I": {" like": 1.0},
            " like": {" apple": 0.5, " pear": 0.5},
            " apple": {"</s>": 1.0},
            " pear": {"</s>": 1.0},
            " Sure": {" like": 1.0},
        },
    )
    with bftui.open_model(path) as opened:
        yield opened


def measured(model, **changes):
    session = Session(model, Prompt(" the", template="raw"), top_p=1.0)
    session.force(" I like apple")
    asked = ForksAsked(**{"open_share": 1.0, "continuations": 12, "horizon": 4} | changes)
    return session, session.forks(asked)


def test_the_fork_of_a_path_is_where_outcomes_part(model):
    session, job = measured(model, outcome="apple|pear")
    found = job.result()
    assert [each.position for each in found.positions] == [0, 1, 2]
    first, middle, last = found.positions
    # " I" or " Sure" leads to the same fruit; only one token goes on from " I"; the fruit itself decides.
    assert first.p_holm > 0.05
    assert (middle.score, middle.p) == (None, None)
    assert last.score == pytest.approx(0.5)
    assert last.p_holm < 0.01
    assert last.effective == pytest.approx(2.0)
    by_text = {each.text: each for each in last.alternatives}
    assert by_text[" apple"].taken
    assert [(each.text, each.count) for each in by_text[" pear"].outcomes] == [("pear", 12)]
    assert decode(ForksResult, encode(found)) == found
    (kept,) = session.trace().as_dict()["measurements"]
    assert (kept["kind"], kept["node"]) == ("forks", 0)


def test_the_same_request_gives_the_same_numbers(model):
    assert measured(model)[1].result() == measured(model)[1].result()


def test_a_token_past_the_truncation_is_tried_too(model):
    session = Session(model, Prompt(" the", template="raw"), top_p=0.4)
    session.force(" Sure like red")
    found = session.forks(ForksAsked(open_share=1.0, continuations=4, horizon=4)).result()
    last = found.positions[-1]
    assert [each.taken for each in last.alternatives][-1]
    assert last.alternatives[-1].prob == 0.0


def test_what_cannot_be_measured_is_refused(model):
    with pytest.raises(UsageError, match="no path"):
        Session(model, Prompt(" the", template="raw")).forks()
    for bad in ({"open_share": 0}, {"alternatives": 1}, {"continuations": 0}, {"outcome": "("}):
        with pytest.raises(UsageError):
            measured(model, **bad)


def test_it_says_how_far_it_is(model):
    session = Session(model, Prompt(" the", template="raw"), top_p=1.0)
    session.force(" I like apple")
    job: Forks = session.experiments.start_forks(ForksAsked(open_share=1.0, horizon=4))
    shares = [job.share]
    assert job.stored() is None
    while job.advance():
        shares.append(job.share)
    assert shares == sorted(shares)
    assert job.share == 1.0
