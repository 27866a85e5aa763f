"""`bftui calibrate` as programs and people see it."""

import json
import re

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
    # What was found is said first, and in words.
    assert "\n\nAn answer is valid " in done.stdout.split("diversity")[0]
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
    # Who asked for two finds a list, also of one.
    assert [each["model"] for each in json.loads(done.stdout)["models"]] == [orchard]


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
    # The table of all stands before what is told of the first.
    assert "and 2 more prompts" in shown
    assert shown.index("\nc ") < shown.index("\nThe first prompt, a:\nAn answer is valid ")


@pytest.mark.parametrize(
    ("valid", "says"),
    [
        ([], "no valid answers"),
        (["apple", ""], "empty answer"),
        ("us-state", "neither a valid set"),
        ("range:9-1", "9 is above 1"),
        ("nowhere.txt", "nowhere.txt"),
    ],
)
def test_a_bad_set_of_a_prompt_is_told_with_the_file_and_the_prompt(orchard, tmp_path, valid, says):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(json.dumps({"id": "b7", "prompt": "Sure", "valid": valid}))
    said = fails(4, "calibrate", orchard, "--valid", SET, "--prompts", prompts)
    assert says in said
    assert f"{prompts}: prompt b7: " in said


def test_nothing_is_kept_where_nothing_was_measured(orchard, tmp_path):
    out = tmp_path / "c.json"
    asked = ["--prompt", "I like", "--valid", SET, "--end", "pear", "-o", out]
    assert "what is finished" not in fails(2, "calibrate", orchard, *asked)
    assert list(tmp_path.glob("c.json*")) == []


def test_an_answer_that_ends_past_the_context_is_named_before_the_work(orchard):
    asked = ["--prompt", "I like", "--valid", "words:pear|a red red red apple", "--ctx", 5]
    said = fails(3, "calibrate", orchard, *asked)
    assert "'a red red red apple' is" in said.replace("' a red", "'a red")
    assert "context of 5" in said


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
        (2, ["--valid", "regex:(?=a)b"], "regex"),
        (4, ["--valid", "schema:nowhere.json"], "nowhere.json"),
        (2, ["--valid", "digits:0"], "digits"),
        (2, ["--valid", "range:9-1"], "range"),
        (2, ["--valid", SET, "--end", "two tokens"], "terminator"),
        (2, ["--valid", SET, "--end", "pear"], "holds"),
        (2, ["--valid", ""], "'' is neither a valid set"),
        (4, ["--valid", "EMPTY"], "EMPTY"),
        (4, ["--valid", "LIST"], '{"valid"'),
        (4, ["--valid", "schema:SCHEMA"], "SCHEMA is not JSON"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(orchard, tmp_path, code, asked, says):
    (tmp_path / "EMPTY").write_text("\n\n")
    (tmp_path / "LIST").write_text('["apple",\n"pear"]')
    (tmp_path / "SCHEMA").write_text("{")
    asked = [
        re.sub("EMPTY|LIST|SCHEMA", lambda found: str(tmp_path / found[0]), each) for each in asked
    ]
    assert says in fails(code, "calibrate", orchard, "--prompt", "I like", *asked)


def test_answers_that_go_on_for_ever_are_read_along_some_of_them(orchard, tmp_path):
    asked = ["--prompt", "I like", "--valid", "regex:(red )*(apple|pear)", "--json"]
    found = json.loads(bftui_("calibrate", orchard, *asked).stdout)
    assert found["how"] == "grammar"
    assert found["settings"]["valid"] == "regex:(red )*(apple|pear)"
    assert 0 < found["order"]["auc"] <= 1
    assert (found["diversity"], found["shape"]) == (None, None)
    assert any("for ever" in note for note in found["notes"])
    shown = bftui_("calibrate", orchard, *asked[:-1]).stdout
    assert "order alone" in " ".join(shown.split())
    schema = tmp_path / "s.json"
    schema.write_text('{"type": "integer"}')
    done = bftui_(
        "calibrate", orchard, "--prompt", "I like", "--valid", f"schema:{schema}", "--json"
    )
    assert json.loads(done.stdout)["how"] == "grammar"
