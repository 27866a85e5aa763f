"""MODEL forms and backends by name: what is opened with what, and what is said when that cannot be."""

import importlib.util
import subprocess
import sys

import pytest

from bftui import practice
from bftui.backends import registry
from bftui.core.errors import MissingDependency, ModelLoadError, UsageError
from bftui.model.model_forms import resolve
from tests.families import family_directory

real = importlib.util.find_spec


@pytest.fixture
def without_llama(monkeypatch):
    """An install without the extra: nothing finds the library."""
    hide = {"llama_cpp"}
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name in hide else real(name))


def test_the_practice_model_is_the_default():
    assert resolve().source == str(practice.path())
    assert resolve("practice") == resolve()


def test_a_gguf_file_runs_on_llama_cpp_where_it_is_installed():
    pytest.importorskip("llama_cpp")
    assert resolve(str(practice.path())).backend == "llama-cpp"
    assert resolve(str(practice.path()), "reference").backend == "reference"


def test_a_plain_install_takes_the_reference(without_llama):
    assert resolve("practice").backend == "reference"


def test_a_missing_extra_is_named_with_the_command_that_brings_it(without_llama):
    with pytest.raises(MissingDependency) as raised:
        resolve("practice", "llama-cpp")
    assert "pip install 'bftui[llama]'" in raised.value.line()
    assert raised.value.exit_code == 3


def test_the_practice_model_runs_with_the_base_install_only():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('llama_cpp', 'torch', 'transformers'):\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from bftui.backends import registry\n"
        "registry.installed = lambda name: name != 'llama-cpp'\n"
        "import bftui, bftui.model.loaded_model as m\n"
        "m.installed = registry.installed\n"
        "model = bftui.open_model()\n"
        "print(model.info.backend, bftui.Session(model, 'Q:').step().id)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "reference 1\n", done.stderr


def test_a_directory_runs_on_transformers(tmp_path):
    pytest.importorskip("transformers")
    family_directory(tmp_path / "model", "bpe")
    assert resolve(str(tmp_path / "model")).backend == "transformers"


def test_a_directory_without_the_extra_is_named_with_the_command(tmp_path, monkeypatch):
    hide = {"torch", "transformers"}
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name in hide else real(name))
    family_directory(tmp_path / "model", "bpe")
    with pytest.raises(MissingDependency) as raised:
        resolve(str(tmp_path / "model"))
    assert "pip install 'bftui[transformers]'" in raised.value.line()


@pytest.mark.parametrize(
    ("model", "backend", "error", "says"),
    [
        ("none.gguf", "auto", ModelLoadError, "does not exist"),
        ("practice-huge", "auto", ModelLoadError, "practice"),
        ("practice", "none", UsageError, "no backend 'none'"),
        ("tests", "auto", ModelLoadError, "no config.json"),
        ("bftui/practice/data", "auto", ModelLoadError, "open bftui/practice/data/practice"),
        ("http://127.0.0.1:1/v1", "auto", ModelLoadError, "GGUF"),
        ("hf:org/name", "auto", ModelLoadError, "GGUF"),
    ],
)
def test_what_cannot_be_opened_says_why(model, backend, error, says):
    with pytest.raises(error, match=says):
        resolve(model, backend)
