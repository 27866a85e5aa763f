"""llama.cpp against the reference: the same weights give the same numbers, the same text the same ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.base import Backend, OpenSpec
from bftui.backends.registry import open_backend
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.practice.gguf_writer import USER_DEFINED
from tests.contract.conftest import quiet
from tests.models import (
    TinyModel,
    bpe_vocab,
    random_ids,
    rewritten,
    sentences,
    spm_vocab,
    tiny_model,
)

pytest.importorskip("llama_cpp")

LOGITS = 1e-3
ENTROPY = 1e-5
"""Nats."""


@dataclass(frozen=True)
class Pair:
    """One file, opened by both."""

    model: TinyModel
    reference: Backend
    llama: Backend


def _open(path: Path, backend: str) -> Backend:
    return open_backend(OpenSpec(str(path), backend, threads=1), quiet)


@pytest.fixture(scope="module", params=["bpe", "spm"])
def pair(request: pytest.FixtureRequest, tiny: Callable[[str], TinyModel]) -> Iterator[Pair]:
    model = tiny(request.param)
    both = Pair(model, _open(model.path, "reference"), _open(model.path, "llama-cpp"))
    yield both
    both.reference.close()
    both.llama.close()


def _distributions(backend: Backend, path: list[int]) -> tuple[np.ndarray, list[Distribution]]:
    rows = np.stack(list(backend.path_logits(path[:1], path[1:])))
    return rows, [Distribution(row, Sampler()) for row in rows]


def test_logits_and_entropies_agree_over_200_positions(pair: Pair) -> None:
    path = random_ids(pair.model, 201)
    a, expected = _distributions(pair.reference, path)
    b, found = _distributions(pair.llama, path)
    assert len(a) == 200
    assert np.abs(a - b).max() <= LOGITS
    entropies = np.array([d.entropy for d in expected])
    assert np.abs(entropies - [d.entropy for d in found]).max() <= ENTROPY
    # The tolerance means something: these are not the entropies of noise.
    assert 2 < entropies.mean() < 5


def test_greedy_paths_are_the_same(pair: Pair) -> None:
    paths = []
    for backend in (pair.reference, pair.llama):
        path = random_ids(pair.model, 4)
        for _ in range(200):
            path.append(Distribution(backend.next_logits(path), Sampler()).greedy())
        paths.append(path)
    assert paths[0] == paths[1]


def test_continuations_agree(pair: Pair) -> None:
    path = random_ids(pair.model, 50)
    results = []
    for backend in (pair.reference, pair.llama):
        with backend.fan(path, 12) as fan:
            fan.step(range(12), range(12))
            results.append(fan.step(range(3, 9), range(6)))
    assert np.abs(results[0] - results[1]).max() <= LOGITS


def test_what_they_say_of_the_model_agrees(pair: Pair) -> None:
    a, b = pair.reference.info.as_dict(), pair.llama.info.as_dict()
    for name in ("backend", "library", "threads"):
        del a[name], b[name]
    assert a == b


def test_the_bytes_of_all_tokens_agree(pair: Pair) -> None:
    ids = range(pair.reference.info.n_vocab)
    pieces = [pair.reference.token_bytes(i) for i in ids]
    assert pieces == [pair.llama.token_bytes(i) for i in ids]
    assert max(map(len, pieces)) > 32


@pytest.mark.parametrize(
    "text",
    [
        " Sure",
        "Sure",
        "  leading  and   trailing  ",
        "The bridge, the BRIDGE, the br\u00fccke.",
        "don't I'll we've 12,345.67%",
        "tabs\tand\nnew\r\nlines\n\n\n",
        "\u6cb3\u306f\u5e83\u3044\u3002 \u0420\u0435\u043a\u0430 \u0448\u0438\u0440\u043e\u043a\u0430\u044f.",
        "\U0001f600\U0001f3fd\u200d\u2764\ufe0f e\u0301",
        "\u2581a\u2581 \u2581",
        "</s> <|end|> <|user|> <s>",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "def f(x):\n    return x  # two\n",
        *sentences(),
    ],
)
def test_texts_give_the_same_ids(pair: Pair, text: str) -> None:
    for special in (False, True):
        expected = pair.reference.tokenize(text, special=special)
        assert pair.llama.tokenize(text, special=special) == expected


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.one_of(st.text(max_size=30), st.text("theriv bd'.,0\n\u00e9\u2581", max_size=40)))
def test_any_text_gives_the_same_ids(pair: Pair, text: str) -> None:
    assert pair.llama.tokenize(text) == pair.reference.tokenize(text)


@pytest.mark.parametrize("kind", ["bpe", "spm"])
def test_tokens_that_stand_for_their_text(tmp_path: Path, kind: Literal["bpe", "spm"]) -> None:
    """User-defined tokens are taken out of a text before the rest is tokenised, the longest first."""
    vocabulary = bpe_vocab() if kind == "bpe" else spm_vocab()
    words = [token for token in vocabulary.tokens if token in ("riv", "ver", "iver", "idge", "dge")]
    assert len(words) >= 2
    types = [
        USER_DEFINED if token in words else t
        for token, t in zip(vocabulary.tokens, vocabulary.types, strict=True)
    ]
    path = tmp_path / "user.gguf"
    tiny_model(path, kind, vocabulary=replace(vocabulary, types=tuple(types)))
    text = "The river, the bridge:driverdge<|end|></s> " + " ".join(words)
    results = []
    for name in ("reference", "llama-cpp"):
        backend = _open(path, name)
        results.append([backend.tokenize(text, special=special) for special in (False, True)])
        assert b"".join(map(backend.token_bytes, results[-1][0])) == text.encode()
        assert {vocabulary.tokens.index(word) for word in words} <= set(results[-1][0])
        backend.close()
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("matrices", "tolerance"),
    [(gguf.GGMLQuantizationType.F16, 0.05), (gguf.GGMLQuantizationType.Q8_0, 0.5)],
)
def test_other_types_of_weights(
    tiny: Callable[[str], TinyModel],
    tmp_path: Path,
    matrices: gguf.GGMLQuantizationType,
    tolerance: float,
) -> None:
    """llama.cpp rounds what it multiplies with such weights, hence the tolerance; the reference does not."""
    model = tiny("bpe")
    path = rewritten(model.path, tmp_path / "other.gguf", matrices=matrices)
    ids = random_ids(model, 40)
    rows = []
    for name in ("reference", "llama-cpp"):
        backend = _open(path, name)
        rows.append(np.stack(list(backend.path_logits(ids[:1], ids[1:]))))
        backend.close()
    assert np.abs(rows[0] - rows[1]).max() <= tolerance
