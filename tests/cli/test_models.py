"""`bftui models`: the facts of the picker, printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bftui.cli import run
from bftui.practice import NAMES
from tests.models import tiny_model
from tests.ui.driver import table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    tiny_model(path / "sound.gguf", "bpe", chat_template="{{ messages[0].content }}")
    (path / "cut.gguf").write_bytes((path / "sound.gguf").read_bytes()[:-9])
    (path / "odd\x1b[31m.gguf").write_bytes(b"GGUF")
    (path / "empty").mkdir()
    table(path / "scripted.json", name="scripted")
    return path


def test_json_holds_every_fact(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["models", str(folder), "--json", "--ctx", "300", "--backend", "reference"]
    assert run(asked) == 0
    listed = {each["model"]: each for each in json.loads(capsys.readouterr().out)["models"]}
    assert set(NAMES) < set(listed)
    sound = listed[str(folder / "sound.gguf")]
    parameters = sound["parameters"]
    assert sound == {
        "model": str(folder / "sound.gguf"),
        "kind": "gguf",
        "name": "sound",
        "title": "tiny-bpe",
        "architecture": "llama",
        "stored": "F32",
        "parameters": parameters,
        "bytes": (folder / "sound.gguf").stat().st_size,
        "n_ctx_train": 1024,
        "chat_template": True,
        "backend": "reference",
        "n_ctx": 300,
        "needs": sound["needs_weights"] + sound["needs_context"],
        "needs_weights": 4 * parameters,
        "needs_context": 300 * 2 * 4 * 2 * 2 * 16,
        "memory": sound["memory"],
        "fits": True,
        "problem": None,
    }
    cut = listed[str(folder / "cut.gguf")]
    assert (cut["needs"], cut["fits"]) == (None, None)
    assert "cut short" in cut["problem"]
    scripted = listed[f"table:{folder / 'scripted.json'}"]
    assert (scripted["kind"], scripted["backend"], scripted["needs_context"]) == (
        *("table", "table"),
        0,
    )


def test_the_table_fits_and_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bftui.catalog.model_summary.available_memory", lambda: 1 << 20)
    monkeypatch.chdir(folder)
    assert run(["models"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == [
        *("model", "stored", "params", "size", "needs", "context", "chat"),
    ]
    shown = out.split("\n\n")[0].splitlines()
    assert max(map(len, shown)) <= 80
    assert "cut.gguf: ✗ it is cut short" in out
    assert "sound.gguf: ⚠ does not fit: 1 MiB of memory are free" in out
    assert "\x1b" not in out
    assert "empty" not in out


def test_a_folder_that_cannot_be_read_is_exit_code_4(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (folder / "nowhere", folder / "sound.gguf"):
        assert run(["models", str(wrong)]) == 4
        assert "cannot look into" in capsys.readouterr().err


def test_a_result_never_replaces_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "sound.gguf").read_bytes()
    assert run(["models", str(folder), "-o", str(folder / "sound.gguf")]) == 2
    assert (folder / "sound.gguf").read_bytes() == before
