"""Scaled rotary embeddings of GGUF files: every backend computes the numbers of llama.cpp, or refuses the file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from bftui.backends.registry import installed, open_backend
from bftui.core.errors import UnsupportedModel
from bftui.formats.open_spec import OpenSpec
from bftui.formats.rotary import rotation
from tests.contract.conftest import as_numpy, quiet
from tests.families import family_gguf
from tests.groups import TORCH
from tests.models import rewritten, tiny_model

pytestmark = TORCH

_ORIGINAL = 32
"""Tokens of the context that the scaled models were trained with at first; the texts are longer."""

_TEXT = [(7 * i * i + 3 * i) % 600 + 4 for i in range(96)]

_F32, _U32, _TEXT_KIND = (
    gguf.GGUFValueType.FLOAT32,
    gguf.GGUFValueType.UINT32,
    gguf.GGUFValueType.STRING,
)


def _scaling(kind: str, factor: float = 4.0, **more: float) -> dict[str, tuple[Any, Any]]:
    """Metadata of a scaled Llama."""
    found: dict[str, tuple[Any, Any]] = {
        "rope.scaling.type": (kind, _TEXT_KIND),
        "rope.scaling.factor": (factor, _F32),
        "rope.scaling.original_context_length": (_ORIGINAL, _U32),
    }
    return found | {f"rope.scaling.{name}": (value, _F32) for name, value in more.items()}


_EIGHT = np.float32([1, 1.5, 2, 2.5, 3, 4, 6, 8])
_LONG = {
    "rope_factors_long.weight": _EIGHT,
    "rope_factors_short.weight": np.float32([1, 1, 1, 1.1, 1.2, 1.3, 1.4, 1.5]),
}

Changes = Mapping[str, tuple[Any, Any]]

CASES: dict[str, tuple[Changes, Mapping[str, Any]]] = {
    "plain": ({}, {}),
    "factors": ({}, {"rope_freqs.weight": _EIGHT}),
    "linear": (_scaling("linear"), {}),
    "linear, not named": ({"rope.scaling.factor": (4.0, _F32)}, {}),
    "linear, by its old name": ({"rope.scale_linear": (4.0, _F32)}, {}),
    "none, with a factor": (_scaling("none"), {}),
    "yarn": (_scaling("yarn"), {}),
    "yarn, attention": (_scaling("yarn", attn_factor=0.8), {}),
    "yarn, shrunk": (_scaling("yarn", 0.5), {}),
    "yarn and factors": (_scaling("yarn"), {"rope_freqs.weight": _EIGHT}),
    "linear, attention": (_scaling("linear", attn_factor=1.3), {}),
    "longrope": (_scaling("longrope", 1.0, attn_factor=1.19), _LONG),
    "another base": ({"rope.freq_base": (500.0, _F32)}, {}),
}


@pytest.fixture(scope="module", params=CASES)
def scaled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama file with one kind of rotary embedding."""
    changes, tensors = CASES[request.param]
    folder = tmp_path_factory.mktemp("scaled")
    plain = tiny_model(folder / "plain.gguf", "bpe").path
    named = {f"llama.{name}": change for name, change in changes.items()}
    return rewritten(plain, folder / "scaled.gguf", changes=named, tensors=tensors)


@cache
def _rows(backend: str, path: Path, n_ctx: int = 128) -> np.ndarray[Any, Any]:
    """Logits after every token of the text, (tokens, n_vocab)."""
    opened = open_backend(OpenSpec(str(path), backend, n_ctx=n_ctx, threads=1, device="cpu"), quiet)
    try:
        return np.array([as_numpy(row) for row in opened.path_logits(_TEXT[:1], _TEXT[1:])])
    finally:
        opened.close()


@pytest.mark.parametrize("backend", ["reference", "transformers"])
def test_a_scaled_llama_has_the_numbers_of_llama_cpp(backend: str, scaled: Path) -> None:
    for library in ("llama-cpp", backend):
        if not installed(library):
            pytest.skip(f"{library} is not installed")
    ours, theirs = _rows(backend, scaled), _rows("llama-cpp", scaled)
    assert np.abs(ours - theirs).max() < 2e-4
    assert np.abs(ours - theirs)[_ORIGINAL:].max() < 2e-4


def test_every_scaling_is_another_model(tmp_path: Path) -> None:
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    rows = []
    for number, (changes, tensors) in enumerate(CASES.values()):
        named = {f"llama.{name}": change for name, change in changes.items()}
        path = rewritten(plain, tmp_path / f"{number}.gguf", changes=named, tensors=tensors)
        rows.append(_rows("reference", path))
    names = list(CASES)
    same = {
        frozenset((names[i], names[j]))
        for i in range(len(rows))
        for j in range(i)
        if np.abs(rows[i] - rows[j]).max() < 0.1
    }
    linear = ("linear", "linear, not named", "linear, by its old name")
    assert same == {
        frozenset(("plain", "none, with a factor")),
        *(frozenset((a, b)) for a in linear for b in linear if a != b),
    }


