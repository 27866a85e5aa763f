"""`--template page` and `urial` on the command line: what the model is given, and where a text stops."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import bftui_, fails
from tests.tables import table

EXAMPLES = Path(__file__).parents[2] / "examples" / "urial-short.jsonl"


@pytest.fixture
def paging(tmp_path):
    """Answers " Fig." and goes on with the next question."""
    after = {":": " Fig.", " Fig.": "\n", "\n": "Q", "Q": ":"}
    rules = {json.dumps([token]): {following: 1.0} for token, following in after.items()}
    tokens = ["<s>", "</s>", *"A:\nQ W?", " Fig."]
    return table(tmp_path / "t.json", tokens=tokens, rules=rules, default={})


def test_record_stops_where_the_answer_does(paging, tmp_path):
    out = tmp_path / "o.json"
    arguments = ["record", paging, "--prompt", "W?", "--template", "page", "-o", out]
    done = bftui_(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Q: W?\nA: Fig.\n\n4 tokens, stopped at ⏎Q: · BF along")
    document = json.loads(out.read_text())
    assert document["prompt"]["template"] == "page"
    assert document["prompt"]["rendered"] == "<s>Q: W?\nA:"
    assert len(document["path"]) == 5
    assert not any(node["eog"] for node in document["nodes"])
    on = bftui_(*arguments, "--ignore-eos", "--steps", 6)
    assert "6 tokens, not ended" in on.stdout


def test_actions_stop_too_and_add_turns(paging, tmp_path):
    actions = tmp_path / "actions.json"
    actions.write_text('[{"step": 9}, {"turn": "W?"}, {"step": 9}]')
    done = bftui_("record", paging, "--prompt", "W?", "--template", "page", "--actions", actions)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Q: W?\nA: Fig.\nQ: W?\nA: Fig.\n\n8 tokens, stopped at ⏎Q:")


def test_urial_is_for_any_model_and_no_other_name_is():
    done = bftui_(
        "record",
        "--backend",
        "reference",
        "--prompt",
        "Name a fruit.",
        "--template",
        "urial",
        "--examples",
        EXAMPLES,
        "--steps",
        1,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Instruction\n")
    assert "urial" in fails(2, "record", "--template", "pages")
