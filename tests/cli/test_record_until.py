"""`bftui record --until`: where the steps stop, and what is said of it."""

import json

import pytest

import bftui
from bftui.session.commands import SetBreakpoints
from tests.command_line import bftui_, fails
from tests.tables import table

LINE = {" I": {" like": 1.0}, " like": {" a": 1.0}, " a": {" red": 1.0}, " red": {" apple": 1.0}}


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json", rules=LINE)


def test_the_first_condition_that_holds_stops_it_and_is_named(orchard, tmp_path):
    until = ["--until", "text:never", "--until", "token:red", "--until", "entropy>9"]
    out = tmp_path / "t.json"
    done = bftui_("record", orchard, "--prompt", " I", *until, "-o", out)
    assert done.returncode == 0
    assert done.stderr == "bftui: stopped at token 3 by token:red: the token is ·red\n"
    assert done.stdout.startswith(" I like a red\n")
    trace = json.loads(out.read_bytes())
    assert [each["op"] for each in trace["actions"]] == ["step"] * 3
    again = bftui_("record", orchard, "--like", out, "--json")
    assert json.loads(again.stdout)["path"] == trace["path"]


def test_a_trace_with_breakpoints_is_done_again_and_checked(orchard, tmp_path):
    first, again = tmp_path / "a.json", tmp_path / "b.json"
    with bftui.open_model(orchard) as model:
        session = bftui.Session(model, " I", seed=3)
        session.do(SetBreakpoints(("token:red", "fork")))
        session.step_until("token:red")
        session.trace().save(first)
    assert bftui_("check", first).returncode == 0
    assert bftui_("record", orchard, "--like", first, "-o", again).returncode == 0
    a, b = (json.loads(path.read_bytes()) for path in (first, again))
    assert [n["token_id"] for n in a["nodes"]] == [n["token_id"] for n in b["nodes"]]
    assert [each["op"] for each in b["actions"]] == ["breakpoints", "step", "step", "step"]


def test_none_that_holds_is_said_too(orchard):
    done = bftui_("record", orchard, "--prompt", " I", "--steps", 2, "--until", "bf>9999")
    assert done.returncode == 0
    assert done.stderr == "bftui: no condition of --until was met: in 2 tokens\n"


def test_a_fork_is_from_a_second_model(orchard, tmp_path):
    other = table(tmp_path / "other.json", rules=LINE | {" a": {" fruit": 1.0}})
    done = bftui_("record", orchard, "--partner", other, "--prompt", " I", "--until", "fork")
    assert done.returncode == 0
    assert "stopped at token 2 by fork: the partner would say ·fruit, the model ·red" in done.stderr


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--until", "fork"], "--partner MODEL"),
        (["--until", "entropy=2"], "not a condition"),
        (["--until", "regex:("], "not a regular expression"),
    ],
)
def test_what_cannot_be_is_exit_code_2(orchard, asked, says):
    assert says in fails(2, "record", orchard, "--prompt", " I", *asked)


def test_an_expression_that_explodes_ends_with_what_was_made(orchard):
    explodes = ["--force", "a" * 50, "--until", r"regex:(a+)+\Z"]
    done = bftui_("record", orchard, "--prompt", " I", *explodes)
    assert done.returncode == 2
    assert "was ended: it takes more than 1 s" in done.stderr
    assert done.stdout.startswith(" I" + "a" * 50)
