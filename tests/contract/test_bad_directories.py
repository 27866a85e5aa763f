"""Directories that are not good: each gives one clear error, never a crash, and nothing on the terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bftui.core.errors import ModelError
from bftui.formats.model_facts import DIRECTORY, read
from tests.contract.test_bad_models import LOAD, NOT_FINITE, ROOT, UNSUPPORTED
from tests.groups import needs, one_process

needs("transformers")

# One process opens all of them: only one of those that share the tests is to start it.
pytestmark = one_process("bad directories")

MISSING, CAPABILITY = "MissingDependency", "CapabilityError"

Change = Callable[[Path], None]


def _config(**changes: Any) -> Change:
    def change(path: Path) -> None:
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | changes))

    return change


def _file(name: str, content: bytes) -> Change:
    return lambda path: void((path / name).write_bytes(content))


def _gone(*names: str) -> Change:
    def change(path: Path) -> None:
        for name in names:
            (path / name).unlink()

    return change


def void(_value: object) -> None:
    """Nothing."""


def _weights(name: str, edit: Callable[[Any], Any]) -> Change:
    """Replaces one tensor by what `edit` makes of it; None leaves it out."""

    def change(path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        tensors = load_file(path / "model.safetensors")
        edited = edit(tensors.pop(name))
        if edited is not None:
            tensors[name] = edited
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})

    return change


def _cut(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _pickled(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def _one_part_of_two(path: Path) -> None:
    parts = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = json.dumps({"metadata": {}, "weight_map": parts})
    (path / "model.safetensors.index.json").write_text(index)


def _index(*names: str) -> Change:
    """An index in place of the one file, which becomes `own.safetensors`."""

    def change(path: Path) -> None:
        (path / "model.safetensors").rename(path / "own.safetensors")
        index = {"metadata": {}, "weight_map": dict(zip("abc", names, strict=False))}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


def _pickled_in_a_folder(path: Path) -> None:
    """What a check of names without their folders would take for sound."""
    shutil.copy(path / "model.safetensors", path / "a.bin")
    _index("sub/a.bin")(path)
    (path / "sub").mkdir()
    (path / "sub" / "a.bin").write_bytes(b"pickled")


def _whole_numbers(path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path / "model.safetensors")
    whole = {name: np.rint(tensor * 100).astype(np.int8) for name, tensor in tensors.items()}
    save_file(whole, path / "model.safetensors", metadata={"format": "pt"})


def _tokenizer(**changes: Any) -> Change:
    def change(path: Path) -> None:
        state = json.loads((path / "tokenizer.json").read_text())
        (path / "tokenizer.json").write_text(json.dumps(state | changes))

    return change


def _ends(value: Any) -> Change:
    return _file("generation_config.json", json.dumps({"eos_token_id": value}).encode())


def _only(**config: Any) -> Change:
    return _file("config.json", json.dumps(config).encode())


def _adapter(path: Path) -> None:
    """What PEFT saves: a tokenizer, the adapter, and which model it changes."""
    _gone("config.json")(path)
    (path / "model.safetensors").rename(path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "base_model_name_or_path": "someone/base"}
    (path / "adapter_config.json").write_text(json.dumps(config))


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 94000000\n"
_MOST_BYTES = 9_000_000 * 1024
"""Of memory, as the system counts what is mapped, too: one that took all there is would be seen here."""

_PANIC = {"type": "FixedLength", "length": 0}
"""What the tokenizers library panics on, by itself writing to the standard error."""

_REMOTE = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"}
_NORM = "model.norm.weight"

CASES: dict[str, tuple[str | None, Change]] = {
    "sound": (None, void),
    "no model": (LOAD, lambda path: [file.unlink() for file in path.iterdir()] and None),
    "no config": (LOAD, _gone("config.json")),
    "config is not JSON": (LOAD, _file("config.json", b"{nope")),
    "config is a list": (LOAD, _file("config.json", b"[1]")),
    "config says nothing": (LOAD, _file("config.json", b"{}")),
    "config of a negative size": (LOAD, _config(hidden_size=-4)),
    "config of a word for a size": (LOAD, _config(hidden_size="wide")),
    "config without heads": (LOAD, _config(num_attention_heads=0)),
    "more layers than weights": (LOAD, _config(num_hidden_layers=3)),
    "fewer layers than weights": (LOAD, _config(num_hidden_layers=1)),
    "no layers": (LOAD, _config(num_hidden_layers=0)),
    "attention of a library that is not there": (
        None,
        _config(attn_implementation="flash_attention_2"),
    ),
    "layers without end": (LOAD, _config(num_hidden_layers=10**9)),
    "other shapes than its config": (LOAD, _config(hidden_size=128)),
    "another vocabulary than its config": (LOAD, _config(vocab_size=10)),
    "unknown architecture": (UNSUPPORTED, _config(model_type="zlama", architectures=["Zlama"])),
    "code of its own": (UNSUPPORTED, _config(model_type="own", auto_map=_REMOTE)),
    "an encoder": (UNSUPPORTED, _config(model_type="bert", architectures=["BertForMaskedLM"])),
    "encoder and decoder": (
        UNSUPPORTED,
        _config(model_type="t5", architectures=["T5ForConditionalGeneration"]),
    ),
    "quantised for another library": (
        MISSING,
        _config(quantization_config={"quant_method": "gptq", "bits": 4}),
    ),
    "weights are missing": (LOAD, _gone("model.safetensors")),
    "weights are empty": (LOAD, _file("model.safetensors", b"")),
    "weights are random bytes": (
        LOAD,
        _file("model.safetensors", np.random.default_rng(0).bytes(5000)),
    ),
    "weights are text": (LOAD, _file("model.safetensors", b"not a model\n" * 99)),
    "weights are cut short": (LOAD, _cut),
    "weights are pickled": (LOAD, _pickled),
    "a part is missing": (LOAD, _one_part_of_two),
    "index of no sense": (LOAD, _file("model.safetensors.index.json", b"[]")),
    "index leads elsewhere": (
        LOAD,
        _file("model.safetensors.index.json", b'{"weight_map": {"a": "../../../etc/passwd"}}'),
    ),
    "index leads to another directory": (LOAD, _index("../sound/model.safetensors")),
    "index leads to pickled weights": (LOAD, _pickled_in_a_folder),
    "an index beside the file that would be read": (
        LOAD,
        _file("model.safetensors.index.json", b'{"weight_map": {"a": "b.safetensors"}}'),
    ),
    "weights are whole numbers": (LOAD, _whole_numbers),
    "labels without end": (LOAD, _config(num_labels=10**9)),
    "architectures are a number": (LOAD, _config(architectures=5)),
    "attention from a repository": (UNSUPPORTED, _config(attn_implementation="them/kernel")),
    "answers as tuples": (None, _config(return_dict=False)),
    "a context of a negative length": (None, _config(max_position_embeddings=-1)),
    "an end that is a word": (LOAD, _ends("zz")),
    "an end that is a list of lists": (LOAD, _ends([[1]])),
    "a tensor is missing": (LOAD, _weights(_NORM, lambda tensor: None)),
    "a tensor of another shape": (LOAD, _weights(_NORM, lambda tensor: tensor[:-1].copy())),
    "nan in a norm": (NOT_FINITE, _weights(_NORM, lambda tensor: tensor * np.float32(np.nan))),
    "infinite output": (NOT_FINITE, _weights(_NORM, lambda tensor: tensor * np.float32(np.inf))),
    "no tokenizer": (LOAD, _gone("tokenizer.json", "tokenizer_config.json")),
    "no tokenizer but its config": (LOAD, _gone("tokenizer.json")),
    "a template that is not a text": (
        None,
        _file("tokenizer_config.json", b'{"chat_template": {"default": 5}}'),
    ),
    "tokenizer panics": (LOAD, _tokenizer(pre_tokenizer=_PANIC)),
    "tokenizer writes less than its own words": (
        LOAD,
        _tokenizer(model={"type": "WordLevel", "vocab": {"hi": 4}, "unk_token": "none"}),
    ),
    "tokenizer is not JSON": (LOAD, _file("tokenizer.json", b"{")),
    "tokenizer is empty": (LOAD, _file("tokenizer.json", b"{}")),
    "config says only what it is": (LOAD, _only(model_type="llama")),
    "config says only how wide it is": (LOAD, _only(model_type="llama", hidden_size=64)),
    "config says only how deep it is": (LOAD, _only(model_type="llama", num_hidden_layers=2)),
    "wider than its weights": (LOAD, _config(hidden_size=65536)),
    "more words than its weights": (LOAD, _config(vocab_size=10**9)),
    "wider inside than its weights": (LOAD, _config(intermediate_size=10**9)),
    "more heads than its weights": (
        LOAD,
        _config(num_attention_heads=2**20, num_key_value_heads=2**20),
    ),
    "experts without end": (LOAD, _config(num_local_experts=10**9)),
    "weights are a Git LFS pointer": (LOAD, _file("model.safetensors", _POINTER)),
    "tokenizer is a Git LFS pointer": (LOAD, _file("tokenizer.json", _POINTER)),
    "config is a Git LFS pointer": (LOAD, _file("config.json", _POINTER)),
    "weights are a web page": (LOAD, _file("model.safetensors", b"<!doctype html><p>Log in")),
    "an adapter": (UNSUPPORTED, _adapter),
    "a tokenizer alone": (UNSUPPORTED, _gone("config.json", "model.safetensors")),
    "an embedding model": (UNSUPPORTED, _file("modules.json", b"[]")),
    "a model without a head": (UNSUPPORTED, _config(architectures=["LlamaModel"])),
    "a classifier": (UNSUPPORTED, _config(architectures=["LlamaForSequenceClassification"])),
}

OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "context beyond the memory": (LOAD, {"n_ctx": 2_000_000_000}),
    "a cache of another type": (CAPABILITY, {"kv": "f16", "dtype": "float32"}),
    "a device that is not there": (
        CAPABILITY,
        {"device": "mps" if sys.platform != "darwin" else "cuda"},
    ),
}


Results = dict[str, dict[str, str]]


def _bounded() -> None:
    """Ends what takes too much memory, and nothing beside it."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))


