"""`bftui calibrate` as programs and people see it."""

import json

import pytest

import bftui
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.command_line import bftui_, fails
from tests.tables import table

SET = "words:apple|pear|red apple"


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


def test_the_document_is_that_of_the_python_interface(orchard, tmp_path):
    out = tmp_path / "c.json"
    asked = ["--prompt", "I like", "--template", "raw", "--valid", SET, "--top-p", 0.7]
    done = bftui_("calibrate", orchard, *asked, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads(out.read_text())
    assert list(tmp_path.glob("*.partial")) == []
    with bftui.open_model(orchard) as model:
        session = Session(model, "I like", template="raw", top_p=0.7)
        found = encode(session.calibrate(["apple", "pear", "red apple"]).result())
    assert {name: document[name] for name in found} == found
    assert {"validity", "diversity", "order", "shape", "steps", "frontier"} <= set(document)
    assert {"auc", "oracle_recall", "inversions"} <= set(document["order"])
    assert set(document["shape"]) == {"gap", "evenness"}
    assert set(document["frontier"][0]) >= {"rule", "value", "temperature", "validity", "diversity"}


def test_people_get_numbers_a_picture_and_what_they_are(orchard):
    done = bftui_("calibrate", orchard, "--prompt", "I like\x1b[31m", "--valid", SET)
    assert done.returncode == 0, done.stderr
    for words in ("validity", "diversity", "order:", "shape:", "precision", "Red", "oracle"):
        assert words.lower() in done.stdout.lower()
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_named_set_asks_its_own_question(orchard):
    done = bftui_("calibrate", orchard, "--valid", "coin", "--no-frontier")
    assert done.returncode == 0, done.stderr
    assert "Toss a fair coin" in done.stdout
    assert "page" in done.stdout
    assert "has no question of its own" in fails(2, "calibrate", orchard, "--valid", SET)


def test_several_models_stand_side_by_side_and_one_that_fails_stops_no_other(orchard, tmp_path):
    other = table(tmp_path / "other.json", name="other", default={" pear": 0.5, "</s>": 0.4})
    asked = ["--prompt", "I like", "--valid", SET, "--no-frontier", "--json"]
    document = json.loads(bftui_("calibrate", orchard, other, *asked).stdout)
    assert [each["model"] for each in document["models"]] == [orchard, other]
    assert document["models"][0]["validity"] != document["models"][1]["validity"]
    # A vocabulary that cannot write the answers.
    poor = table(
        tmp_path / "poor.json", tokens=["<s>", "</s>", " x"], default={" x": 0.5}, rules={}
    )
    done = bftui_("calibrate", orchard, poor, "--prompt", " x", *asked[2:])
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_each_prompt_may_have_a_set_of_its_own(orchard, tmp_path):
    prompts = tmp_path / "p.jsonl"
    lines = [
        {"id": "a", "prompt": "I like"},
        {"id": "b", "prompt": "Sure", "valid": ["is", "Here"]},
        {"id": "c", "prompt": "Sure", "valid": "yes-no"},
    ]
    prompts.write_text("".join(json.dumps(each) + "\n" for each in lines))
    asked = ["--prompts", prompts, "--valid", SET, "--no-frontier"]
    document = json.loads(bftui_("calibrate", orchard, *asked, "--json").stdout)
    assert [each["answers_in_set"] for each in document["prompts"]] == [3, 2, 2]
    shown = bftui_("calibrate", orchard, *asked).stdout
    assert all(f"\n{name} " in shown for name in "abc")


def test_a_set_in_a_file_and_one_by_a_pattern_are_the_same_as_listed(orchard, tmp_path):
    listed, pattern = tmp_path / "set.txt", "regex:(red )?apple|pear"
    listed.write_text("apple\npear\nred apple\n")
    asked = ["--prompt", "I like", "--no-frontier", "--json", "--valid"]
    found = [
        json.loads(bftui_("calibrate", orchard, *asked, each).stdout)
        for each in (SET, str(listed), pattern)
    ]
    assert len({each["validity"] for each in found}) == 1
    assert len({each["settings"]["valid"] for each in found}) == 3


@pytest.mark.parametrize(
    ("code", "asked", "says"),
    [
        (2, ["--valid", "us-state"], "us-states"),
        (4, ["--valid", "nowhere.txt"], "nowhere.txt"),
        (2, ["--valid", "regex:a*"], "for ever"),
        (2, ["--valid", "digits:0"], "digits"),
        (2, ["--valid", "range:9-1"], "range"),
        (2, ["--valid", SET, "--end", "two tokens"], "terminator"),
        (2, ["--valid", SET, "--end", "pear"], "holds"),
        (4, ["--valid", "EMPTY"], "EMPTY"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(orchard, tmp_path, code, asked, says):
    (tmp_path / "EMPTY").write_text("\n\n")
    asked = [str(tmp_path / "EMPTY") if each == "EMPTY" else each for each in asked]
    assert says in fails(code, "calibrate", orchard, "--prompt", "I like", *asked)
