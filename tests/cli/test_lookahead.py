"""`bftui lookahead` as programs see it."""

import json

import pytest

import bftui
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.command_line import bftui_, fails
from tests.tables import table


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "o.json"
    arguments = ["lookahead", orchard, "--prompt", "Name", "--top", 5, "--steps", 2, "--top-p", 0.7]
    done = bftui_(*arguments, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    with bftui.open_model(orchard) as model:
        found = Session(model, "Name", top_p=0.7).lookahead(5, steps=2)
        expected = encode(found.result())
    assert json.loads(done.stdout) == json.loads(out.read_text()) == expected
    assert len(expected["candidates"]) == 5
    assert set(expected["candidates"][0]["after"]) == {
        "entropy", "entropy_truncated", "bf", "bf_full",
    }  # fmt: skip


def test_people_get_a_table_that_says_what_it_shows(tmp_path):
    hostile = table(
        tmp_path / "t.json",
        tokens=["<s>", "</s>", "\x1b[31m", " wide" * 30],
        default={"\x1b[31m": 0.5, "</s>": 0.3},
        rules={},
    )
    done = bftui_("lookahead", hostile, "--prompt", "\x1b[31m")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "the text ends" in done.stdout
    assert "exp H(P~) of the distribution after the candidate" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_results_on_the_practice_model_say_so():
    done = bftui_("lookahead", "--top", 2, "--backend", "reference")
    assert "a practice model" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--top", "0"], "top"), (["--top", "5000"], "candidates"), (["--steps", "65"], "steps")],
)
def test_wrong_usage_is_exit_code_2(orchard, arguments, says):
    assert says in fails(2, "lookahead", orchard, *arguments)
