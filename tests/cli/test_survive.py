"""What ends a model's process ends nothing else: one line, exit code 3, and what was made is kept."""

import json
import os
import subprocess
import sys

import gguf
import pytest

from tests.cli.test_commands import bftui_, fails
from tests.models import rewritten, tiny_model
from tests.tables import table

LINE = '{"id": "a", "prompt": "x"}\n'


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text(LINE)
    return path


def crashing(folder, at, **changes):
    """A table whose process aborts natively at an evaluation; at 0 while it is opened."""
    faults = [{"at": at, "kind": "crash"}]
    return table(folder / f"crash{at}.json", faults=faults, eog=[], **changes)


COMMANDS = {
    "info": "{bad}",
    "record": "{bad} --prompt x",
    "lookahead": "{bad} --prompt x",
    "respond": "{bad} --prompt x --force a",
    "lexicon": "{bad} --prompts {prompts}",
    "measure": "{bad} --prompts {prompts}",
    "shift": "{good} {bad} --prompts {prompts}",
    "nudge": "{good} --with {bad} --prompts {prompts}",
    "run": "{bad} --plain --prompt x",
}


@pytest.mark.parametrize(
    ("command", "at"),
    [(name, at) for name in COMMANDS for at in (0, 1) if (name, at) != ("info", 1)],
)
def test_an_abort_in_native_code_is_one_line(tmp_path, prompts, command, at):
    """While the model is opened, and at its first evaluation."""
    named = {"good": table(tmp_path / "good.json", eog=[]), "prompts": prompts}
    arguments = COMMANDS[command].format(bad=crashing(tmp_path, at), **named).split()
    done = bftui_(command, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "SIGABRT" in done.stderr
    if at == 0:
        assert f"cannot open {tmp_path / 'crash0.json'}" in done.stderr


def test_what_was_made_before_an_abort_is_saved(tmp_path):
    out = tmp_path / "t.json"
    done = bftui_("record", crashing(tmp_path, 5), "--prompt", "x", "--top-p", 1, "-o", out)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "SIGABRT" in done.stderr
    document = json.loads(out.read_text())
    assert len(document["nodes"]) == 4
    assert document["tokens"]
    checked = bftui_("check", out, "--model", crashing(tmp_path, 2))
    assert (checked.returncode, checked.stderr.count("\n")) == (3, 1)


EPSILON = "llama.attention.layer_norm_rms_epsilon"
CHANGES = {
    "no blocks": {"llama.block_count": (0, gguf.GGUFValueType.UINT32)},
    "blocks without number": {"llama.block_count": (2**31, gguf.GGUFValueType.UINT32)},
    "negative epsilon": {EPSILON: (-1.0, gguf.GGUFValueType.FLOAT32)},
    "epsilon that is no number": {EPSILON: (float("nan"), gguf.GGUFValueType.FLOAT32)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_aborts_the_library_is_one_line(tmp_path, name):
    pytest.importorskip("llama_cpp")
    sound = tiny_model(tmp_path / "sound.gguf", "bpe").path
    bad = rewritten(sound, tmp_path / "bad.gguf", changes=CHANGES[name])
    said = fails(3, "info", bad)
    assert "bad.gguf" in said
    assert "try" in said or "download" in said


def test_a_measurement_finishes_what_can_be_measured(tmp_path, prompts):
    good, bad = table(tmp_path / "good.json", eog=[]), crashing(tmp_path, 0)
    size = ["--samples", 2, "--max-tokens", 3]
    out = tmp_path / "result.json"
    for models in ([good, bad], [bad, good]):
        done = bftui_("measure", *models, "--prompts", prompts, *size, "-o", out)
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
        assert "SIGABRT" in done.stderr
        assert "the other models are measured" in done.stderr
        document = json.loads(out.read_text())
        assert [each["model"] for each in document["models"]] == [good]
        assert [each["model"] for each in document["failed"]] == [bad]
        assert document["ratios"] == []
        assert "95 % interval" in done.stdout
        out.unlink()
        assert list(tmp_path.glob("*.partial")) == []


def test_a_partner_that_ends_leaves_the_plain_session(tmp_path):
    good = table(tmp_path / "good.json", eog=[])
    lines = [
        *("sample", f"partner {crashing(tmp_path, 0)}", "sample"),
        *(f"partner {crashing(tmp_path, 2)}", "sample", "sample", "where"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bftui", "run", "--plain", good, "--prompt", "x"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 3
    assert [line.count("SIGABRT") for line in done.stderr.splitlines()] == [1, 1]
    assert "the session goes on alone" in done.stderr
    assert "Node 4" in done.stdout.splitlines()[-2]


def test_a_plain_session_goes_on_with_the_model_opened_again(tmp_path):
    lines = "sample\nsample 5\nsample\nreload\nsample\n"
    done = subprocess.run(
        [sys.executable, "-m", "bftui", "run", "--plain", crashing(tmp_path, 4), "--prompt", "x"],
        input=lines,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 3
    assert done.stderr.count("reload opens the model again") == 2
    assert "4 nodes kept in" in done.stdout
