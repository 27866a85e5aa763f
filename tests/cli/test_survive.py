"""What ends a model's process ends nothing else: one line, exit code 3, and what was made is kept."""

import json
import os
import pwd

import gguf
import pytest

from tests.command_line import apart, bftui_, fails, interrupted
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


def failure(done):
    """The one line that a failed command says, after those that say which templates it takes."""
    *before, last = done.stderr.splitlines()
    assert all(line.startswith("bftui: templates: ") for line in before), done.stderr
    return last


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
    done = bftui_(command, *arguments, worker=True)
    assert done.returncode == 3
    said = failure(done)
    assert "SIGABRT" in said
    if at == 0:
        assert f"cannot open {tmp_path / 'crash0.json'}" in said


def test_what_was_made_before_an_abort_is_saved(tmp_path):
    out = tmp_path / "t.json"
    asked = ("--prompt", "x", "--top-p", 1, "-o", out)
    done = bftui_("record", crashing(tmp_path, 5), *asked, worker=True)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "SIGABRT" in done.stderr
    document = json.loads(out.read_text())
    assert len(document["nodes"]) == 4
    assert document["tokens"]
    checked = bftui_("check", out, "--model", crashing(tmp_path, 2), worker=True)
    assert (checked.returncode, checked.stderr.count("\n")) == (3, 1)


EPSILON = "llama.attention.layer_norm_rms_epsilon"
CHANGES = {
    "no blocks": {"llama.block_count": (0, gguf.GGUFValueType.UINT32)},
    "blocks without number": {"llama.block_count": (2**31, gguf.GGUFValueType.UINT32)},
    "negative epsilon": {EPSILON: (-1.0, gguf.GGUFValueType.FLOAT32)},
    "epsilon that is not a number": {EPSILON: (float("nan"), gguf.GGUFValueType.FLOAT32)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_aborts_the_library_is_one_line(tmp_path, name):
    pytest.importorskip("llama_cpp")
    sound = tiny_model(tmp_path / "sound.gguf", "bpe").path
    bad = rewritten(sound, tmp_path / "bad.gguf", changes=CHANGES[name])
    said = fails(3, "info", bad, worker=True)
    assert "bad.gguf" in said
    assert "another" in said


def test_a_measurement_finishes_what_can_be_measured(tmp_path, prompts):
    good, bad = table(tmp_path / "good.json", eog=[]), crashing(tmp_path, 0)
    size = ["--samples", 2, "--max-tokens", 3]
    out = tmp_path / "result.json"
    for models in ([good, bad], [bad, good]):
        done = bftui_("measure", *models, "--prompts", prompts, *size, "-o", out, worker=True)
        assert done.returncode == 3
        said = failure(done)
        assert "SIGABRT" in said
        assert "the other models are measured" in said
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
    done = bftui_(
        *("run", "--plain", good, "--prompt", "x"),
        stdin="".join(f"{line}\n" for line in lines),
        env={**os.environ, "HOME": str(tmp_path)},
        worker=True,
    )
    assert done.returncode == 3
    assert [line.count("SIGABRT") for line in done.stderr.splitlines()] == [1, 1]
    assert "the session goes on alone" in done.stderr
    assert "Node 4" in done.stdout.splitlines()[-2]


def test_a_plain_session_goes_on_with_the_model_opened_again(tmp_path):
    lines = "sample\nsample 5\nsample\nreload\nsample\n"
    done = bftui_(
        *("run", "--plain", crashing(tmp_path, 4), "--prompt", "x"),
        stdin=lines,
        env={**os.environ, "HOME": str(tmp_path)},
        worker=True,
    )
    assert done.returncode == 3
    assert done.stderr.count("reload opens the model again") == 2
    assert "4 nodes kept in" in done.stdout


def test_ctrl_c_stops_an_evaluation_that_does_not_end_and_keeps_what_is_made(tmp_path):
    hanging = table(tmp_path / "t.json", faults=[{"at": 5, "kind": "hang"}], eog=[])
    out = tmp_path / "t.out.json"
    _, shown = interrupted(["record", hanging, "--prompt", "x", "-o", out], b"step 3 of 64")
    assert "interrupted: kept the 3 tokens made so far" in shown
    assert len(json.loads(out.read_text())["nodes"]) == 4


# Disks and homes -------------------------------------------------------------------------------------------------


def limited(size, *arguments, lines=""):
    """Runs a command whose files may have so many bytes at most."""
    resource = pytest.importorskip("resource")
    return apart(
        *arguments,
        input=lines,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


def test_a_session_that_could_not_be_kept_is_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    good = table(tmp_path / "good.json", eog=[])
    done = limited(1000, "run", "--plain", good, "--prompt", "x", lines="sample 9\n")
    assert done.returncode == 1
    assert done.stderr.startswith("bftui: 10 nodes could not be kept: ")
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr


@pytest.mark.parametrize("size", [0, 1000])
def test_a_result_that_no_disk_holds_names_its_file(tmp_path, prompts, size):
    good = table(tmp_path / "good.json", eog=[])
    out = tmp_path / "out.json"
    for command in (
        ["record", good, "--prompt", "x", "--steps", 20],
        ["measure", good, "--prompts", prompts, "--samples", 3, "--max-tokens", 40],
    ):
        done = limited(size, *command, "-o", out)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert f"cannot write {out}" in done.stderr
        assert "make room" in done.stderr
        assert not out.exists()


HOMES = ["/dev/null", "file", "relative", "", None, "nobody knows it"]


def nobody(*who):
    """Stands for a system that knows nothing of who runs the program."""
    raise KeyError(who)


@pytest.mark.parametrize("home", HOMES)
def test_a_home_that_is_no_directory_ends_nothing(tmp_path, monkeypatch, home):
    (tmp_path / "file").write_text("")
    good = table(tmp_path / "good.json", eog=[])
    environment = {name: value for name, value in os.environ.items() if name[:4] != "XDG_"}
    del environment["HOME"]
    environment["TMPDIR"] = str(tmp_path)
    if home == "nobody knows it":
        for name in ("getpwuid", "getpwnam"):
            monkeypatch.setattr(pwd, name, nobody)
    elif home is not None:
        environment["HOME"] = str(tmp_path / "file") if home == "file" else home
    reachable = home in ("/dev/null", "file", "nobody knows it")
    for command, lines in {
        "config": "",
        "sessions": "",
        "themes": "",
        "models": "",
        f"run --plain {good} --prompt x": "sample 3\n",
    }.items():
        if command.startswith("run") and not reachable:
            # The journal would go to the home of whoever runs the tests.
            continue
        done = bftui_(*command.split(), stdin=lines, env=environment, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command
        if command.startswith("run"):
            assert "no journal can be written" in done.stdout
            assert "4 nodes saved in" in done.stdout
