"""A prompt has the ids that llama.cpp gives it, on every backend that runs a GGUF file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.protocol import Backend
from bftui.backends.registry import open_backend
from bftui.formats.open_spec import OpenSpec
from recipes.practice.gguf_writer import CONTROL, USER_DEFINED, BpeVocab, SpmVocab
from tests.contract.conftest import quiet
from tests.groups import TORCH
from tests.models import bpe_vocab, rewritten, spm_vocab, tiny_model
from tests.texts import SAMPLES
from tests.tokenizers_of_all_kinds import texts

pytest.importorskip("llama_cpp")

from bftui.backends.llama_cpp.llama_library import C, encode

pytestmark = TORCH

BACKENDS = ("llama-cpp", "reference", "transformers")

_CHAT = ("<|user|>", "<|end|>", "<|assistant|>", "<|endoftext|>")
_NUMBERS = tuple(str(number) for number in range(1000))


def _extended(vocabulary: Any) -> Any:
    """With more control tokens, and tokens that stand for their text, many of which overlap."""
    known = vocabulary.tokens
    control = [token for token in _CHAT if token not in known]
    users = [token for token in ("<tool>", *_NUMBERS) if token not in known]
    more = len(control) + len(users)
    changes: dict[str, Any] = {
        "tokens": (*known, *control, *users),
        "types": (*vocabulary.types, *[CONTROL] * len(control), *[USER_DEFINED] * len(users)),
    }
    if isinstance(vocabulary, SpmVocab):
        changes["scores"] = (*vocabulary.scores, *[0.0] * more)
    return replace(vocabulary, **changes)


VOCABULARIES: dict[str, Callable[[], BpeVocab | SpmVocab]] = {
    "spm": spm_vocab,
    "spm, no space": lambda: replace(spm_vocab(), add_space_prefix=False),
    "spm, extended": lambda: _extended(spm_vocab()),
    "spm, phi-3": lambda: _extended(spm_vocab()),
    "bpe": bpe_vocab,
    "bpe, extended": lambda: _extended(bpe_vocab()),
    "bpe, phi-3": lambda: _extended(replace(bpe_vocab(), tokens=_renamed(bpe_vocab().tokens))),
}
"""What a file is made of, by name."""


def _renamed(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """With the tokens that llama.cpp looks for in a model of this name."""
    return ("<s>", "</s>", "<unk>", *tokens[3:])


STRING = gguf.GGUFValueType.STRING


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Backend]]]:
    """One file on every backend, llama.cpp first."""
    folder = tmp_path_factory.mktemp("own")
    found: dict[str, list[Backend]] = {}

    def get(name: str) -> list[Backend]:
        if name not in found:
            path: Path = folder / f"{len(found)}.gguf"
            kind: Any = name[:3]
            tiny_model(path, kind, vocabulary=VOCABULARIES[name]())
            if name.endswith("phi-3"):
                changes = {"general.name": ("Tiny Phi-3 mini", STRING)}
                path = rewritten(path, folder / f"{len(found)}-named.gguf", changes=changes)
            found[name] = [
                open_backend(OpenSpec(str(path), backend, n_ctx=64, threads=1), quiet)
                for backend in BACKENDS
            ]
        return found[name]

    yield get
    for backends in found.values():
        for backend in backends:
            backend.close()


def _library(backend: Any) -> Any:
    return C.llama_model_get_vocab(backend._model)


def _check(backends: list[Backend], text: str) -> None:
    vocab = _library(backends[0])
    for special in (False, True):
        own = encode(vocab, text, special=special)
        if not special and not backends[0].info.special_ids.isdisjoint(own):
            continue
        literal = backends[0].tokenize(text, special=special)
        for backend in backends:
            assert backend.tokenize_prompt([text], special=special) == own
            assert backend.tokenize(text, special=special) == literal
        assert b"".join(map(backends[0].token_bytes, literal)) == text.encode()


@pytest.mark.parametrize("name", VOCABULARIES)
def test_texts(opened: Callable[[str], list[Backend]], name: str) -> None:
    draw = random.Random(1)
    # Tokens that stand for numbers overlap; without them a digit is a digit.
    count = 3 if name in ("spm", "spm, no space", "bpe") else 50
    numbers = ["".join(draw.choice("0123456789 ") for _ in range(12)) for _ in range(count)]
    samples = (sample.text for sample in SAMPLES)
    for text in (*samples, *texts(), "1314151", "<tool> a  <tool>\n b", *numbers):
        _check(opened(name), text)


WORDS = st.lists(
    st.sampled_from(
        [
            *("<|user|>", "<|end|>", "<s>", "</s>", "<unk>", "<tool>", "<", "|>", "s>", "131"),
            *("41", " ", "  ", "\n", "the river", "\u2581", "\U0010fffd", "\U0001f600", "e\u0301"),
        ]
    ),
    max_size=10,
).map("".join)


@pytest.mark.parametrize("name", VOCABULARIES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.one_of(st.text(max_size=20), WORDS))
def test_any_text(opened: Callable[[str], list[Backend]], name: str, text: str) -> None:
    _check(opened(name), text)


@pytest.mark.parametrize("name", VOCABULARIES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(said=st.lists(WORDS, min_size=1, max_size=4))
def test_no_words_become_a_control_token(
    opened: Callable[[str], list[Backend]], name: str, said: list[str]
) -> None:
    backends = opened(name)
    special = backends[0].info.special_ids
    known = sorted(special)
    parts: list[str | int] = []
    for place, text in enumerate(said):
        parts += [text, known[place % len(known)]]
    wanted = [part for part in parts if isinstance(part, int)]
    found = backends[0].tokenize_prompt(parts)
    assert [i for i in found if i in special] == wanted
    assert all(backend.tokenize_prompt(parts) == found for backend in backends)


@pytest.mark.parametrize("name", ["spm, extended", "spm, phi-3", "bpe, phi-3"])
def test_a_rendered_prompt_is_read_as_the_library_reads_the_whole(
    opened: Callable[[str], list[Backend]], name: str
) -> None:
    backends = opened(name)
    text = "<|user|>\nThe river.<|end|>\n<|assistant|>\n"
    own = encode(_library(backends[0]), text, special=True)
    tokens = {backends[0].token_bytes(i): i for i in backends[0].info.special_ids}
    user, end, assistant = (tokens[name] for name in (b"<|user|>", b"<|end|>", b"<|assistant|>"))
    parts = [user, "\nThe river.", end, "\n", assistant, "\n"]
    for backend in backends:
        assert backend.tokenize_prompt(parts) == own
        assert backend.tokenize_prompt(["\n", *parts], begins=False) == [
            *backend.tokenize("\n"),
            *own,
        ]
        assert (
            backend.tokenize_prompt([user, "a", end, "\n", assistant, "\n"])[-1] == assistant
        ) is ("phi-3" in name)


def test_a_file_says_whether_a_text_begins_with_a_space(
    opened: Callable[[str], list[Backend]],
) -> None:
    for name, first in (("spm", b" The"), ("spm, no space", b"The")):
        for backend in opened(name):
            ids = backend.tokenize_prompt(["The river"])
            assert b"".join(map(backend.token_bytes, ids)) == first + b" river"
            assert b"".join(map(backend.token_bytes, backend.tokenize("The river"))) == b"The river"


def test_a_token_of_two_kinds_is_a_control_token(tmp_path: Path) -> None:
    """As `</s>` of Gemma, which its file calls user-defined and llama.cpp a control token."""
    vocabulary = spm_vocab()
    types = tuple(
        USER_DEFINED if token == "</s>" else kind
        for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
    )
    path = tmp_path / "both.gguf"
    tiny_model(path, "spm", vocabulary=replace(vocabulary, types=types))
    for name in BACKENDS:
        backend = open_backend(OpenSpec(str(path), name, n_ctx=64, threads=1), quiet)
        end = vocabulary.eos
        assert end in backend.info.special_ids
        for ids in (backend.tokenize("a</s>b"), backend.tokenize_prompt(["a</s>b"])):
            assert end not in ids
        assert end in backend.tokenize("a</s>b", special=True)
        backend.close()


@pytest.mark.parametrize("kind", ["bpe", "spm"])
def test_a_start_token_that_is_none_is_the_usual_one(
    tmp_path: Path, kind: Literal["bpe", "spm"]
) -> None:
    tiny_model(tmp_path / "a.gguf", kind)
    beyond = {
        f"tokenizer.ggml.{name}_token_id": (2**32 - 1, gguf.GGUFValueType.UINT32)
        for name in ("bos", "eos")
    }
    path = rewritten(tmp_path / "a.gguf", tmp_path / "b.gguf", changes=beyond)
    found = []
    for name in BACKENDS:
        backend = open_backend(OpenSpec(str(path), name, n_ctx=64, threads=1), quiet)
        info = backend.info
        found.append((info.bos_id, info.eos_id, info.start, backend.tokenize_prompt(["The river"])))
        backend.close()
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "names",
    [
        ("<|fim_prefix|>", "<SUF>", "<fim_middle>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
        ("<|prefix|>", "<turn|>", "[PAD]", "<|channel|>", "<|message|>"),
        ("<|return|>", "<|call|>"),
        ("<|flush|>", "<|calls|>"),
    ],
)
def test_names_say_more_than_types(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A file may call any token user-defined: llama.cpp goes by what some are called, and so do we."""
    vocabulary = bpe_vocab()
    path = tmp_path / "named.gguf"
    types = (*vocabulary.types, *[USER_DEFINED] * len(names))
    tokens = (*vocabulary.tokens, *names)
    tiny_model(path, "bpe", vocabulary=replace(vocabulary, tokens=tokens, types=types))
    found = []
    for name in BACKENDS:
        backend = open_backend(OpenSpec(str(path), name, n_ctx=64, threads=1), quiet)
        text = f"a{''.join(names)}<|end|>b"
        found.append(
            (backend.info.special_ids, backend.info.eog_ids, backend.tokenize_prompt([text]))
        )
        backend.close()
    assert found[0] == found[1] == found[2]


