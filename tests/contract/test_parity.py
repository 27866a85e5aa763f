"""Every backend against another: the same weights give the same numbers, the same text the same ids.

llama.cpp against the reference for Llamas, and against transformers for every family.
"""

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

from bftui.backends.protocol import F32, Backend, TokenDistribution
from bftui.backends.registry import open_backend
from bftui.core.draws import Purpose, uniform
from bftui.core.errors import UnsupportedModel
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.results.codec import encode
from recipes.practice.gguf_writer import USER_DEFINED
from tests.contract.conftest import as_numpy, case_of, grouped, ids, quiet
from tests.families import FAMILIES, UNUSED, WINDOW, Family
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

SAMPLER = Sampler()

PAIRS = ("reference-bpe", "reference-spm", *(f"transformers-{name}" for name in FAMILIES))


@dataclass(frozen=True)
class Pair:
    """The same weights, opened by llama.cpp and by another."""

    family: Family
    other: Backend
    llama: Backend


@pytest.fixture(scope="module", params=[*map(grouped, PAIRS)])
def pair(request: pytest.FixtureRequest, family_file: Callable[[str, str], Path]) -> Iterator[Pair]:
    other = case_of(request.param, family_file)
    name = request.param.rsplit("-", 1)[1]
    llama = case_of(f"llama-cpp-{name}", family_file)
    both = Pair(FAMILIES[name], other.open(), llama.open())
    yield both
    both.other.close()
    both.llama.close()


def _open(path: Path, backend: str) -> Backend:
    return open_backend(OpenSpec(str(path), backend, threads=1), quiet)


def _distributions(backend: Backend, path: list[int]) -> tuple[F32, list[TokenDistribution]]:
    rows = list(backend.path_logits(path[:1], path[1:]))
    return np.stack([as_numpy(row) for row in rows]), [
        backend.distribution(row, SAMPLER) for row in rows
    ]


def test_logits_and_entropies_agree_over_200_positions(pair: Pair) -> None:
    path = ids(pair.llama, 201)
    a, expected = _distributions(pair.other, path)
    b, found = _distributions(pair.llama, path)
    assert len(a) == 200 > 10 * WINDOW
    assert np.abs(a - b).max() <= LOGITS
    entropies = np.array([d.summary().entropy for d in expected])
    assert np.abs(entropies - [d.summary().entropy for d in found]).max() <= ENTROPY
    # The tolerance means something: these are not the entropies of noise.
    assert 2 < entropies.mean() < 5


@pytest.mark.parametrize("seed", [None, 7])
def test_the_same_tokens_are_chosen(pair: Pair, seed: int | None) -> None:
    """The best ones, and those drawn for a seed."""
    paths = []
    for backend in (pair.other, pair.llama):
        path = ids(backend, 4)
        for t in range(200):
            distribution = backend.distribution(backend.next_logits(path), SAMPLER)
            u = None if seed is None else uniform(seed, Purpose.STEP, t)
            path.append(distribution.greedy() if u is None else distribution.draw(u))
        paths.append(path)
    assert paths[0] == paths[1]


def test_continuations_agree(pair: Pair) -> None:
    path = ids(pair.llama, 50)
    results = []
    for backend in (pair.other, pair.llama):
        with backend.continuations(path, 12) as batch:
            batch.step(range(12), range(12))
            results.append([as_numpy(row) for row in batch.step(range(3, 9), range(6))])
    assert np.abs(np.stack(results[0]) - np.stack(results[1])).max() <= LOGITS


def test_going_back_agrees(pair: Pair) -> None:
    """Another branch, after a path that is far longer than any window."""
    path = ids(pair.llama, 90)
    results = []
    for backend in (pair.other, pair.llama):
        for length in range(60, 91):
            backend.next_logits(path[:length])
        branch = backend.path_logits(path[:70], path[20:50])
        results.append(np.stack([as_numpy(row) for row in branch]))
    assert np.abs(results[0] - results[1]).max() <= LOGITS


def test_what_they_say_of_the_model_agrees(pair: Pair) -> None:
    a, b = encode(pair.other.info), encode(pair.llama.info)
    of_the_file = (
        "source",
        "sha256",
        "name",
        "title",
        "architecture",
        "quantization",
        "bytes",
        "bos_id",
        "n_ctx_train",
        "template_tokens",
    )
    batches = ("fan_tokens", "batch_rows", "ragged", "rows_rewind")
    of_the_library = ("backend", "library", "threads", "device", "kv", *batches)
    one_file = a["source"] == b["source"]
    for name in (*of_the_library, *(() if one_file else of_the_file)):
        del a[name], b[name]
    assert a == b


def test_the_bytes_of_all_tokens_agree(pair: Pair) -> None:
    everything = range(pair.llama.info.n_vocab)
    pieces = [pair.other.token_bytes(i) for i in everything]
    assert pieces == [pair.llama.token_bytes(i) for i in everything]
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
        expected = pair.other.tokenize(text, special=special)
        assert pair.llama.tokenize(text, special=special) == expected


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.one_of(st.text(max_size=30), st.text("theriv bd'.,0\n\u00e9\u2581", max_size=40)))
def test_any_text_gives_the_same_ids(pair: Pair, text: str) -> None:
    assert pair.llama.tokenize(text) == pair.other.tokenize(text)


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


def test_the_reference_pads_its_vocabulary_too(tmp_path: Path) -> None:
    vocabulary = bpe_vocab()
    first = len(vocabulary.tokens)
    padded = replace(
        vocabulary,
        tokens=(*vocabulary.tokens, "[PAD0]", "[PAD1]"),
        types=(*vocabulary.types, UNUSED, UNUSED),
    )
    path = tiny_model(tmp_path / "padded.gguf", "bpe", vocabulary=padded).path
    results = []
    for name in ("reference", "llama-cpp"):
        backend = _open(path, name)
        assert backend.token_bytes(first) == backend.token_bytes(first + 1) == b""
        assert first + 1 not in backend.tokenize("[PAD1]", special=True)
        results.append(backend.next_logits([first, first + 1]))
        backend.close()
    assert len(results[0]) == first + 2
    assert np.abs(results[0] - results[1]).max() <= LOGITS


def test_the_reference_refuses_other_families(family_file: Callable[[str, str], Path]) -> None:
    with pytest.raises(UnsupportedModel, match="mamba"):
        _open(family_file("llama-cpp", "mamba"), "reference")
