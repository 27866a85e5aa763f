"""The byte-level tokenizer of the practice models."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from recipes.practice.data import HELD_OUT, TRAINING, Documents, packed_windows, token_ids
from recipes.practice.gguf_writer import CONTROL, NORMAL
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.tokenizer import SPECIALS, from_vocabulary, train_tokenizer, vocabulary


def trained() -> Tokenizer:
    first = itertools.islice(Documents(practice_grammar(), 0, TRAINING), 500)
    return train_tokenizer((document.text for document in first), 700)


TOKENIZER = trained()
VOCAB = vocabulary(TOKENIZER)


def test_specials_come_first_and_are_control_tokens() -> None:
    assert VOCAB.tokens[: len(SPECIALS)] == SPECIALS
    assert VOCAB.types == tuple(CONTROL if i < len(SPECIALS) else NORMAL for i in range(700))
    assert (VOCAB.bos, VOCAB.eos, VOCAB.pad, VOCAB.eot) == (0, 1, 2, 6)


def test_all_bytes_are_tokens() -> None:
    singles = [token for token in VOCAB.tokens if len(token) == 1]
    assert len(singles) == 256


def test_training_is_repeatable() -> None:
    assert vocabulary(trained()) == VOCAB


@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    ids = from_vocabulary(VOCAB).encode(text).ids
    assert from_vocabulary(VOCAB).decode(ids) == text
    assert all(VOCAB.types[index] == NORMAL for index in ids)


@pytest.mark.parametrize("text", ["Q: Name a fruit.\nA:", "  two  spaces", "don't 12345 naïve 🍏"])
def test_the_rebuilt_tokenizer_agrees(text: str) -> None:
    assert from_vocabulary(VOCAB).encode(text).ids == TOKENIZER.encode(text).ids


def test_documents_go_on_where_they_stopped() -> None:
    whole = list(itertools.islice(Documents(practice_grammar(), 0, TRAINING), 10))
    rest = list(itertools.islice(Documents(practice_grammar(), 0, TRAINING, position=6), 4))
    assert whole[6:] == rest


def test_held_out_documents_are_others() -> None:
    held_out = list(itertools.islice(Documents(practice_grammar(), 0, HELD_OUT), 20))
    training = list(itertools.islice(Documents(practice_grammar(), 0, TRAINING), 20))
    assert [document.text for document in held_out] != [document.text for document in training]


def test_windows_begin_with_documents() -> None:
    documents = Documents(practice_grammar(), 0, TRAINING)
    windows = packed_windows(documents, TOKENIZER, VOCAB, count=4, length=64)
    assert windows.shape == (4, 65)
    assert (windows[:, 0] == VOCAB.bos).all()
    first = token_ids(TOKENIZER, VOCAB, practice_grammar().document(0, 0).text)
    assert windows[0, : min(65, len(first))].tolist() == first[:65]
    ends, begins = windows[:, :-1] == VOCAB.eos, windows[:, 1:] == VOCAB.bos
    assert (ends == begins).all()
