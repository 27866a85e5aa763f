"""`--special`: control tokens that are written on the command line; and what a prompt's file holds beside its text."""

import json

import pytest

from tests.command_line import bftui_
from tests.models import tiny_model

END, USER = 3, 2


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("special") / "tiny.gguf", "bpe").path


def recorded(*arguments):
    done = bftui_("record", *arguments, "--backend", "reference", "--steps", 0, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def forced(document):
    return [node["token_id"] for node in document["nodes"] if node["source"] == "forced"]


def test_control_tokens_of_a_prompt_and_of_a_forced_text(model, tmp_path):
    written = [model, "--prompt", "<|user|>a", "--force", "b<|end|>"]
    plain, _ = recorded(*written)
    assert USER not in plain["prompt"]["token_ids"]
    assert END not in forced(plain)
    assert "special" not in plain["prompt"]
    document, _ = recorded(*written, "--special", "tokens")
    assert document["prompt"]["token_ids"][1] == USER
    assert forced(document)[-1] == END
    assert document["nodes"][-1]["eog"]
    assert document["prompt"]["special"] == "tokens"
    actions = tmp_path / "actions.json"
    actions.write_text('[{"force": "b<|user|>"}]')
    document, _ = recorded(model, "--actions", actions, "--special", "tokens")
    assert forced(document)[-1] == USER
    trace = tmp_path / "t.json"
    trace.write_text(json.dumps(document))
    again, _ = recorded(model, "--like", trace)
    assert forced(again) == forced(document)
    on, _ = recorded("--resume-from", trace, "--force", "c<|user|>", "--special", "tokens")
    assert forced(on)[-1] == USER


def test_an_end_inside_a_forced_text_is_refused(model):
    forcing = ("--force", "a<|end|>b", "--special", "tokens")
    done = bftui_("record", model, "--backend", "reference", *forcing)
    assert done.returncode == 2
    assert "goes on after an end of generation" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_mark_goes_and_a_line_end_at_the_end_of_a_file_is_told_of(model, tmp_path):
    file = tmp_path / "p.txt"
    file.write_bytes(b"\xef\xbb\xbfThe river\n")
    document, told = recorded(model, "--prompt-file", file)
    assert document["prompt"]["text"] == "The river\n"
    assert told == "bftui: the prompt ends in a line end, which is part of it\n"
    file.write_bytes(b"The river")
    document, told = recorded(model, "--prompt-file", file)
    assert (document["prompt"]["text"], told) == ("The river", "")