def test_transformers_reads_tokenizers_of_llama_cpp_alone(tmp_path: Path) -> None:
    tiny_model(tmp_path / "a.gguf", "bpe", vocabulary=VOCABULARIES["bpe, extended"]())
    changes = {"tokenizer.ggml.pre": ("smollm", STRING)}
    path = rewritten(tmp_path / "a.gguf", tmp_path / "b.gguf", changes=changes)
    first, other = (
        open_backend(OpenSpec(str(path), name, n_ctx=64, threads=1), quiet)
        for name in ("llama-cpp", "transformers")
    )
    for name in ("bos_id", "eos_id", "add_bos", "eog_ids", "special_ids", "tokenizer_sha256"):
        assert getattr(first.info, name) == getattr(other.info, name)
    for text in texts():
        _check([first, other], text)
    first.close()
    other.close()


@pytest.mark.parametrize(("spaced", "tidied"), [(True, True), (True, False), (False, False)])
def test_unigram(tmp_path: Path, spaced: bool, tidied: bool) -> None:
    tiny_model(tmp_path / "spm.gguf", "spm", vocabulary=spm_vocab())
    flag = gguf.GGUFValueType.BOOL
    changes = {
        "tokenizer.ggml.model": ("t5", STRING),
        "tokenizer.ggml.add_space_prefix": (spaced, flag),
        "tokenizer.ggml.remove_extra_whitespaces": (tidied, flag),
    }
    path = rewritten(tmp_path / "spm.gguf", tmp_path / "unigram.gguf", changes=changes)
    backend = open_backend(OpenSpec(str(path), "llama-cpp", n_ctx=64, threads=1), quiet)
    for text in (*texts(), *(sample.text for sample in SAMPLES)):
        _check([backend], text)
    first = b" " if spaced else b""
    ids = backend.tokenize_prompt(["The  river"])
    assert b"".join(map(backend.token_bytes, ids)) == first + (
        b"The river" if tidied else b"The  river"
    )
    words = "The bridge and the river"
    whole = backend.tokenize(words)
    torn = backend.tokenize(f"{words}   \u0301and")
    assert torn[: len(whole)] == whole
    backend.close()
