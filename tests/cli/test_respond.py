"""`bftui respond` as programs see it: the same numbers as the Python interface, and what is left of a stopped run."""

import json

import pytest

import bftui
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.command_line import bftui_, fails, interrupted
from tests.tables import table

SMALL = ["--samples", 4, "--horizon", 6]


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "o.json"
    arguments = ["respond", orchard, "--prompt", "Name", "--force", " Sure", "--seed", 3, *SMALL]
    done = bftui_(*arguments, "--controls", 9, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    with bftui.open_model(orchard) as model:
        session = Session(model, "Name", seed=3)
        expected = encode(session.respond(" Sure", samples=4, horizon=6, controls=9).result())
    document = json.loads(done.stdout)
    # The command alone measures the floor that it is held against.
    within = document.pop("within_noise")
    assert within in (False, True, None)
    assert document == expected
    assert json.loads(out.read_text()) == {**expected, "within_noise": within}
    assert expected["verdict"] in ("narrows", "widens", "no effect", "undecided")
    assert (expected["samples"], expected["horizon"]) == (4, 6)


def test_several_texts_are_corrected_for_being_several(orchard):
    forces = ["--force", " Sure", "--force", " Here", "--force", " red"]
    done = bftui_("respond", orchard, *forces, *SMALL, "--only-matched", "--json")
    responses = json.loads(done.stdout)["responses"]
    assert [each["forced"]["text"] for each in responses] == [" Sure", " Here", " red"]
    assert all([kind["kind"] for kind in each["controls"]] == ["matched"] for each in responses)
    assert all(each["p_holm"] >= each["p"] for each in responses)


def test_people_get_a_table_a_verdict_and_what_it_means(orchard):
    done = bftui_("respond", orchard, "--force", " Sure\x1b[1m", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    for word in ("matched", "free", "neutral", "random", "top1", "against matched controls"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--force"),
        (["--force", ""], "no text to force"),
        (["--force", " a", "--samples", "0"], "samples"),
        (["--force", " a", "--controls", "0"], "controls"),
        (["--force", " a", "--controls", "999"], "controls"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, arguments, says):
    assert says in fails(2, "respond", orchard, *arguments)


def test_an_interrupted_run_says_what_was_measured_and_gives_no_verdict(tmp_path):
    """The model hangs while the controls are measured."""
    hangs = table(tmp_path / "t.json", faults=[{"at": 20, "kind": "hang"}])
    arguments = ["respond", hangs, "--force", " a", "--horizon", 5, "--samples", 2, "--json"]
    output, _ = interrupted(arguments, b"matched control")
    document = json.loads(output)
    assert (document["verdict"], document["delta"], document["controls"]) == (None, None, [])
    assert document["forced"]["bf"] >= 1
