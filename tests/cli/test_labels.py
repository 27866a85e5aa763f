"""What a model is called: its file or its directory, or the label that it is given; the same on every surface."""

import json
import shutil

import gguf
import pytest

import bftui
from bftui.formats.safetensors_file import directory_name
from bftui.model.loaded_model import PRACTICE_NOTE
from tests.command_line import bftui_, fails
from tests.families import family_directory
from tests.groups import TORCH
from tests.models import rewritten, tiny_model
from tests.tables import table

_NAME = gguf.GGUFValueType.STRING


@pytest.fixture
def renamed(tmp_path):
    """A GGUF file that calls itself otherwise than it is called."""
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    changes = {"general.name": ("Own Name 8k Mix1", _NAME)}
    return rewritten(plain, tmp_path / "Tiny-1M.Q4.gguf", changes=changes)


def recorded(*arguments):
    done = bftui_("record", *arguments, "--prompt", "The", "--steps", 1, "--threads", 1)
    assert done.returncode == 0, done.stderr
    return json.loads(arguments[arguments.index("-o") + 1].read_text())["model"]


@pytest.mark.parametrize(
    "backend", ["reference", "llama-cpp", pytest.param("transformers", marks=TORCH)]
)
def test_the_name_of_the_file_comes_first(renamed, backend):
    pytest.importorskip({"llama-cpp": "llama_cpp"}.get(backend, "numpy"))
    if backend == "transformers":
        pytest.importorskip("transformers")
    with bftui.open_model(renamed, backend=backend, threads=1) as model:
        assert (model.name, model.info.name) == ("Tiny-1M.Q4", "Tiny-1M.Q4")
        assert model.info.title == "Own Name 8k Mix1"
    with bftui.open_model(renamed, backend=backend, label="mine", threads=1) as model:
        assert (model.name, model.info.name, model.info.title) == (
            "mine",
            "mine",
            "Own Name 8k Mix1",
        )


def test_a_trace_holds_both_names(renamed, tmp_path):
    model = recorded(renamed, "-o", tmp_path / "a.json")
    assert (model["name"], model["title"]) == ("Tiny-1M.Q4", "Own Name 8k Mix1")
    model = recorded(renamed, "--label", "mine", "-o", tmp_path / "b.json")
    assert (model["name"], model["title"]) == ("mine", "Own Name 8k Mix1")


def test_a_part_of_a_set_is_called_as_the_set(tmp_path):
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    first = rewritten(plain, tmp_path / "Large.gguf", parts=2)
    pytest.importorskip("llama_cpp")
    with bftui.open_model(first, backend="llama-cpp") as model:
        assert model.info.name == "Large"


@TORCH
def test_a_directory_is_called_by_its_name_and_one_of_the_hub_by_its_repository(tmp_path):
    pytest.importorskip("transformers")
    snapshot = tmp_path / "models--some-org--Some-Model" / "snapshots" / ("0" * 40)
    family_directory(snapshot, "bpe")
    with bftui.open_model(snapshot, threads=1) as model:
        assert model.info.name == "some-org/Some-Model"
    link = tmp_path / "linked"
    link.symlink_to(snapshot)
    assert directory_name(link) == "linked"


def test_comparisons_do_not_rest_on_names(renamed, tmp_path):
    other = tmp_path / "other.gguf"
    shutil.copy(renamed, other)
    files = tmp_path / "a.json", tmp_path / "b.json"
    recorded(renamed, "--seed", 3, "-o", files[0])
    recorded(other, "--seed", 3, "--label", "second", "-o", files[1])
    assert bftui_("diff", *files).returncode == 0
    done = bftui_("check", files[0], "--model", other, "--label", "third", "--threads", 1)
    assert (done.returncode, "third on" in done.stdout) == (0, True)


def test_a_session_keeps_its_label(renamed, tmp_path):
    trace, more = tmp_path / "a.json", tmp_path / "b.json"
    recorded(renamed, "--label", "mine", "-o", trace)

    def resumed(*arguments):
        done = bftui_(
            *("record", "--resume-from", trace, *arguments),
            *("--steps", 1, "--threads", 1, "-o", more),
        )
        assert done.returncode == 0, done.stderr
        return json.loads(more.read_text())["model"]["name"]

    assert resumed() == "mine"
    assert resumed("--label", "now") == "now"


def test_a_practice_model_says_so_under_any_label(tmp_path):
    with bftui.open_model("practice", label="mine") as model:
        assert (model.info.name, model.info.note) == ("mine", PRACTICE_NOTE)
        assert model.name == "mine (a practice model)"
    model = recorded("practice", "--label", "mine", "-o", tmp_path / "a.json")
    assert (model["name"], model["note"]) == ("mine", PRACTICE_NOTE)


def test_several_models_have_labels_in_order(tmp_path):
    orchard = table(tmp_path / "orchard.json")
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"id": "a", "prompt": " the"}\n')
    asked = ("measure", orchard, orchard, "--prompts", prompts, "--samples", 2, "--max-tokens", 3)
    done = bftui_(*asked, "--label", "one", "--label", "two")
    assert done.returncode == 0, done.stderr
    assert "BF of one / BF of two" in done.stdout
    found = json.loads(bftui_(*asked, "--label", "one", "--json").stdout)
    assert [each["model"] for each in found["models"]] == ["one", orchard]
    assert found["models"][0]["facts"]["name"] == "one"
    assert "3 models of 2" in fails(2, *asked, *("--label", "a", "--label", "b", "--label", "c"))
    assert "needs a text" in fails(2, "record", orchard, "--label", " ")


def test_a_pair_has_its_labels():
    done = bftui_(
        *("shift", "practice", "practice-aligned", "--prompt", "Name a fruit."),
        *("--max-tokens", 3, "--label", "base", "--label", "aligned", "--json"),
    )
    assert done.returncode == 0, done.stderr
    models = json.loads(done.stdout)["models"]
    assert [models[which]["name"] for which in ("base", "aligned")] == ["base", "aligned"]