@pytest.fixture(scope="module")
def outcome(
    family_file: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[bytes], Results]:
    """The process that opened every directory, and what came of each."""
    folder = tmp_path_factory.mktemp("directories")
    sound = family_file("transformers", "bpe")
    cases: dict[str, dict[str, Any]] = {}
    for name, (_, change) in CASES.items():
        path = folder / name
        shutil.copytree(sound, path)
        change(path)
        cases[name] = {"source": str(path)}
    cases |= {name: {"source": str(sound), **given} for name, (_, given) in OPTIONS.items()}
    given, out = folder / "cases.json", folder / "out.jsonl"
    given.write_text(json.dumps(cases))
    command = [sys.executable, "-m", "tests.contract.bad_models", "transformers", given, out]
    process = subprocess.run(
        command, cwd=ROOT, capture_output=True, timeout=180, check=False, preexec_fn=_bounded
    )
    results = [json.loads(line) for line in out.read_text().splitlines()]
    return process, {result["name"]: result for result in results}


def test_the_process_survives_in_silence(
    outcome: tuple[subprocess.CompletedProcess[bytes], Results],
) -> None:
    process, results = outcome
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")
    assert results.keys() == {*CASES, *OPTIONS}


@pytest.mark.parametrize("name", [*CASES, *OPTIONS])
def test_one_clear_error(
    outcome: tuple[subprocess.CompletedProcess[bytes], Results], name: str
) -> None:
    result = outcome[1][name]
    expected = (CASES | OPTIONS)[name][0]
    assert result["error"] == expected, result
    if expected is not None:
        assert result["message"]
        assert result["reason"]
        assert result["hint"]
        assert "\n" not in result["line"]
        assert len(result["line"]) < 600


