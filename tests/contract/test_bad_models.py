"""Files that are not good: each gives one clear error, never a crash, and nothing on the terminal."""

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

from bftui.core.errors import ModelError
from bftui.formats.model_facts import GGUF, read
from tests.groups import one_process
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
    "Git LFS pointer": LOAD,
    "web page": LOAD,
    "version 1": UNSUPPORTED,
    "version 4": UNSUPPORTED,
    "big-endian": UNSUPPORTED,
    "later part": LOAD,
    "part without the others": LOAD,
    "part of a model": UNSUPPORTED,
    "LoRA adapter": UNSUPPORTED,
    "tokenizer of an encoder": UNSUPPORTED,
    "no tokenizer": UNSUPPORTED,
    "a token twice": LOAD,
    "no layers": LOAD,
    "layers without end": LOAD,
    "a negative epsilon": LOAD,
    "an epsilon that is not a number": LOAD,
    "experts that are not there": LOAD,
    "scaled in an unknown way": UNSUPPORTED,
    "matrices of whole numbers": UNSUPPORTED,
    "one matrix in double precision": UNSUPPORTED,
    "a norm of whole numbers": UNSUPPORTED,
    "a wider embedding than its tensors": LOAD,
    "more heads than its tensors": LOAD,
    "half a turn": LOAD,
    "a wider layer than its tensors": LOAD,
    "a start token beyond the vocabulary": None,
    "a context of 0 tokens": None,
    "a context of -1 tokens": None,
}

OWN = {
    "reference": {"quantised as Q4_0": UNSUPPORTED, "norms as F16": None, "no heads": UNSUPPORTED},
    "llama-cpp": {"quantised as Q4_0": None, "norms as F16": UNSUPPORTED, "no heads": LOAD},
    "transformers": {
        "quantised as Q4_0": None,
        "norms as F16": None,
        "no heads": LOAD,
        "no epsilon": UNSUPPORTED,
    },
}
"""What another backend runs, or refuses in another way."""


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
        "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "web page": b"<!doctype html><html><title>404</title></html>",
        "version 1": data[:4] + (1).to_bytes(4, "little") + data[8:],
        "version 4": data[:4] + (4).to_bytes(4, "little") + data[8:],
        "big-endian": data[:4] + (3).to_bytes(4, "big") + data[8:],
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / f"{name}.gguf"
        paths[name].write_bytes(content)

    kinds = gguf.GGUFValueType
    uint32, boolean, text, array = kinds.UINT32, kinds.BOOL, kinds.STRING, kinds.ARRAY
    float32 = kinds.FLOAT32
    doubled = [*model.vocabulary.tokens[:-1], model.vocabulary.tokens[300]]
    changes: dict[str, dict[str, tuple[Any, gguf.GGUFValueType]]] = {
        "wrong block count": {"llama.block_count": (3, uint32)},
        "unknown tokenizer": {"tokenizer.ggml.model": ("zpm", text)},
        "unknown pre-tokenizer": {"tokenizer.ggml.pre": ("gpt-99", text)},
        "embedding model": {"llama.pooling_type": (1, uint32)},
        "not left to right": {"llama.attention.causal": (False, boolean)},
        "part of a model": {"general.type": ("mmproj", text)},
        "LoRA adapter": {"general.type": ("adapter", text)},
        "tokenizer of an encoder": {"tokenizer.ggml.model": ("bert", text)},
        "no tokenizer": {"tokenizer.ggml.model": ("none", text)},
        "a token twice": {"tokenizer.ggml.tokens": (doubled, array)},
        "no layers": {"llama.block_count": (0, uint32)},
        "layers without end": {"llama.block_count": (2**31, uint32)},
        "a negative epsilon": {"llama.attention.layer_norm_rms_epsilon": (-1.0, float32)},
        "an epsilon that is not a number": {
            "llama.attention.layer_norm_rms_epsilon": (float("nan"), float32)
        },
        "experts that are not there": {"llama.expert_used_count": (2, uint32)},
        "scaled in an unknown way": {"llama.rope.scaling.type": ("spiral", text)},
        "a wider embedding than its tensors": {"llama.embedding_length": (2**20, uint32)},
        "more heads than its tensors": {"llama.attention.head_count_kv": (2**20, uint32)},
        "no heads": {"llama.attention.head_count": (0, uint32)},
        "half a turn": {"llama.rope.dimension_count": (7, uint32)},
        "a wider layer than its tensors": {"llama.feed_forward_length": (161, uint32)},
        "a start token beyond the vocabulary": {"tokenizer.ggml.bos_token_id": (99999, uint32)},
        "a context of 0 tokens": {"llama.context_length": (0, uint32)},
        "a context of -1 tokens": {"llama.context_length": (2**32 - 1, uint32)},
    }
    for name, change in changes.items():
        paths[name] = rewritten(model.path, folder / f"{name}.gguf", changes=change)
    paths["unknown architecture"] = rewritten(
        model.path, folder / "architecture.gguf", architecture="zlama"
    )
    paths["quantised as Q4_0"] = rewritten(
        model.path, folder / "q4.gguf", matrices=gguf.GGMLQuantizationType.Q4_0
    )
    whole, double = np.ones((64, 64), dtype=np.int32), np.ones((64, 64))
    half = np.ones(64, dtype=np.float16)
    for name, tensors in {
        "matrices of whole numbers": {
            f"blk.{layer}.attn_{part}.weight": whole for layer in (0, 1) for part in ("q", "output")
        },
        "one matrix in double precision": {"blk.1.attn_q.weight": double},
        "a norm of whole numbers": {"blk.0.attn_norm.weight": whole[0]},
        "norms as F16": {f"blk.{layer}.attn_norm.weight": half for layer in (0, 1)},
    }.items():
        paths[name] = rewritten(model.path, folder / f"{name}.gguf", tensors=tensors)
    rewritten(model.path, folder / "split.gguf", parts=3)
    paths["later part"] = folder / "split-00002-of-00003.gguf"
    alone = folder / "alone"
    alone.mkdir()
    paths["part without the others"] = rewritten(model.path, alone / "split.gguf", parts=3)
    (alone / "split-00002-of-00003.gguf").unlink()
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


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=one_process(f"bad models, {name}"))
        for name in ("reference", "llama-cpp", "transformers")
    ],
)
def outcome(
    request: pytest.FixtureRequest,
    files: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, subprocess.CompletedProcess[bytes], dict[str, dict[str, str]]]:
    """A backend, the process that opened every file with it, and what came of each."""
    library = {"llama-cpp": "llama_cpp", "transformers": "transformers"}.get(request.param)
    if library is not None:
        pytest.importorskip(library)
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


