"""Every backend that the contract is held against: add a line to `CASES` and a way to open it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bftui.backends.base import Backend, OpenSpec
from bftui.backends.registry import open_backend
from tests.models import TinyModel, tiny_model

CASES = ("reference-bpe", "reference-spm", "llama-cpp-bpe", "llama-cpp-spm", "table")

TABLE_EOG = 259


@dataclass(frozen=True)
class Case:
    """One backend with one model.

    Attributes:
        spec: opens it.
        slow: the same with loading and evaluations that take long enough to be cancelled.
        eog: its end-of-generation tokens.
        tolerance: largest difference of logits that batch shapes may make.
    """

    name: str
    spec: OpenSpec
    slow: OpenSpec
    eog: frozenset[int]
    tolerance: float = 1e-4

    def open(self, **changes: Any) -> Backend:
        return open_backend(replace(self.spec, **changes), quiet)


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
    words = [b" the", b" river", b" bridge"]
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


@pytest.fixture(scope="session", params=CASES)
def case(
    request: pytest.FixtureRequest,
    tiny: Callable[[str], TinyModel],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    name: str = request.param
    if name == "table":
        folder = tmp_path_factory.mktemp("tables")
        spec = OpenSpec(str(_table(folder / "fast.json", 0)), "table")
        slow = OpenSpec(str(_table(folder / "slow.json", 200)), "table", n_ctx=2000)
        return Case(name, spec, slow, frozenset({TABLE_EOG}), 0.0)
    backend, kind = name.rsplit("-", 1)
    if backend == "llama-cpp":
        pytest.importorskip("llama_cpp")
    # One thread: more only wait for each other on models this small.
    spec = OpenSpec(str(tiny(kind).path), backend, n_ctx=1024, threads=1)
    eog = frozenset({1, 3} if kind == "bpe" else {2})
    return Case(name, spec, replace(spec, n_ctx=6000), eog)


@pytest.fixture(scope="session")
def backend(case: Case) -> Iterator[Backend]:
    """One open model for all tests; prefixes are absolute, so that they need not know of each other."""
    model = case.open()
    yield model
    model.close()
