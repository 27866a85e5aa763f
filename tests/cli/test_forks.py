"""`bftui forks` as programs and people see it."""

import json

import pytest

import bftui
from bftui.measures.forks import ForksAsked
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.command_line import bftui_, fails
from tests.tables import table


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "f.json"
    sizes = ["--continuations", 4, "--horizon", 5, "--open-share", 0.5]
    asked = ["--prompt", "I like", "--answer", " a red apple", *sizes]
    done = bftui_("forks", orchard, *asked, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    with bftui.open_model(orchard) as model:
        session = Session(model, "I like")
        session.force(" a red apple")
        found = encode(session.forks(ForksAsked(0.5, 4, 4, 5)).result())
    assert json.loads(done.stdout) == json.loads(out.read_text()) == found


def test_people_get_a_sentence_and_a_table(orchard):
    done = bftui_("forks", orchard, "--prompt", "I like\x1b[1m", "--steps", 8, "--horizon", 6)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "by chance" in done.stdout
    assert "→" in done.stdout
    # Two of eight tokens are the most open fifth.
    assert done.stdout.count("⟨") == 2 + 1
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--outcome", "("], "regular expression"),
        (["--open-share", "2"], "share"),
        (["--continuations", "1"], "continuations"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, asked, says):
    assert says in fails(2, "forks", orchard, "--prompt", "I", *asked)
