"""A backend of another package is first class: listed, described, asked by doctor, completed, chosen and used."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from bftui.backends.registry import find
from bftui.cli.shared.options import backend_names
from tests.command_line import ask_only, bftui_, fails

SPEC = """
from bftui.backends.backend_spec import BackendSpec
from bftui.formats.model_facts import ModelFacts, Need, SourceKind


def facts(path):
    words = path.read_text().split()
    return ModelFacts(path.stem, "list", path.stat().st_size, title="a list", parameters=len(words), trained=64)


def needs(facts, spec):
    return Need(facts.bytes, 1000, spec.n_ctx or facts.trained, "listed", "f32", False)


LIST = SourceKind("list", "LIST", "list of words", facts, suffixes=(".list",))
SPEC = BackendSpec(
    "listed", (LIST,), "listed_model", needs=needs, libraries=("listed_library",), requirements=("listed-library>=3",)
)
"""

MODEL = """
import json, tempfile
from dataclasses import replace
from pathlib import Path

import listed_library
from bftui.backends.table import TableBackend


def open_model(spec, progress):
    tokens = ["<s>", "</s>", *(f" {word}" for word in Path(spec.source).read_text().split())]
    table = {"tokens": tokens, "bos": 0, "eog": [1], "default": dict.fromkeys(tokens[1:], 1 / len(tokens))}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(table, file)
        file.flush()
        backend = TableBackend(replace(spec, source=file.name), progress)
    backend.info = replace(
        backend.info, name=Path(spec.source).stem, source=spec.source, backend="listed", library="listed 3"
    )
    return backend


def probe():
    return "listed-library 3", ["abacus", "cpu"]
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, while a package with a backend for it is installed."""
    site = tmp_path / "site"
    info = site / "listed_backend-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: listed-backend\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[bftui.backends]\nlisted = listed_backend:SPEC\n")
    (site / "listed_backend.py").write_text(SPEC)
    (site / "listed_model.py").write_text(MODEL)
    (site / "listed_library.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for name in ("listed_backend", "listed_model", "listed_library"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "fruit.list").write_text("apple pear plum")
    return folder


def test_doctor_lists_it_and_asks_its_library(added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_only(monkeypatch, "listed")
    done = bftui_("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["backends"][-1] == {
        "name": "listed",
        "ready": True,
        "library": "listed-library 3",
        "devices": ["abacus", "cpu"],
        "missing": [],
        "problem": "",
        "command": None,
    }
    assert found["auto"]["list of words"] == "listed"


def test_a_folder_lists_its_models_with_their_need(added: Path) -> None:
    done = bftui_("models", added, "--json")
    model = json.loads(done.stdout)["models"][-1]
    assert (model["model"], model["kind"], model["backend"]) == (
        str(added / "fruit.list"),
        "list",
        "listed",
    )
    assert (model["name"], model["title"], model["n_ctx"]) == ("fruit", "a list", 64)
    assert (model["needs"], model["problem"]) == (15 + 1000, None)
    assert "listed_model" not in sys.modules, "listing imports nothing that opens models"


def test_auto_takes_it_for_its_own_files_and_sessions_are_recorded_with_it(
    added: Path, tmp_path: Path
) -> None:
    model, trace = added / "fruit.list", tmp_path / "trace.json"
    done = bftui_(
        "record", model, "--prompt", " pear", "--greedy", "--steps", 3, "-o", trace, worker=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(trace.read_text())["model"]["backend"] == "listed"
    assert bftui_("check", trace).returncode == 0
    info = json.loads(bftui_("info", model, "--json").stdout)
    assert (info["name"], info["backend"], info["library"]) == ("fruit", "listed", "listed 3")


def test_its_name_is_completed(added: Path) -> None:
    assert backend_names("li") == ["listed"]
    assert backend_names("")[0] == "auto"


def test_a_library_that_it_lacks_is_named_with_the_command_that_brings_it(
    added: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_only(monkeypatch, "listed")
    (added.parent / "site" / "listed_library.py").unlink()
    said = fails(3, "info", added / "fruit.list")
    assert "listed_library cannot be imported" in said
    assert "pip install 'listed-library>=3'" in said
    described = json.loads(bftui_("models", added, "--json").stdout)["models"][-1]
    assert described["problem"] == "listed is not installed: pip install 'listed-library>=3'"
    doctor = json.loads(bftui_("doctor", "--json").stdout)["backends"][-1]
    assert doctor["missing"] == ["listed_library"]
    assert doctor["command"].endswith("-m pip install 'listed-library>=3'")


@pytest.mark.parametrize(
    "code", ["import nothing_of_this_name", "SPEC = 3", "1 / 0", "import sys; sys.exit(0)"]
)
def test_one_that_is_broken_is_said_to_be_and_harms_no_other(added: Path, code: str) -> None:
    (added.parent / "site" / "listed_backend.py").write_text(code)
    found = find("listed")
    assert found is not None
    assert found.problem
    assert "cannot be imported" in fails(3, "info", "practice", "--backend", "listed")
    assert len(json.loads(bftui_("models", added, "--json").stdout)["models"]) == 5


def test_what_it_prints_when_it_is_imported_is_kept_off_the_result(added: Path) -> None:
    described = added.parent / "site" / "listed_backend.py"
    described.write_text(f"print('hello')\n{SPEC}")
    done = bftui_("models", added, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["models"][-1]["backend"] == "listed"


@pytest.mark.parametrize("function", ["facts(path)", "needs(facts, spec)"])
def test_a_function_of_it_that_fails_is_the_problem_of_its_models_alone(
    added: Path, function: str
) -> None:
    described = added.parent / "site" / "listed_backend.py"
    broken = SPEC.replace(
        f"def {function}:\n", f"def {function}:\n    raise RuntimeError('no idea')\n"
    )
    described.write_text(broken)
    done = bftui_("models", added, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    *others, model = json.loads(done.stdout)["models"]
    assert "no idea" in model["problem"]
    assert {each["problem"] for each in others} == {None}


def test_one_that_lacks_what_opens_models_is_said_to_be_broken(added: Path) -> None:
    (added.parent / "site" / "listed_model.py").write_text("")
    said = fails(3, "info", added / "fruit.list")
    assert "the backend listed cannot be imported" in said
    assert "open_model" in said
