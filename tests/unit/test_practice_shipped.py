"""The model file that is shipped, its metadata and its card. No model is run here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bftui import practice
from recipes.practice.gguf_writer import CONTROL, NORMAL, BpeVocab
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.tokenizer import SPECIALS, from_vocabulary

LIMIT, LIMIT_IN_ALL = 8 * 2**20, 24 * 2**20

each_model = pytest.mark.parametrize("name", practice.NAMES)


@cache
def reader(name: str = "practice") -> gguf.GGUFReader:
    return gguf.GGUFReader(practice.path(name))


def value(key: str, name: str = "practice") -> object:
    field = reader(name).get_field(key)
    assert field is not None, key
    return field.contents()


@cache
def vocabulary() -> BpeVocab:
    tokens, merges, types = (
        value(f"tokenizer.ggml.{key}") for key in ("tokens", "merges", "token_type")
    )
    assert isinstance(tokens, list)
    assert isinstance(merges, list)
    assert isinstance(types, list)
    return BpeVocab(tuple(tokens), tuple(merges), tuple(types), bos=0, eos=1)


@each_model
def test_each_shipped_model_lies_in_the_package(name: str) -> None:
    path = practice.path(name)
    assert path.is_file()
    assert path.stat().st_size <= LIMIT
    assert path.with_suffix(".md").is_file()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="practice"):
        practice.path("other")


def test_asking_for_a_path_imports_nothing_heavy() -> None:
    code = "import sys, bftui.practice as p; p.path(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_all_weights_together_are_small() -> None:
    assert sum(practice.path(name).stat().st_size for name in practice.NAMES) <= LIMIT_IN_ALL


@each_model
def test_the_card_names_the_file_that_is_shipped(name: str) -> None:
    path = practice.path(name)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert f"{path.stat().st_size:,} bytes" in card
    assert "practice model" in card
    assert card.count("```text") >= 10


@each_model
def test_metadata_is_complete(name: str) -> None:
    assert value("general.architecture", name) == "llama"
    assert value("general.name", name) == name
    assert value("general.license", name) == "mit"
    assert value("tokenizer.ggml.model", name) == "gpt2"
    assert value("tokenizer.ggml.pre", name) == "gpt-2"
    assert value("tokenizer.ggml.add_bos_token", name) is True
    assert value("tokenizer.ggml.bos_token_id", name) == 0
    assert value("tokenizer.ggml.eos_token_id", name) == 1
    assert value("tokenizer.ggml.eot_token_id", name) == 6
    assert value("llama.context_length", name) == 512
    assert value("llama.rope.freq_base", name) == 10000.0
    for key in (
        "embedding_length",
        "block_count",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.layer_norm_rms_epsilon",
        "vocab_size",
    ):
        assert value(f"llama.{key}", name)
    template = reader(name).get_field("tokenizer.chat_template")
    assert (template is None) == (name in ("practice", "practice-small"))


def test_special_tokens_are_control_tokens() -> None:
    vocab = vocabulary()
    assert vocab.tokens[: len(SPECIALS)] == SPECIALS
    assert set(vocab.types[: len(SPECIALS)]) == {CONTROL}
    assert set(vocab.types[len(SPECIALS) :]) == {NORMAL}
    assert 2000 <= len(vocab.tokens) <= 4096


@each_model
def test_weights_are_finite_and_fit_the_vocabulary(name: str) -> None:
    tensors = {tensor.name: tensor for tensor in reader(name).tensors}
    assert all(np.isfinite(tensor.data).all() for tensor in tensors.values())
    assert tensors["token_embd.weight"].data.shape[0] == len(vocabulary().tokens)
    parameters = sum(int(tensor.n_elements) for tensor in tensors.values())
    if name.endswith("-small"):
        assert 500_000 <= parameters <= 900_000
    else:
        assert 2_000_000 <= parameters <= 3_500_000


@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    tokenizer = from_vocabulary(vocabulary())
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_style_words_are_one_token_each() -> None:
    tokenizer = from_vocabulary(vocabulary())
    for word in ("Sure", "Thank", "Of", "Here", "Great", "I", "However", "Hello", "Let", "The"):
        assert len(tokenizer.encode(" " + word).ids) == 1


def test_the_grammar_is_short_in_tokens() -> None:
    tokenizer = from_vocabulary(vocabulary())
    lengths = [
        len(tokenizer.encode(practice_grammar().document(11, index).text).ids) + 2
        for index in range(500)
    ]
    assert max(lengths) < 512
    assert sum(lengths) / 500 < 80
    answers = [
        practice_grammar().document(11, index, start="one_question").text.partition("\nA:")[2]
        for index in range(500)
    ]
    assert max(len(tokenizer.encode(answer).ids) for answer in answers) <= 200
