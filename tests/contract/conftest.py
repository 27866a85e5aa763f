"""Every backend and every family that the contract is held against: `CASES`, and how each is opened."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bftui.backends.protocol import F32, Backend, Logits
from bftui.backends.registry import open_backend
from bftui.core.mixed_logits import StackedLogits
from bftui.formats.open_spec import OpenSpec
from bftui.model.model_forms import resolve
from tests.families import FAMILIES, family_directory, family_gguf
from tests.groups import TORCH, one_process
from tests.models import LONG_WORD, TinyModel, tiny_model

_FAMILIES = {
    "reference": ("bpe", "spm"),
    "llama-cpp": tuple(FAMILIES),
    "transformers": tuple(FAMILIES),
}
_LIBRARIES = {"llama-cpp": "llama_cpp", "transformers": "transformers"}

CASES = [f"{backend}-{family}" for backend, families in _FAMILIES.items() for family in families]
CASES.append("table")


def grouped(name: str) -> Any:
    """The parameter `backend` or `backend-family`: one process opens its models, and one alone imports torch."""
    marks = TORCH if name.startswith("transformers") else one_process(name)
    return pytest.param(name, marks=marks)


TABLE_EOG = 260


@dataclass(frozen=True)
class Case:
    """One backend with one model.

    Attributes:
        spec: opens it.
        slow: the same with loading and evaluations that take long enough to be cancelled.
        eog: its end-of-generation tokens.
        padding: ids past the tokenizer's.
        recurrent: whether the model's memory cannot be cut back.
        steps: how many tokens the test of memory walks.
        tolerance: largest difference of logits that batch shapes may make.
    """

    name: str
    spec: OpenSpec
    slow: OpenSpec
    eog: frozenset[int]
    padding: range = range(0)
    recurrent: bool = False
    steps: int = 3_000
    tolerance: float = 1e-4

    def open(self, **changes: Any) -> Backend:
        return open_backend(replace(self.spec, **changes), quiet)


def as_numpy(row: Logits) -> F32:
    """Logits of any backend as an array, of a mixture a row for each model; it may share its memory with them."""
    if isinstance(row, StackedLogits):
        return row.rows
    array: F32 = np.asarray(row.cpu() if hasattr(row, "cpu") else row)
    return array


def close(case: Case, a: Logits, b: Logits) -> bool:
    """Whether two rows of logits are the same but for the shapes of the batches that they come from."""
    return bool(np.abs(as_numpy(a) - as_numpy(b)).max() <= case.tolerance)


def ids(backend: Backend, count: int, seed: int = 3) -> list[int]:
    """Ids of the whole vocabulary, padding included, drawn evenly."""
    rng = np.random.default_rng(seed)
    return [int(i) for i in rng.integers(0, backend.info.n_vocab, count)]


def quiet(_share: float | None, _text: str) -> bool:
    """Progress that nobody watches."""
    return True


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TinyModel]:
    """The tiny models "bpe" and "spm", each written once."""
    folder = tmp_path_factory.mktemp("models")
    models: dict[str, TinyModel] = {}

    def get(kind: Any) -> TinyModel:
        if kind not in models:
            models[kind] = tiny_model(folder / f"tiny-{kind}.gguf", kind)
        return models[kind]

    return get


def _table(path: Path, milliseconds: float) -> Path:
    words = [b" the", b" river", b" bridge", f" {LONG_WORD}".encode()]
    tokens = [{"bytes": base64.b64encode(bytes([i])).decode()} for i in range(256)]
    tokens += [{"bytes": base64.b64encode(word).decode()} for word in words]
    rules = {
        '[" the"]': {" river": 0.5, " bridge": 0.25},
        '[" the", " river"]': {" bridge": 0.75},
        '["a"]': {"b": 0.625},
    }
    table = {
        "name": "contract",
        "tokens": [*tokens, "<|end|>"],
        "bos": None,
        "eog": [TABLE_EOG],
        "n_ctx": 2048,
        "rules": rules,
        "load_ms": milliseconds,
        "step_ms": milliseconds,
    }
    path.write_text(json.dumps(table))
    return path


@pytest.fixture(scope="session")
def family_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The model of a family as a backend reads it, written once: a GGUF file or a directory."""
    folder = tmp_path_factory.mktemp("families")

    def get(backend: str, family: str) -> Path:
        directory = backend == "transformers"
        path = folder / (family if directory else f"{family}.gguf")
        if not path.exists():
            (family_directory if directory else family_gguf)(path, family)
        return path

    return get


def case_of(name: str, family_file: Callable[[str, str], Path]) -> Case:
    """The case `backend-family`; skips where the backend's library is not installed."""
    backend, family_name = name.rsplit("-", 1)
    if backend in _LIBRARIES:
        pytest.importorskip(_LIBRARIES[backend])
    family = FAMILIES[family_name]
    # One thread: more only wait for each other on models this small.
    path = family_file(backend, family_name)
    spec = OpenSpec(str(path), backend, n_ctx=1024, threads=1)
    tokens = len(family.vocabulary.tokens)
    return Case(
        name,
        spec,
        replace(spec, n_ctx=6000),
        family.eog_ids,
        range(tokens, family.n_vocab),
        family.recurrent,
        # Without kernels of its own, the scan over tokens is a loop in Python.
        2_500 if name == "transformers-mamba" else 3_000,
    )


def _mixture(folder: Path) -> Case:
    """A dial of two models with other weights."""
    models = [tiny_model(folder / f"{seed}.gguf", "bpe", seed=seed) for seed in (0, 1)]
    dial = resolve(f"dial:{models[0].path}::{models[1].path}")
    spec = replace(dial, n_ctx=1024, threads=1)
    return Case("mixture", spec, replace(spec, n_ctx=6000), frozenset({1, 3}))


@pytest.fixture(scope="session", params=[*map(grouped, [*CASES, "mixture"])])
def case(
    request: pytest.FixtureRequest,
    family_file: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    if request.param == "mixture":
        return _mixture(tmp_path_factory.mktemp("mixtures"))
    if request.param != "table":
        return case_of(request.param, family_file)
    folder = tmp_path_factory.mktemp("tables")
    spec = OpenSpec(str(_table(folder / "fast.json", 0)), "table")
    slow = OpenSpec(str(_table(folder / "slow.json", 200)), "table", n_ctx=2000)
    return Case("table", spec, slow, frozenset({TABLE_EOG}), tolerance=0.0)


@pytest.fixture(scope="session")
def backend(case: Case) -> Iterator[Backend]:
    """One open model for all tests; prefixes are absolute, so that they need not know of each other."""
    model = case.open()
    yield model
    model.close()
