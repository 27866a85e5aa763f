"""What every backend says of its model, and how it turns text into tokens and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.protocol import Backend
from bftui.core.errors import InputError, InvalidToken
from bftui.results.codec import encode
from tests.contract.conftest import Case, as_numpy, ids
from tests.models import LONG_WORD, sentences

# What a model says of itself -----------------------------------------------------------------------


def test_info_is_plain_data(backend: Backend, case: Case) -> None:
    info = backend.info
    assert json.loads(json.dumps(encode(info)))["backend"] == info.backend == case.spec.backend
    assert info.n_vocab == as_numpy(backend.next_logits(ids(backend, 1))).shape[-1]
    assert info.exact
    assert info.max_continuations >= 32
    assert info.sha256 is not None
    assert len(info.sha256) == 64
    assert info.tokenizer_sha256 is not None


def test_eog_is_the_whole_set(backend: Backend, case: Case) -> None:
    assert backend.info.eog_ids == case.eog
    assert backend.info.eog_ids <= backend.info.special_ids


def test_rewinding_is_what_the_memory_allows(backend: Backend, case: Case) -> None:
    assert backend.info.rewind == ("checkpoint" if case.recurrent else "any")


# Text and tokens -----------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(text=st.text(max_size=40))
def test_forcing_is_literal(backend: Backend, text: str) -> None:
    for special in (False, True):
        token_ids = backend.tokenize(text, special=special)
        assert b"".join(map(backend.token_bytes, token_ids)) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  two  spaces  ",
        "\n\n\t\r\n",
        "\u2581lower one eighth block\u2581",
        "a\u0000b",
        "\U0001f600\U0010ffff\ud7ff",
        "e\u0301 \u200d \ufeff",
        "x" * 3000,
        f"The {LONG_WORD}.",
        "</s><s><unk><|end|><|bos|><0x41>",
        *sentences(),
    ],
)
def test_texts_are_literal_and_plain(backend: Backend, text: str) -> None:
    token_ids = backend.tokenize(text)
    assert b"".join(map(backend.token_bytes, token_ids)) == text.encode()
    assert backend.info.special_ids.isdisjoint(token_ids)


def test_control_tokens_are_read_on_request(backend: Backend) -> None:
    for token_id in backend.info.special_ids:
        written = backend.token_bytes(token_id).decode()
        assert written
        token_ids = backend.tokenize(f"a{written}b", special=True)
        assert token_ids == [*backend.tokenize("a"), token_id, *backend.tokenize("b")]
        assert token_id not in backend.tokenize(f"a{written}b")


def test_half_a_character_is_refused(backend: Backend) -> None:
    with pytest.raises(InputError):
        backend.tokenize("a\ud800b")


def test_every_byte_has_a_token(backend: Backend) -> None:
    pieces = {backend.token_bytes(i) for i in range(backend.info.n_vocab)}
    assert {bytes([value]) for value in range(256)} <= pieces


@pytest.mark.parametrize("offset", [0, 1, 2**31])
def test_invalid_ids_are_refused(backend: Backend, offset: int) -> None:
    beyond = backend.info.n_vocab + offset
    for token_id in (beyond, -1 - offset):
        with pytest.raises(InvalidToken):
            backend.token_bytes(token_id)
        with pytest.raises(InvalidToken):
            backend.next_logits([1, token_id, 1])
        with pytest.raises(InvalidToken):
            list(backend.path_logits([1], [token_id]))
        with pytest.raises(InvalidToken), backend.continuations([1], 2) as batch:
            batch.step([0], [token_id])


def test_characters_in_parts(backend: Backend) -> None:
    """A character that no token holds is spelled by tokens that are not text on their own."""
    token_ids = backend.tokenize("a\U0001f680")
    pieces = [backend.token_bytes(token_id) for token_id in token_ids]
    assert b"".join(pieces) == "a\U0001f680".encode()
    assert len(pieces) > 2
    with pytest.raises(UnicodeDecodeError):
        pieces[-1].decode()
    half = backend.next_logits(token_ids[:-1])
    assert as_numpy(half).shape[-1] == backend.info.n_vocab


def test_tokens_longer_than_a_buffer(backend: Backend) -> None:
    token_ids = backend.tokenize(f"The {LONG_WORD}")
    longest = max((backend.token_bytes(token_id) for token_id in token_ids), key=len)
    assert len(longest) > 32
    assert longest.decode().strip() == LONG_WORD


def test_padding_has_no_text_and_can_still_be_a_token(backend: Backend, case: Case) -> None:
    """The logits may be wider than the tokenizer: every id has a probability, and may be forced."""
    pieces = [backend.token_bytes(i) for i in range(backend.info.n_vocab)]
    assert [i for i, piece in enumerate(pieces) if not piece] == list(case.padding)
    assert backend.info.special_ids.isdisjoint(case.padding)
    for token_id in [*case.padding][-1:]:
        rows = list(backend.path_logits(ids(backend, 5), [token_id, token_id]))
        assert len(rows[1]) == backend.info.n_vocab
