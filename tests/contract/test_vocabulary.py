"""Literal tokenisation over tokenizers that are anything but."""

from __future__ import annotations

import hashlib
import re

import pytest

from bftui.backends.shared.vocabulary import Vocabulary, Words, vocabulary_sha256
from bftui.core.errors import InvalidToken, ModelError

PIECES = [b"<end>", *[bytes([i]) for i in range(256)], b"the", b"<tool>"]
THE, TOOL = 257, 258


def spaced_and_lossy(text: str, special: bool) -> list[int]:
    """Drops every "!", puts a space before an "x" and reads "<end>" by itself as a control token, asked for or not."""
    if text == "<end>":
        return [0]
    ids: list[int] = []
    for part in Words({b"<tool>": TOOL, **({b"<end>": 0} if special else {})}).split(text):
        if isinstance(part, int):
            ids.append(part)
        else:
            ids += [byte + 1 for byte in part.replace("!", "").replace("x", " x").encode()]
    return ids


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(PIECES, special_ids=[0])


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize(
    "text", ["", "!", "plain", "a!b!!c x", "xxxx", "<end>", "<tool><end><tool>", "é!€!\U0001f600x"]
)
def test_text_comes_back(vocabulary: Vocabulary, text: str, special: bool) -> None:
    ids = vocabulary.tokenize(text, spaced_and_lossy, special=special)
    assert b"".join(map(vocabulary.token_bytes, ids)) == text.encode()
    assert special or 0 not in ids


def test_words_and_control_tokens_are_taken_whole(vocabulary: Vocabulary) -> None:
    assert vocabulary.tokenize("<tool>", spaced_and_lossy, special=False) == [TOOL]
    assert vocabulary.tokenize("<end><tool>", spaced_and_lossy, special=True) == [0, TOOL]


def test_only_the_culprit_is_written_byte_by_byte() -> None:
    vocabulary = Vocabulary(PIECES, special_ids=[0])

    def encode(text: str, _special: bool) -> list[int]:
        parts = re.findall("the|.", text.replace("!", ""))
        return [THE if part == "the" else ord(part) + 1 for part in parts]

    plain = [THE, ord(" ") + 1, THE, THE]
    assert vocabulary.tokenize("the thethe!the the", encode) == [
        *plain,
        ord("!") + 1,
        THE,
        ord(" ") + 1,
        THE,
    ]


def test_a_byte_without_a_token_is_an_error() -> None:
    vocabulary = Vocabulary([b"a", b"b"], special_ids=[])
    with pytest.raises(ModelError, match="cannot write"):
        vocabulary.tokenize("ac", lambda text, special: [0] * len(text))


def test_ids_outside_are_refused(vocabulary: Vocabulary) -> None:
    for token_id in (-1, len(PIECES)):
        with pytest.raises(InvalidToken):
            vocabulary.token_bytes(token_id)


def test_hash_tells_where_tokens_end() -> None:
    expected = hashlib.sha256(b"\x02\x00\x00\x00ab\x00\x00\x00\x00\x01\x00\x00\x00c").hexdigest()
    assert vocabulary_sha256([b"ab", b"", b"c"]) == expected
    assert vocabulary_sha256([b"a", b"bc"]) != vocabulary_sha256([b"ab", b"c"])
