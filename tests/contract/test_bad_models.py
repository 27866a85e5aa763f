"""Files that are no good: each gives one clear error, never a crash, and nothing on the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from tests.models import TinyModel, random_weights, rewritten, tiny_model

ROOT = Path(__file__).parents[2]

LOAD, UNSUPPORTED, NOT_FINITE = "ModelLoadError", "UnsupportedModel", "NonFiniteLogits"

EXPECTED = {
    "sound": None,
    "missing path": LOAD,
    "directory": LOAD,
    "empty": LOAD,
    "random bytes": LOAD,
    "text": LOAD,
    "safetensors": LOAD,
    "magic only": LOAD,
    "magic and random bytes": LOAD,
    "bad version": LOAD,
    "cut in the first lines": LOAD,
    "cut in the vocabulary": LOAD,
    "half": LOAD,
    "last bytes missing": LOAD,
    "array without end": LOAD,
    "wrong block count": LOAD,
    "no epsilon": LOAD,
    "context beyond the memory": LOAD,
    "unknown architecture": UNSUPPORTED,
    "unknown tokenizer": UNSUPPORTED,
    "unknown pre-tokenizer": UNSUPPORTED,
    "embedding model": UNSUPPORTED,
    "not left to right": UNSUPPORTED,
    "nan in a norm": NOT_FINITE,
    "infinite output": NOT_FINITE,
}

ONLY_REFERENCE = {"quantised as Q4_0": UNSUPPORTED}


def _weights(value: float, name: str, model: TinyModel) -> dict[str, Any]:
    weights = random_weights(model.config, seed=0, tied=False)
    return {name: np.full_like(weights[name], value)}


@pytest.fixture(scope="module")
def files(
    tiny: Callable[[str], TinyModel], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Open options by case."""
    folder = tmp_path_factory.mktemp("bad")
    model = tiny("bpe")
    data = model.path.read_bytes()
    noise = np.random.default_rng(0).bytes(50_000)
    tokens = data.index(b"tokenizer.ggml.token_type") + len(b"tokenizer.ggml.token_type") + 8
    contents = {
        "empty": b"",
        "random bytes": noise,
        "text": b"This is not a model.\n" * 100,
        "safetensors": (64).to_bytes(8, "little") + b'{"__metadata__":{}}' + noise,
        "magic only": b"GGUF",
        "magic and random bytes": b"GGUF" + noise,
        "bad version": data[:4] + (99).to_bytes(4, "little") + data[8:],
        "cut in the first lines": data[:200],
        "cut in the vocabulary": data[: data.index(b"tokenizer.ggml.tokens") + 500],
        "half": data[: len(data) // 2],
        "last bytes missing": data[:-1000],
        "array without end": data[:tokens] + (2**60).to_bytes(8, "little") + data[tokens + 8 :],
        "no epsilon": data.replace(b"layer_norm_rms_epsilon", b"layer_norm_rms_epsilom"),
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / f"{name}.gguf"
        paths[name].write_bytes(content)

    uint32, boolean, text = (
        gguf.GGUFValueType.UINT32,
        gguf.GGUFValueType.BOOL,
        gguf.GGUFValueType.STRING,
    )
    changes: dict[str, dict[str, tuple[Any, gguf.GGUFValueType]]] = {
        "wrong block count": {"llama.block_count": (3, uint32)},
        "unknown tokenizer": {"tokenizer.ggml.model": ("zpm", text)},
        "unknown pre-tokenizer": {"tokenizer.ggml.pre": ("gpt-99", text)},
        "embedding model": {"llama.pooling_type": (1, uint32)},
        "not left to right": {"llama.attention.causal": (False, boolean)},
    }
    for name, change in changes.items():
        paths[name] = rewritten(model.path, folder / f"{name}.gguf", changes=change)
    paths["unknown architecture"] = rewritten(
        model.path, folder / "architecture.gguf", architecture="zlama"
    )
    paths["quantised as Q4_0"] = rewritten(
        model.path, folder / "q4.gguf", matrices=gguf.GGMLQuantizationType.Q4_0
    )
    for name, value, tensor in (
        ("nan in a norm", np.nan, "model.layers.0.input_layernorm.weight"),
        ("infinite output", np.inf, "lm_head.weight"),
    ):
        path = folder / f"{name}.gguf"
        paths[name] = tiny_model(path, "bpe", changes=_weights(value, tensor, model)).path
    paths |= {"missing path": folder / "none.gguf", "directory": folder, "sound": model.path}
    options: dict[str, dict[str, Any]] = {
        name: {"source": str(path)} for name, path in paths.items()
    }
    options["context beyond the memory"] = {"source": str(model.path), "n_ctx": 2_000_000_000}
    return options


@pytest.fixture(scope="module", params=["reference", "llama-cpp"])
def outcome(
    request: pytest.FixtureRequest,
    files: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, subprocess.CompletedProcess[bytes], dict[str, dict[str, str]]]:
    """A backend, the process that opened every file with it, and what came of each."""
    if request.param == "llama-cpp":
        pytest.importorskip("llama_cpp")
    folder = tmp_path_factory.mktemp("outcome")
    cases, out = folder / "cases.json", folder / "out.jsonl"
    cases.write_text(json.dumps(files))
    command = [
        sys.executable,
        "-m",
        "tests.contract.bad_models",
        request.param,
        str(cases),
        str(out),
    ]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    results = [json.loads(line) for line in out.read_text().splitlines()]
    return request.param, process, {result["name"]: result for result in results}


Outcome = tuple[str, "subprocess.CompletedProcess[bytes]", dict[str, dict[str, str]]]


def test_the_process_survives_in_silence(outcome: Outcome, files: dict[str, Any]) -> None:
    _, process, results = outcome
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")
    assert results.keys() == files.keys()


@pytest.mark.parametrize("name", [*EXPECTED, *ONLY_REFERENCE])
def test_one_clear_error(outcome: Outcome, name: str) -> None:
    backend, _, results = outcome
    result = results[name]
    expected = EXPECTED.get(name) if backend == "llama-cpp" else (EXPECTED | ONLY_REFERENCE)[name]
    assert result["error"] == expected, result
    if expected is not None:
        assert result["message"]
        assert result["reason"]
        assert result["hint"]
        assert "\n" not in result["line"]


def test_a_context_beyond_the_memory_names_the_option(outcome: Outcome) -> None:
    result = outcome[2]["context beyond the memory"]
    assert "--ctx" in result["hint"]
    assert "GiB" in result["reason"]
