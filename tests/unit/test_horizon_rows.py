"""The rows of a grown tree are its most probable paths, and what they leave out is told as mass."""

import math

import pytest

from bftui.core.horizon import HorizonTree
from bftui.core.horizon_rows import grown_rows
from tests.unit.test_horizon import END, PLAIN, engine, enumerated, grown, opened  # noqa: F401

ENDS = {END}


def test_the_paths_that_are_shown_are_the_most_probable_ones(engine):  # noqa: F811
    tree = grown(engine, 4)
    rows = grown_rows(tree, 40, ENDS)
    whole = {}
    for depth in range(1, 5):
        for path, prob in enumerated(engine, depth, PLAIN).items():
            whole[path] = prob
    best = sorted(whole.values(), reverse=True)[:40]
    shown = [row for row in rows if row.kind != "rest"]
    assert sum(row.chain for row in shown) == 40
    for row in shown:
        assert row.prob == pytest.approx(whole[row.path], rel=1e-12)
        assert row.prob >= best[-1] - 1e-12


def test_a_chain_is_one_row_and_a_fork_is_not(tmp_path):
    rules = {
        '["a"]': {"b": 0.75, "c": 0.25},
        '["b"]': {"ab": 1.0},
        '["ab"]': {"c": 0.5, "</s>": 0.5},
    }
    rows = grown_rows(grown(opened(tmp_path / "t.json", rules, {"a": 1.0}), 4), 100, ENDS)
    first, left, right, other = rows[:4]
    assert (first.path, first.chain, first.kind) == ((1, 2), 2, "read")
    assert first.prob == pytest.approx(0.75)
    assert first.bf == pytest.approx(2)
    assert [(each.path, each.chain, round(each.prob, 6)) for each in (left, right, other)] == [
        ((1, 2, 3, 0), 2, 0.375),
        ((1, 2, 4), 1, 0.375),
        ((3, 0), 2, 0.25),
    ]
    assert (left.kind, right.kind, left.bf) == ("text", "ended", None)
    assert (first.last, left.last, right.last) == ((False,), (False, False), (False, True))
    assert other.last == (True,)


def test_the_rest_of_a_fork_is_shown_where_it_weighs_as_much_as_what_is_shown(engine):  # noqa: F811
    tree = grown(engine, 3)
    for most in (1, 3, 7, 20):
        rows = grown_rows(tree, most, ENDS)
        least = min(row.prob for row in rows if row.kind != "rest")
        rests = [row for row in rows if row.kind == "rest"]
        assert all(row.prob >= least or math.isclose(row.prob, least) for row in rests)


def test_a_tree_that_was_not_read_has_no_rows(engine):  # noqa: F811
    tree = HorizonTree(3, engine.info.n_vocab, engine.info.eog_ids)
    assert grown_rows(tree, 10, ENDS) == ()


def test_what_was_not_read_is_open(engine):  # noqa: F811
    tree = grown(engine, 4, most=1)
    rows = grown_rows(tree, 100, ENDS)
    assert {row.kind for row in rows} == {"open", "ended"}
    assert sum(row.prob for row in rows) == pytest.approx(1)
