"""The tokenizer of a GGUF file, as the installed llama.cpp has it.

Not for: the file's vocabulary, which is read with the model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bftui.backends.llama_cpp.llama_library import C, encode
from bftui.backends.shared.gguf_words import BLANKS, whole_words
from bftui.backends.shared.vocabulary import Parts


class LlamaCppTokenizer:
    """llama.cpp's; implements `vocabulary.TextTokenizer`."""

    def __init__(
        self,
        vocab: Any,
        pieces: Sequence[bytes],
        special_ids: Collection[int],
        user_ids: Sequence[int],
    ) -> None:
        """Takes the library's vocabulary, the bytes of its tokens, and those that are read as a whole."""
        self._vocab = vocab
        self._anchor = _anchor(vocab, pieces)
        self._skipped = len(encode(vocab, self._anchor)) if self._anchor else 0
        self._words = whole_words(pieces, special_ids, user_ids)
        stripping = C.LLAMA_TOKEN_ATTR_LSTRIP | C.LLAMA_TOKEN_ATTR_RSTRIP
        self._swallows = any(self._has(i, stripping) for i in (*special_ids, *user_ids))

    def own(self, text: str) -> list[int]:
        return encode(self._vocab, text, special=True)

    def own_parts(self, parts: Parts) -> list[int]:
        ids: list[int] = []
        for place, part in enumerate(parts):
            if isinstance(part, int):
                ids.append(part)
                continue
            if place and self._has(parts[place - 1], C.LLAMA_TOKEN_ATTR_RSTRIP):
                part = part.lstrip(BLANKS)
            if place + 1 < len(parts) and self._has(parts[place + 1], C.LLAMA_TOKEN_ATTR_LSTRIP):
                part = part.rstrip(BLANKS)
            ids += encode(self._vocab, part)
        return ids

    def _has(self, token_id: str | int, attribute: int) -> bool:
        return bool(C.llama_vocab_get_attr(self._vocab, token_id) & attribute)

    def literal(self, text: str, special: bool) -> list[int]:
        if not self._anchor and not self._swallows:
            return encode(self._vocab, text, special=special)
        # The library puts spaces after tokens that are read as a whole, too, and leaves out those beside them.
        ids: list[int] = []
        for part in self._words[special].split(text):
            if isinstance(part, int):
                ids.append(part)
            elif part:
                ids += encode(self._vocab, self._anchor + part)[self._skipped :]
        return ids


def _anchor(vocab: Any, pieces: Sequence[bytes]) -> str:
    """A character to put before texts where the library would put a space before them; else "".

    No token contains it, so that nothing merges across it.
    """
    if b"".join(pieces[i] for i in encode(vocab, "a")) == b"a":
        return ""
    for code in range(0x10FFFD, 0x10FF00, -1):
        character = chr(code)
        if not any(character.encode() in piece for piece in pieces):
            return character
    raise AssertionError("a vocabulary with 253 private characters")
