"""A vocabulary as bytes: what every local backend knows of its tokens, and literal tokenisation.

Forcing is literal: the bytes of the ids, joined, are the text's UTF-8. Tokenizers of the SentencePiece kind put spaces
where the text has none, some rewrite characters, and control tokens may be spelled by chance; here every result is
checked against the text, and what a tokenizer cannot write exactly is written byte by byte.
Not for: the algorithm of any tokenizer; a backend brings its own as a function from text to ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence

from bftui.core.errors import InputError, InvalidToken, ModelError

Encode = Callable[[str], list[int]]
"""Plain text to ids; may be wrong, must not add control tokens."""


END_TEXTS = frozenset(
    (
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|flush|>",
        "<|calls|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "</s>",
        "<|eom_id|>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<|end_of_text|>",
        "<end_of_utterance>",
        "<eos>",
    )
)
"""Control tokens that end a generation whatever a file says of them, as llama.cpp has it."""


def vocabulary_sha256(pieces: Sequence[bytes]) -> str:
    """SHA-256 over every token's bytes in id order, each preceded by its length as uint32 little-endian."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(4, "little") + piece)
    return digest.hexdigest()


def byte_characters() -> dict[str, int]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in printable]
    characters = {chr(value): value for value in printable}
    return characters | {chr(256 + i): value for i, value in enumerate(others)}


def find_anchor(pieces: Sequence[bytes], encode: Encode) -> str:
    """A character to put before texts where the tokenizer would put a space before them; else "".

    No token contains it, so that nothing merges across it.
    """
    if b"".join(pieces[i] for i in encode("a")) == b"a":
        return ""
    for code in range(0x10FFFD, 0x10FF00, -1):
        character = chr(code)
        if not any(character.encode() in piece for piece in pieces):
            return character
    raise AssertionError("a vocabulary with 253 private characters")


class Vocabulary:
    """The bytes of every token, and text to ids without a byte changed."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        special_ids: Collection[int],
        user_ids: Collection[int] = (),
    ) -> None:
        """Takes the bytes of each token in id order.

        Args:
            pieces: of a control token its written form, b"" for padding.
            special_ids: control tokens, never made from plain text.
            user_ids: tokens that stand for their text wherever it occurs, before anything else is tokenised; one that
                is a control token as well is that.
        """
        self.pieces = tuple(pieces)
        self.special_ids = frozenset(special_ids)
        plain = [i for i, piece in enumerate(pieces) if i not in self.special_ids]
        self.byte_ids = {pieces[i][0]: i for i in reversed(plain) if len(pieces[i]) == 1}
        self._plain = Words({self.pieces[i]: i for i in user_ids if i not in self.special_ids})
        self._with_special = Words(
            {self.pieces[i]: i for i in (*sorted(self.special_ids, reverse=True), *user_ids)}
        )

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token; raises InvalidToken outside the vocabulary."""
        if not 0 <= token_id < len(self.pieces):
            raise InvalidToken(f"token {token_id} is not in the vocabulary of {len(self.pieces)}")
        return self.pieces[token_id]

    def tokenize(self, text: str, encode: Encode, *, special: bool) -> list[int]:
        """Ids whose bytes are the text's; raises InputError or ModelError for text that cannot be written."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "the text is not valid Unicode", f"it holds half a character at {error.start}"
            ) from error
        ids: list[int] = []
        for part in (self._with_special if special else self._plain).split(text):
            if isinstance(part, int):
                ids.append(part)
            else:
                self._literal(part, encode, ids)
        return ids

    def _literal(self, text: str, encode: Encode, ids: list[int]) -> None:
        """Appends ids of plain text. A text that the tokenizer fails on is halved until only the culprit is left."""
        waiting = [text]
        while waiting:
            text = waiting.pop()
            tried = encode(text) if text else []
            if self._writes(tried, text):
                ids += tried
            elif len(text) == 1:
                ids += self._bytewise(text)
            else:
                middle = len(text) // 2
                waiting += [text[middle:], text[:middle]]

    def _writes(self, ids: Sequence[int], text: str) -> bool:
        return b"".join(
            [self.pieces[i] for i in ids]
        ) == text.encode() and self.special_ids.isdisjoint(ids)

    def _bytewise(self, character: str) -> list[int]:
        try:
            return [self.byte_ids[value] for value in character.encode()]
        except KeyError:
            raise ModelError(
                f"this vocabulary cannot write {character!r}",
                "it has no token for one of its bytes",
            ) from None


class Words:
    """Finds whole tokens in text. The longest one takes its places first, wherever they are."""

    def __init__(self, ids: dict[bytes, int]) -> None:
        longest_first = sorted((piece for piece in ids if piece), key=len, reverse=True)
        self._words = [(piece.decode("utf-8", "replace"), ids[piece]) for piece in longest_first]

    def split(self, text: str) -> list[str | int]:
        """Text between the words, and the ids of the words, in order."""
        parts: list[str | int] = [text]
        for word, token_id in self._words:
            if word in text:
                parts = [
                    piece
                    for part in parts
                    for piece in (
                        [part] if isinstance(part, int) else _parted(part, word, token_id)
                    )
                ]
        return parts


def _parted(text: str, word: str, token_id: int) -> list[str | int]:
    parts: list[str | int] = []
    for piece in text.split(word):
        parts += [piece, token_id]
    return parts[:-1]