@pytest.mark.parametrize("name", CASES)
def test_a_list_of_models_says_the_same(
    outcome: tuple[subprocess.CompletedProcess[bytes], Results], name: str
) -> None:
    result = outcome[1][name]
    listed = _listed(result["source"])
    if listed is not None:
        assert (result["message"], result["reason"]) == (listed.message, listed.reason)
        assert result["hint"] == listed.hint


def _listed(path: str) -> ModelError | None:
    """What a list of models says against one."""
    try:
        read(DIRECTORY, path)
    except ModelError as error:
        return error
    return None


def test_memory_is_bounded_by_the_headers(
    outcome: tuple[subprocess.CompletedProcess[bytes], Results],
) -> None:
    reasons = {name: result.get("reason", "") for name, result in outcome[1].items()}
    assert "does not say how large" in reasons["config says only what it is"]
    assert "describes a model of" in reasons["config says only how deep it is"]
    assert "no tensor is as wide" in reasons["wider inside than its weights"]
    assert "hidden_size is 65536 in its config, and 64" in reasons["wider than its weights"]
    assert "vocab_size is 1000000000" in reasons["more words than its weights"]


def test_running_out_of_memory_is_an_error_of_the_model() -> None:
    from bftui.backends.transformers.hf_library import out_of_memory, torch
    from bftui.core.errors import ModelError

    with pytest.raises(ModelError, match="--ctx"), out_of_memory("cpu", "this evaluation"):
        torch.empty(2**55)
    with pytest.raises(ModelError, match="--device cpu"), out_of_memory("cuda", "the model"):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="another"), out_of_memory("cpu", "this evaluation"):
        raise RuntimeError("another fault")
