"""The tokenizer of a Hugging Face directory as bytes of tokens, and plain text to ids.

Byte-level BPE and SentencePiece-style vocabularies (BPE or unigram with byte fallback) are read exactly; whatever a
tokenizer of another kind cannot write literally, `Vocabulary` refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends.transformers_library import one_line, transformers
from bftui.backends.vocabulary import (
    END_TEXTS,
    Encode,
    Vocabulary,
    byte_characters,
    find_anchor,
)
from bftui.core.errors import ModelLoadError, UnsupportedModel

_SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class HfTokenizer:
    """A directory's tokenizer.

    Attributes:
        vocabulary: the bytes of every token of the logits, padding included.
        encode: plain text to ids; not yet checked to be literal.
        eog_ids: tokens that end a generation, as far as the tokenizer knows.
    """

    vocabulary: Vocabulary
    encode: Encode
    bos_id: int | None
    eos_id: int | None
    add_bos: bool
    eog_ids: frozenset[int]
    chat_template: str | None


def read_tokenizer(path: Path, n_vocab: int) -> HfTokenizer:
    """The tokenizer in a directory, for logits of width `n_vocab`; raises ModelLoadError, UnsupportedModel."""
    loaded = _load(path)
    tokenizer = loaded.backend_tokenizer
    added = {int(i): token for i, token in loaded.added_tokens_decoder.items() if int(i) < n_vocab}
    pieces = _pieces(tokenizer, {i: token.content for i, token in added.items()}, n_vocab)
    special = {i for i, token in added.items() if token.special}
    special |= {i for i in loaded.all_special_ids if i is not None and i < n_vocab}
    ends = {i for i in special if pieces[i].decode(errors="replace") in END_TEXTS}
    vocabulary = Vocabulary(
        pieces, special_ids=special, user_ids=[i for i in added if i not in special]
    )
    bos = loaded.bos_token_id
    framed = loaded("a")["input_ids"]
    # Control tokens that are written in a text are text: only a template may mean them. A call of `loaded` resets this.
    tokenizer.encode_special_tokens = True
    return HfTokenizer(
        vocabulary=vocabulary,
        encode=_encode(tokenizer, vocabulary),
        bos_id=bos,
        eos_id=loaded.eos_token_id,
        add_bos=bos is not None and framed[:1] == [bos],
        eog_ids=frozenset(ends | {i for i in (loaded.eos_token_id,) if i is not None}),
        chat_template=_template(loaded.chat_template),
    )


def _load(path: Path) -> Any:
    try:
        loaded = transformers.AutoTokenizer.from_pretrained(
            str(path), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        # A tokenizer that is missing, damaged or of an unknown kind shows as any of a dozen errors.
        if not any(path.glob("tokenizer*")) and not any(path.glob("*.model")):
            reason = "it has no tokenizer: there is no tokenizer.json"
            raise ModelLoadError(
                f"cannot load {path}", reason, "download the tokenizer's files too"
            ) from error
        raise ModelLoadError(
            f"cannot load the tokenizer of {path}", one_line(error), "download it again"
        ) from error
    if not getattr(loaded, "is_fast", False):
        raise UnsupportedModel(
            f"cannot use the tokenizer of {path}",
            f"it is a {type(loaded).__name__}, which is no tokenizer of the tokenizers library",
            "save it as tokenizer.json first",
        )
    return loaded


def _pieces(tokenizer: Any, added: dict[int, str], n_vocab: int) -> list[bytes]:
    """The bytes of each token; b"" for the ids past the tokenizer's."""
    byte_level = "ByteLevel" in _kinds(json.loads(tokenizer.to_str()))
    values = byte_characters()
    pieces = []
    for i in range(n_vocab):
        token = tokenizer.id_to_token(i)
        if i in added:
            pieces.append(added[i].encode())
        elif token is None:
            pieces.append(b"")
        elif byte_level:
            pieces.append(bytes(values[c] for c in token if c in values))
        elif (byte := _BYTE.fullmatch(token)) is not None:
            pieces.append(bytes([int(byte[1], 16)]))
        else:
            pieces.append(token.replace(_SPACE, " ").encode())
    return pieces


def _kinds(state: dict[str, Any]) -> set[str]:
    """The types of everything that comes before and after the tokenizer's model."""
    found: set[str] = set()
    waiting = [state.get("decoder"), state.get("pre_tokenizer")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.add(str(part.get("type")))
            waiting += part.get("decoders", []) + part.get("pretokenizers", [])
    return found


def _encode(tokenizer: Any, vocabulary: Vocabulary) -> Encode:
    def plain(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    anchor = find_anchor(vocabulary.pieces, plain)
    skipped = len(plain(anchor)) if anchor else 0

    def encode(text: str) -> list[int]:
        return plain(anchor + text)[skipped:]

    return encode


def _template(template: str | dict[str, str] | Sequence[Any] | None) -> str | None:
    """The chat template; the default one of several."""
    if isinstance(template, dict):
        return template.get("default")
    return template if isinstance(template, str) else None