@pytest.mark.parametrize("name", [*EXPECTED, *OWN["reference"]])
def test_one_clear_error(outcome: Outcome, name: str) -> None:
    backend, _, results = outcome
    result = results[name]
    expected = (EXPECTED | OWN[backend])[name]
    assert result["error"] == expected, result
    if expected is not None:
        assert result["message"]
        assert result["reason"]
        assert result["hint"]
        assert "\n" not in result["line"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_list_of_models_says_the_same(
    outcome: Outcome, files: dict[str, dict[str, Any]], name: str
) -> None:
    result = outcome[2][name]
    listed = _listed(files[name]["source"])
    if listed is not None and listed.reason != "it is not a regular file":
        assert (result["message"], result["reason"]) == (listed.message, listed.reason)


def _listed(path: str) -> ModelError | None:
    """What a list of models says against one."""
    try:
        read(GGUF, path)
    except ModelError as error:
        return error
    return None


def test_only_what_is_cut_short_is_to_be_downloaded_again(outcome: Outcome) -> None:
    again = {
        name for name, result in outcome[2].items() if "download it again" in result.get("hint", "")
    }
    assert again == {
        *("empty", "magic only", "magic and random bytes", "bad version"),
        *("cut in the first lines", "cut in the vocabulary", "half", "last bytes missing"),
        "array without end",
    }


def test_a_context_beyond_the_memory_names_the_option(outcome: Outcome) -> None:
    result = outcome[2]["context beyond the memory"]
    assert "--ctx" in result["hint"]
    assert "GiB" in result["reason"]
