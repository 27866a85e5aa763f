"""The two tokenizers of Llama GGUF files: byte-level BPE ("gpt2") and SentencePiece BPE with byte fallback ("llama").

Both give the ids that llama.cpp gives for plain text, without a space put before it.
Not for: other pre-tokenizers than GPT-2's; they are refused.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers

from bftui.backends.gguf_file import damaged
from bftui.backends.reference_file import GgufModel
from bftui.backends.vocabulary import END_TEXTS, Encode, Vocabulary, byte_characters

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
"""Token types as GGUF numbers them."""

_SPACE = "\u2581"


@dataclass(frozen=True)
class GgufTokenizer:
    """A file's tokenizer.

    Attributes:
        vocabulary: the bytes of every token.
        encode: plain text to ids; not yet checked to be literal.
        eog_ids: tokens that end a generation.
    """

    vocabulary: Vocabulary
    encode: Encode
    bos_id: int | None
    add_bos: bool
    eos_id: int | None
    eog_ids: frozenset[int]


def read_tokenizer(file: GgufModel) -> GgufTokenizer:
    """Builds the tokenizer that a file describes; raises ModelLoadError and UnsupportedModel."""
    tokens: list[str] = file.required("tokenizer.ggml.tokens")
    types: list[int] = file.value("tokenizer.ggml.token_type") or [_NORMAL] * len(tokens)
    kind = file.required("tokenizer.ggml.model")
    if not tokens or len(types) != len(tokens):
        raise damaged(file.path, f"{len(types)} token types for {len(tokens)} tokens")
    ends = {i for i, token in enumerate(tokens) if token in END_TEXTS}
    types = [_CONTROL if i in ends else t for i, t in enumerate(types)]
    if kind == "gpt2":
        pieces = _byte_level_pieces(tokens, types)
        encode = _byte_level_encode(file, tokens)
    elif kind == "llama":
        pieces = [_spm_piece(token, t) for token, t in zip(tokens, types, strict=True)]
        encode = _SpmEncode(file, tokens, types)
    else:
        raise file.unsupported(f"its tokenizer is {kind}, neither gpt2 nor llama")
    special_ids = [i for i, t in enumerate(types) if t in (_CONTROL, _UNKNOWN)]
    user_ids = [i for i, t in enumerate(types) if t == _USER_DEFINED]
    # The ids that llama.cpp assumes for files that name none.
    bos_id = _token_id(file, "bos", len(tokens), 1 if kind == "llama" else 11)
    eos_id = _token_id(file, "eos", len(tokens), 2 if kind == "llama" else 11)
    others = [_token_id(file, name, len(tokens), None) for name in ("eot", "eom")]
    return GgufTokenizer(
        vocabulary=Vocabulary(pieces, special_ids=special_ids, user_ids=user_ids),
        encode=encode,
        bos_id=bos_id,
        add_bos=bos_id is not None
        and bool(file.value("tokenizer.ggml.add_bos_token", kind == "llama")),
        eos_id=eos_id,
        eog_ids=frozenset(ends | {i for i in (eos_id, *others) if i is not None}),
    )


def _token_id(file: GgufModel, name: str, n_vocab: int, default: int | None) -> int | None:
    token_id = file.value(f"tokenizer.ggml.{name}_token_id", default)
    return int(token_id) if token_id is not None and 0 <= token_id < n_vocab else None


def _byte_level_pieces(tokens: Sequence[str], types: Sequence[int]) -> list[bytes]:
    values = byte_characters()
    pieces = []
    for token, kind in zip(tokens, types, strict=True):
        if kind in (_CONTROL, _UNKNOWN, _USER_DEFINED):
            pieces.append(token.encode())
        elif kind == _NORMAL:
            pieces.append(bytes(values[character] for character in token if character in values))
        else:
            pieces.append(b"")
    return pieces


def _byte_level_encode(file: GgufModel, tokens: Sequence[str]) -> Encode:
    pre = file.value("tokenizer.ggml.pre", "default")
    if pre != "gpt-2":
        raise file.unsupported(f"its pre-tokenizer is {pre}, not gpt-2")
    merges = []
    for merge in file.required("tokenizer.ggml.merges"):
        # A part may begin with a space of its own, so that the dividing one is never the first character.
        space = merge.index(" ", 1)
        merges.append((merge[:space], merge[space + 1 :]))
    vocab = {token: i for i, token in reversed(list(enumerate(tokens)))}
    try:
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    except Exception as error:
        raise damaged(file.path, f"its merges do not fit its tokens ({error})") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return encode


def _spm_piece(token: str, kind: int) -> bytes:
    if kind in (_CONTROL, _UNKNOWN, _USER_DEFINED):
        return token.encode()
    if kind == _NORMAL:
        return token.replace(_SPACE, " ").encode()
    if kind == _BYTE:
        return bytes([int(token[3:5], 16)])
    return b""


class _SpmEncode:
    """SentencePiece's BPE: of all neighbours whose joined text is a token, the best score is joined first.

    The leftmost of equals goes first, and any two neighbours may join, however they came about. A list of ranked
    merges, which is what the `tokenizers` library takes, says neither.
    """

    def __init__(self, file: GgufModel, tokens: Sequence[str], types: Sequence[int]) -> None:
        scores: Any = file.value("tokenizer.ggml.scores") or [0.0] * len(tokens)
        if len(scores) != len(tokens):
            raise damaged(file.path, f"{len(scores)} scores for {len(tokens)} tokens")
        self._ids = {token: i for i, token in reversed(list(enumerate(tokens)))}
        self._scores = [float(score) for score in scores]
        self._byte_ids = {
            int(token[3:5], 16): i
            for i, (token, kind) in enumerate(zip(tokens, types, strict=True))
            if kind == _BYTE
        }
        if len(self._byte_ids) < 256:
            raise file.unsupported("its vocabulary has no tokens for single bytes")

    def __call__(self, text: str) -> list[int]:
        parts = list(text.replace(" ", _SPACE))
        following = list(range(1, len(parts) + 1))
        preceding = list(range(-1, len(parts) - 1))
        queue: list[tuple[float, int, str]] = []

        def offer(left: int) -> None:
            right = following[left] if left >= 0 else len(parts)
            if right < len(parts):
                joined = parts[left] + parts[right]
                token_id = self._ids.get(joined)
                if token_id is not None:
                    heapq.heappush(queue, (-self._scores[token_id], left, joined))

        for left in range(len(parts) - 1):
            offer(left)
        while queue:
            _, left, joined = heapq.heappop(queue)
            right = following[left]
            # Either part may have been joined with another neighbour since this was offered.
            if not parts[left] or right >= len(parts) or parts[left] + parts[right] != joined:
                continue
            parts[left], parts[right] = joined, ""
            following[left] = following[right]
            if following[left] < len(parts):
                preceding[following[left]] = left
            offer(preceding[left])
            offer(left)
        return [token_id for part in parts if part for token_id in self._spell(part)]

    def _spell(self, part: str) -> list[int]:
        token_id = self._ids.get(part)
        if token_id is not None:
            return [token_id]
        return [self._byte_ids[value] for value in part.encode()]
