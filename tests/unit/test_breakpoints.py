"""Breakpoints over a table: their written form, where each holds, that none hangs, that a session keeps them."""

import json
import math

import pytest

import bftui
from bftui.core.errors import UsageError
from bftui.measures.bounded_pattern import BoundedPattern
from bftui.session import commands as c
from bftui.session.breakpoints import Breakpoint, changed_by
from bftui.session.records.resume import read_saved
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.tables import table

LINE = {
    '["<s>"]': {" I": 1.0},
    " I": {" like": 1.0},
    " like": {" a": 0.5, " the": 0.5},
    " a": {" red": 1.0},
    " the": {" red": 1.0},
    " red": {" apple": 1.0},
    " apple": {" that": 1.0},
    " that": {" I": 1.0},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "line.json"
    with bftui.open_model(table(path, rules=LINE)) as opened:
        yield opened


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Like the model, but for what comes after red."""
    path = tmp_path_factory.mktemp("table") / "other.json"
    with bftui.open_model(table(path, rules=LINE | {" red": {" pear": 1.0}})) as opened:
        yield opened


def written(model, session):
    return [model.token_bytes(i).decode() for i in session.tree.token_ids(session.cursor)[1:]]


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ("entropy>2.5", "entropy", "2.5"),
        (" bf > 8 ", "bf", "8"),
        ("token:Sure", "token", "Sure"),
        ("text: of course", "text", " of course"),
        ('text:"\\n\\n"', "text", '"\\n\\n"'),
        ("fork", "fork", ""),
        (r"regex:\d+:\s", "regex", r"\d+:\s"),
    ],
)
def test_a_written_form_is_read_and_written_again(form, kind, value):
    made = Breakpoint.parse(form)
    assert (made.kind, made.value) == (kind, value)
    assert Breakpoint.parse(made.written) == made


@pytest.mark.parametrize(
    "form",
    [
        *("", "entropy", "entropy>", "entropy>x", "entropy>-1", "bf>nan", "bf>inf", "bf:3", "Sure"),
        *("token:", 'text:"a', "fork:x", "regex:", "regex:(", "regex:" + "(" * 9000, "entropy<2"),
    ],
)
def test_a_bad_form_is_one_clear_line(form):
    with pytest.raises(UsageError) as error:
        Breakpoint.parse(form)
    assert "\n" not in error.value.line()
    assert len(error.value.line()) < 250


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("entropy>0.5", " I like"),
        ("bf>1.9", " I like"),
        ("token:red", " I like a red"),
        ('token:" red"', " I like a red"),
        ("text:ed app", " I like a red apple"),
        (r"regex:red\s+a(?!x)", " I like a red apple"),
        (r"regex:I.*I$", " I like a red apple that I"),
    ],
)
def test_steps_end_where_a_condition_holds(model, form, text):
    session = Session(model, "", seed=1)
    reached = session.step_until(form, limit=20)
    assert "".join(written(model, session)).replace(" the", " a") == text
    assert (reached.node, reached.depth) == (session.cursor, len(text.split()))
    assert f"at token {reached.depth} by " in reached.line()


def test_the_first_that_holds_is_named_and_none_is_none(model):
    session = Session(model, "", seed=1)
    assert session.step_until("text:never", "token:red", "text:red").condition.kind == "token"
    assert session.step_until("text:never", limit=3) is None
    assert session.tree.depth(session.cursor) == 7


def test_a_text_stops_once_for_each_time_that_it_is_written(model):
    session = Session(model, "", seed=1)
    depths = [session.step_until("text:red", "regex:apple").depth for _ in range(4)]
    assert depths == [4, 5, 10, 11]


def test_a_fork_is_where_the_partner_would_say_something_else(model, other):
    session = Session(model, "", seed=1)
    with pytest.raises(UsageError, match="partner"):
        session.step_until("fork")
    session.pair_with(other)
    reached = session.step_until("fork", limit=9)
    assert written(model, session)[-1] == " red"
    assert "would say ·pear, the model ·apple" in reached.why


def test_an_expression_that_explodes_ends_with_a_line_and_the_next_one_works():
    pattern = BoundedPattern(r"(a+)+$|c", seconds=0.2)
    try:
        with pytest.raises(UsageError, match="more than"):
            pattern.search("a" * 60 + "b", 0)
        assert pattern.search("bc", 0) == "c"
        assert pattern.search("bc", 2) is None
    finally:
        pattern.close()


def test_the_session_stays_where_an_expression_exploded(model):
    session = Session(model, "", seed=1)
    session.force("a" * 60)
    with pytest.raises(UsageError, match="was ended"):
        session.step_until(r"regex:(a+)+\Z")
    assert session.tree.depth(session.cursor) == 61


def test_entering_a_condition_again_takes_it_away():
    known, _ = changed_by((), "bf>8")
    known, told = changed_by(known, "fork")
    assert (known, told) == (("bf>8", "fork"), "sets fork")
    assert changed_by(known, "bf > 8") == (("fork",), "takes bf>8 away")
    assert changed_by(known, "none")[0] == ()


def test_undo_resume_and_the_trace_keep_them(model, tmp_path):
    journal = Journal(tmp_path)
    session = Session(model, "", seed=1, journal=journal)
    session.do(c.SetBreakpoints(("bf>8", "fork")))
    session.do(c.SetBreakpoints(("token:red",)))
    session.undo()
    assert [each.written for each in session.state.view.breakpoints] == ["bf>8", "fork"]
    session.redo()
    assert session.step_until().condition == Breakpoint("token", "red")
    journal.close()
    saved = tmp_path / "t.json"
    session.trace().save(saved)
    for path in (journal.path, saved):
        view = read_saved(path).player.state.view
        assert view.breakpoints == (Breakpoint("token", "red"),)
        assert view.cursor == session.cursor
    assert json.loads(saved.read_bytes())["actions"][0]["args"] == {"conditions": ["bf>8", "fork"]}


def test_a_condition_is_about_the_numbers_that_are_shown(model):
    session = Session(model, "", seed=1, top_k=1)
    assert session.step_until("bf>1.5", limit=9) is None
    session.goto(0)
    reached = session.step_until("entropy>0.5", limit=9)
    assert session.tree.entropies(reached.node)[0] == pytest.approx(math.log(2), abs=1e-3)
