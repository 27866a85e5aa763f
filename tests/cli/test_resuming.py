"""`--resume`, `--resume-from` and `replay` as programs see them; the workbench itself is in tests/ui and tests/e2e."""

import json

import pytest

from tests.command_line import ran
from tests.tables import table


@pytest.fixture
def orchard(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return table(tmp_path / "orchard.json")


def test_record_goes_on_where_a_trace_ended(orchard, tmp_path):
    half, whole, unbroken = (tmp_path / f"{name}.json" for name in ("half", "whole", "unbroken"))
    start = ("record", orchard, "--prompt", "Name a fruit:", "--seed", 5, "--top-p", 0.8)
    assert ran(*start, "--force", " Sure", "--steps", 4, "-o", half)[0] == 0
    assert ran("record", "--resume-from", half, "--steps", 3, "-o", whole)[0] == 0
    assert ran(*start, "--force", " Sure", "--steps", 7, "-o", unbroken)[0] == 0
    found, wanted = (json.loads(path.read_text()) for path in (whole, unbroken))
    assert [node["token_id"] for node in found["nodes"]] == [
        node["token_id"] for node in wanted["nodes"]
    ]
    assert found["samplers"] == wanted["samplers"]
    assert [each["op"] for each in found["actions"]] == [each["op"] for each in wanted["actions"]]


def test_a_named_model_takes_the_place_of_the_traces(orchard, tmp_path):
    half = tmp_path / "half.json"
    ran("record", orchard, "--prompt", "Name a fruit:", "--steps", 2, "-o", half)
    moved = table(tmp_path / "moved.json")
    (tmp_path / "orchard.json").unlink()
    assert ran("record", "--resume-from", half, "--steps", 1)[0] == 3
    assert ran("record", moved, "--resume-from", half, "--steps", 1)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--prompt", "Hello"), "brings its prompt and sampler along"),
        (("--system", "Be brief."), "brings its prompt and sampler along"),
        (("--top-p", "0.5"), "brings its prompt and sampler along"),
    ],
)
@pytest.mark.parametrize("command", ["run", "record"])
def test_what_a_session_brings_along_is_not_said_twice(orchard, tmp_path, command, arguments, says):
    half = tmp_path / "half.json"
    ran("record", orchard, "--prompt", "Name a fruit:", "--steps", 2, "-o", half)
    code, _, err = ran(command, "--resume-from", half, *arguments)
    assert code == 2
    assert says in err


def test_one_session_is_resumed(orchard, tmp_path):
    code, _, err = ran("run", "--resume", "--resume-from", tmp_path / "a.json")
    assert code == 2
    assert "exclude each other" in err
    code, _, err = ran("run", "--resume")
    assert code == 4
    assert "there is no session to resume" in err


@pytest.mark.parametrize("command", [("run", "--resume-from"), ("record", "--resume-from")])
@pytest.mark.parametrize("text", ["", "{}", "[1, 2", '{"format": "bftui-journal"}\n'])
def test_files_that_hold_no_session_are_exit_code_4(orchard, tmp_path, command, text):
    path = tmp_path / "what.json"
    path.write_text(text)
    code, out, err = ran(*command, path)
    assert (code, out) == (4, "")
    assert str(path) in err


@pytest.mark.parametrize("text", ["", "{}", "[1, 2", '{"format": "bftui-journal"}\n'])
def test_files_that_are_no_trace_are_not_replayed(tmp_path, text):
    path = tmp_path / "what.json"
    path.write_text(text)
    code, out, err = ran("replay", path)
    assert (code, out) == (4, "")
    assert str(path) in err


def test_a_replay_needs_a_terminal_and_no_model(orchard, tmp_path):
    half = tmp_path / "half.json"
    ran("record", orchard, "--prompt", "Name a fruit:", "--steps", 2, "-o", half)
    (tmp_path / "orchard.json").unlink()
    code, _, err = ran("replay", half)
    assert code == 2
    assert "needs a terminal" in err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("rollouts", {"samples": [{"token_ids": [1.5]}]}),
        ("rollouts", {"samples": [{"token_ids": [-1, 10**30]}]}),
        ("resampling", {"samples": [{}]}),
        ("rollouts", {"samples": 3}),
        ("lookahead", {"candidates": [{"id": "x"}]}),
        ("lookahead", {}),
        ("unknown", {"samples": [{"token_ids": [1.5]}]}),
    ],
)
def test_a_measurement_that_is_not_as_declared_stays_as_it_is(orchard, tmp_path, kind, result):
    half, whole = tmp_path / "half.json", tmp_path / "whole.json"
    ran("record", orchard, "--prompt", "Name a fruit:", "--steps", 2, "-o", half)
    trace = json.loads(half.read_text())
    odd = {"kind": kind, "node": 1, "settings": {}, "result": result}
    half.write_text(json.dumps({**trace, "measurements": [odd]}))
    assert ran("record", "--resume-from", half, "--steps", 1, "-o", whole)[0] == 0
    assert json.loads(whole.read_text())["measurements"] == [odd]
