"""`bftui horizon` as programs and people see it."""

import json

import pytest

import bftui
from bftui.measures.tree_growth import HorizonAsked
from bftui.results.codec import decode, encode
from bftui.results.horizon_result import HorizonOutput
from bftui.session.session import Session
from tests.command_line import bftui_, fails, interrupted
from tests.tables import table


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "h.json"
    done = bftui_("horizon", orchard, "--prompt", " I like", "--depth", 3, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads(out.read_text())
    assert decode(HorizonOutput, document).settings.mass == 0.95
    with bftui.open_model(orchard) as model:
        found = encode(Session(model, " I like").horizon(HorizonAsked(depth=3)).result())
    (told,) = document["models"]
    assert {name: told[name] for name in found} == found
    assert [each["depth"] for each in told["depths"]] == [1, 2, 3]
    assert told["texts_for_mass"].keys() == {"0.5", "0.8", "0.95"}


def test_models_stand_side_by_side(orchard, tmp_path):
    other = table(tmp_path / "other.json", name="other", default={" a": 0.9, " fruit": 0.1})
    asked = ["--prompt", " I", "--depth", 4, "--mass", 0.9, "--merge"]
    done = bftui_("horizon", orchard, other, *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tree BF") >= 4
    assert "orchard" in done.stdout
    assert "other" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    models = json.loads(bftui_("horizon", orchard, other, *asked, "--json").stdout)["models"]
    assert [each["facts"]["name"] for each in models] == ["orchard", "other"]
    assert models[0]["depths"][-1]["bf_low"] > models[1]["depths"][-1]["bf_high"]


def test_what_is_hostile_is_made_safe(tmp_path):
    rude = table(
        tmp_path / "rude.json", tokens=["<s>", "</s>", "\x1b[1m", "b"], default={"b": 0.5}, rules={}
    )
    done = bftui_("horizon", rude, "--prompt", "b", "--depth", 2)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout


def test_an_interrupted_tree_is_told_as_far_as_it_grew(tmp_path):
    slow = table(tmp_path / "slow.json", step_ms=30)
    arguments = ["horizon", slow, "--prompt", " I", "--depth", 6, "--json"]
    output, shown = interrupted(arguments, b"nodes")
    (told,) = json.loads(output)["models"]
    assert told["stop"] == "stopped"
    assert told["nodes"] > 0
    assert told["depths"][-1]["bf_low"] <= told["depths"][-1]["bf_high"]
    assert "interrupted: what is known of the tree is shown" in shown.splitlines()[-1]


def test_least_alone_reads_everything_as_probable(orchard):
    asked = ["--prompt", " I", "--depth", 5, "--json"]
    done = json.loads(bftui_("horizon", orchard, "--least", 0.001, *asked).stdout)
    assert done["settings"]["mass"] == 1
    assert done["models"][0]["stop"] == "least"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--depth", "0"], "a depth of 0 tokens is not in"),
        (["--mass", "1.5"], "a mass of 1.5 is not in"),
        (["--most", "0"], "a tree of 0 nodes"),
        (["--most", "100000000"], "a tree of 100000000 nodes"),
        (["--least", "1"], "a least probability of 1"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, asked, says):
    assert says in fails(2, "horizon", orchard, "--prompt", " I", *asked)


def test_texts_longer_than_the_context_are_told_in_one_line(orchard):
    line = fails(3, "horizon", orchard, "--prompt", " I", "--depth", "250", "--ctx", "64")
    assert "room for" in line
