"""What shows a practice model says that it is one: every command, every form of it, every trace."""

import json
import shutil

import pytest

import bftui
from bftui import practice
from bftui.model.loaded_model import PRACTICE_NOTE
from tests.command_line import bftui_


def said(*arguments):
    """What a command prints."""
    done = bftui_(*arguments, "--backend", "reference", "--threads", 1)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"id": "fruit", "prompt": "Name a fruit."}\n')
    return path


@pytest.mark.parametrize("name", practice.NAMES)
def test_every_report_says_that_it_is_a_practice_model(name, prompts, tmp_path):
    asked = ["--prompt", "Name a fruit."]
    few = ["--samples", 2, "--horizon", 2, "--controls", 2, "--only-matched"]
    assert PRACTICE_NOTE in said("info", name)
    assert json.loads(said("info", name, "--json"))["note"] == PRACTICE_NOTE
    reports = {
        "record": [*asked, "--steps", 2],
        "lookahead": [*asked, "--top", 2],
        "respond": [*asked, "--force", " Sure", *few],
        "measure": ["--prompts", prompts, "--samples", 2, "--max-tokens", 2],
    }
    for command, arguments in reports.items():
        out = tmp_path / f"{command}.json"
        text = said(command, name, *arguments, "-o", out)
        # A paragraph may be wrapped.
        assert PRACTICE_NOTE in " ".join(text.split()), command
        document = json.loads(out.read_text())
        notes = {
            "record": lambda found: [found["model"]["note"]],
            "measure": lambda found: found["models"][0]["notes"],
        }.get(command, lambda found: [found["note"]])
        assert PRACTICE_NOTE in notes(document), command
    assert PRACTICE_NOTE in said("record", name, *asked, "--steps", 0)


def test_a_copy_under_another_name_is_a_practice_model_too(tmp_path):
    copy = shutil.copy(practice.path("practice-aligned-small"), tmp_path / "mine.gguf")
    with bftui.open_model(copy, backend="reference") as model:
        assert model.is_practice
        assert model.info.note == PRACTICE_NOTE
        assert bftui.Session(model, "Hello").trace().as_dict()["model"]["note"] == PRACTICE_NOTE


def test_any_other_model_says_nothing(tmp_path):
    from tests.models import tiny_model

    path = tiny_model(tmp_path / "practice.gguf", "bpe").path
    with bftui.open_model(path, backend="reference") as model:
        assert not model.is_practice
        assert "note" not in bftui.Session(model, "Hello").trace().as_dict()["model"]