@pytest.mark.parametrize("backend", ["reference", "llama-cpp", "transformers"])
def test_the_context_that_was_asked_for_chooses_the_factors_of_longrope(
    backend: str, tmp_path: Path
) -> None:
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    changes = {
        "llama.rope.scaling.type": ("longrope", _TEXT_KIND),
        "llama.rope.scaling.original_context_length": (100, _U32),
    }
    path = rewritten(plain, tmp_path / "long.gguf", changes=changes, tensors=_LONG)
    short = {"rope_freqs.weight": _LONG["rope_factors_short.weight"]}
    long = {"rope_freqs.weight": _LONG["rope_factors_long.weight"]}
    for n_ctx, tensors in ((100, short), (101, long)):
        expected = rewritten(plain, tmp_path / f"{n_ctx}.gguf", tensors=tensors)
        rows = _rows(backend, path, n_ctx)
        assert np.abs(rows - _rows("reference", expected, n_ctx)).max() < 2e-4


def test_yarn_as_its_paper_has_it() -> None:
    values = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": 8.0,
        "rope.scaling.original_context_length": 2048,
    }
    found = rotation(values.get, lambda name: None, dims=64, n_ctx=4096)
    plain = 10000.0 ** (-np.arange(32) / 32)
    # Of the fastest pairs nothing is scaled, of the slowest everything.
    turns = 2048 * plain / (2 * np.pi)
    assert np.allclose(found.frequencies[turns > 45], plain[turns > 45])
    assert np.allclose(found.frequencies[turns < 0.7], plain[turns < 0.7] / 8)
    assert found.magnitude == pytest.approx(1 + 0.1 * np.log(8))


# What is not known --------------------------------------------------------------------------------------------------

_UNKNOWN: dict[str, tuple[Any, Any]] = {
    "attention.scale": (0.5, _F32),
    "attn_logit_softcapping": (30.0, _F32),
    "final_logit_softcapping": (30.0, _F32),
    "logit_scale": (0.5, _F32),
    "embedding_scale": (12.0, _F32),
    "residual_scale": (0.5, _F32),
    "attention.sliding_window": (16, _U32),
    "attention.clamp_kqv": (1.0, _F32),
    "attention.max_alibi_bias": (8.0, _F32),
    "rope.scaling.yarn_log_multiplier": (0.1, _F32),
    "something.new": (3, _U32),
}


@pytest.mark.parametrize("backend", ["reference", "transformers"])
@pytest.mark.parametrize("name", _UNKNOWN)
def test_a_setting_that_a_backend_does_not_know_is_refused(
    backend: str, name: str, tmp_path: Path
) -> None:
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    changes = {f"llama.{name}": _UNKNOWN[name]}
    path = rewritten(plain, tmp_path / "unknown.gguf", changes=changes)
    with pytest.raises(UnsupportedModel, match="llama-cpp") as caught:
        _rows(backend, path)
    assert f"llama.{name}" in caught.value.reason


@pytest.mark.parametrize("backend", ["reference", "transformers"])
def test_a_setting_that_asks_for_nothing_is_no_reason(backend: str, tmp_path: Path) -> None:
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    changes = {
        "llama.expert_count": (0, _U32),
        "llama.attn_logit_softcapping": (0.0, _F32),
        "llama.logit_scale": (1.0, _F32),
        "llama.rope.scaling.finetuned": (True, gguf.GGUFValueType.BOOL),
    }
    path = rewritten(plain, tmp_path / "neutral.gguf", changes=changes)
    assert np.array_equal(_rows(backend, path), _rows(backend, plain))


@pytest.mark.parametrize("backend", ["reference", "transformers"])
@pytest.mark.parametrize("name", ["blk.0.attn_q.bias", "blk.1.ffn_gate.bias", "odd.weight"])
def test_a_tensor_that_nobody_reads_is_refused(backend: str, name: str, tmp_path: Path) -> None:
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    plain = tiny_model(tmp_path / "plain.gguf", "bpe").path
    more = {name: np.ones(64, dtype=np.float32)}
    path = rewritten(plain, tmp_path / "more.gguf", tensors=more)
    with pytest.raises(UnsupportedModel) as caught:
        _rows(backend, path)
    assert name in caught.value.reason


def test_another_architecture_is_scaled_alike(tmp_path: Path) -> None:
    for library in ("llama-cpp", "transformers"):
        if not installed(library):
            pytest.skip(f"{library} is not installed")
    pre = {"tokenizer.ggml.pre": ("gpt-2", _TEXT_KIND)}
    qwen = family_gguf(tmp_path / "qwen.gguf", "qwen")
    plain = rewritten(qwen, tmp_path / "plain.gguf", changes=pre)
    named = {f"qwen2.{name}": change for name, change in _scaling("yarn").items()}
    path = rewritten(qwen, tmp_path / "scaled.gguf", changes=pre | named)
    ours, theirs = _rows("transformers", path), _rows("llama-cpp", path)
    assert np.abs(ours - theirs).max() < 5e-4
    assert np.abs(ours - _rows("transformers", plain)).max() > 0.1


def test_windows_that_transformers_would_lay_otherwise_are_refused(tmp_path: Path) -> None:
    if not installed("transformers"):
        pytest.skip("transformers is not installed")
    path = family_gguf(tmp_path / "gemma.gguf", "gemma")
    with pytest.raises(UnsupportedModel) as caught:
        _rows("transformers", path)
    assert "attention.sliding_window_pattern" in caught.value.reason
