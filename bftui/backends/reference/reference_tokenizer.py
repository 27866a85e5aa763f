"""The two tokenizers of Llama GGUF files: byte-level BPE ("gpt2") and SentencePiece BPE with byte fallback ("llama").

Both give the ids that llama.cpp gives.
Not for: other pre-tokenizers than GPT-2's; they are refused.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers

from bftui.backends.reference.reference_file import GgufModel
from bftui.backends.shared.gguf_control import by_name
from bftui.backends.shared.gguf_words import BLANKS, whole_words
from bftui.backends.shared.vocabulary import (
    Encode,
    Parts,
    TextTokenizer,
    Vocabulary,
    byte_characters,
)
from bftui.formats.gguf_file import damaged

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
"""Token types as GGUF numbers them."""

_SPACE = "\u2581"


@dataclass(frozen=True)
class GgufTokenizer:
    """A file's tokenizer.

    Attributes:
        vocabulary: the bytes of every token.
        text: from text to ids.
        eog_ids: tokens that end a generation.
    """

    vocabulary: Vocabulary
    text: TextTokenizer
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
    found = by_name(tokens, lambda part: _token_id(file, part, len(tokens), None))
    ends = found.ends
    types = [
        _CONTROL if i in found.control else _USER_DEFINED if i in found.shown else t
        for i, t in enumerate(types)
    ]
    encode: Encode
    if kind == "gpt2":
        pieces, spaced = _byte_level_pieces(tokens, types), False
        encode = _byte_level_encode(file, tokens)
    elif kind == "llama":
        pieces = [_spm_piece(token, t) for token, t in zip(tokens, types, strict=True)]
        spaced = bool(file.value("tokenizer.ggml.add_space_prefix", True))
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
        vocabulary=Vocabulary(
            pieces,
            special_ids=special_ids,
            unknown_ids=[i for i, t in enumerate(types) if t == _UNKNOWN],
        ),
        text=_GgufText(
            encode,
            pieces,
            special_ids,
            user_ids,
            spaced=spaced,
            swallowing=_swallowing(file, tokens, [*special_ids, *user_ids]),
        ),
        bos_id=bos_id,
        add_bos=bos_id is not None
        and bool(file.value("tokenizer.ggml.add_bos_token", kind == "llama")),
        eos_id=eos_id,
        eog_ids=(ends | {i for i in (eos_id, *others) if i is not None}) - found.shown,
    )


def _token_id(file: GgufModel, name: str, n_vocab: int, default: int | None) -> int | None:
    """The token that a file names, or the default in the place of one that is none, as llama.cpp has it."""
    named = file.value(f"tokenizer.ggml.{name}_token_id")
    for token_id in (named, default):
        if token_id is not None and 0 <= token_id < n_vocab:
            return int(token_id)
    return None


def _swallowing(file: GgufModel, tokens: Sequence[str], whole_ids: Sequence[int]) -> set[int]:
    """The tokens that leave out the blanks after them: no file says so, and llama.cpp goes by the model's name."""
    name = str(file.value("general.name", "")).lower()
    if "phi-3" not in name and "phi3" not in name:
        return set()
    return {i for i in whole_ids if tokens[i] not in ("<unk>", "<s>", "<|endoftext|>")}


class _GgufText:
    """A file's tokenizer over the algorithm of its kind; implements `vocabulary.TextTokenizer`."""

    def __init__(
        self,
        encode: Encode,
        pieces: Sequence[bytes],
        special_ids: Sequence[int],
        user_ids: Sequence[int],
        *,
        spaced: bool,
        swallowing: Collection[int],
    ) -> None:
        """Takes the algorithm, and what is read as a whole before it.

        Args:
            encode: text to ids, with nothing put before it.
            pieces: the bytes of each token.
            special_ids: control tokens.
            user_ids: tokens that stand for their text wherever it occurs.
            spaced: whether a space is put before a text, and after every token that is read as a whole.
            swallowing: tokens that leave out the blanks after them.
        """
        self._encode = encode
        self._spaced = spaced
        self._swallowing = swallowing
        self._words = whole_words(pieces, special_ids, user_ids)

    def own(self, text: str) -> list[int]:
        return self._own(self._words[True].split(text))

    def own_parts(self, parts: Parts) -> list[int]:
        words = self._words[False]
        return self._own(
            piece
            for part in parts
            for piece in ([part] if isinstance(part, int) else words.split(part))
        )

    def _own(self, parts: Iterable[str | int]) -> list[int]:
        ids: list[int] = []
        after: int | None = -1
        for part in parts:
            if isinstance(part, int):
                ids.append(part)
                after = part
                continue
            words = part.lstrip(BLANKS) if after in self._swallowing else part
            if words:
                prefix = " " if self._spaced and after is not None else ""
                ids += self._encode(prefix + words)
                after = None
        return ids

    def literal(self, text: str, special: bool) -> list[int]:
        ids: list[int] = []
        for part in self._words[special].split(text):
            ids += [part] if isinstance(part, int) else self._encode(part)
        return ids


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
