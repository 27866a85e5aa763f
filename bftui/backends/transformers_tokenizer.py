"""The tokenizer of a Hugging Face directory as bytes of tokens, and plain text to ids.

Byte-level BPE and SentencePiece-style vocabularies (BPE or unigram with byte fallback) are read exactly; whatever a
tokenizer of another kind cannot write literally, `Vocabulary` refuses.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from bftui.core.errors import BftuiError, ModelError, ModelLoadError, UnsupportedModel

_AGAIN = "download it again"
_OTHER_TEXT = "give another text"
_FILES = ("tokenizer.*", "*.model", "vocab.*", "*.tiktoken", "tekken.json")
"""What holds a vocabulary; `tokenizer_config.json` by itself does not."""

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
    if getattr(tokenizer.model, "dropout", None):
        # It is for training: the same text would be other tokens each time.
        tokenizer.model.dropout = None
    added = {int(i): token for i, token in loaded.added_tokens_decoder.items() if int(i) < n_vocab}
    pieces = _pieces(tokenizer, {i: token.content for i, token in added.items()}, n_vocab)
    special = {i for i, token in added.items() if token.special}
    special |= {i for i in loaded.all_special_ids if i is not None and i < n_vocab}
    ends = {i for i in special if pieces[i].decode(errors="replace") in END_TEXTS}
    vocabulary = Vocabulary(
        pieces, special_ids=special, user_ids=[i for i in added if i not in special]
    )
    bos, eos = loaded.bos_token_id, loaded.eos_token_id
    with _failing_as(ModelLoadError(f"cannot use the tokenizer of {path}", hint=_AGAIN)):
        framed = loaded("a")["input_ids"]
    add_bos = bos is not None and framed[:1] == [bos]
    if add_bos and bos >= n_vocab:
        raise ModelLoadError(
            f"cannot use the tokenizer of {path}",
            f"it starts texts with token {bos}, and the weights are for {n_vocab} tokens",
            _AGAIN,
        )
    # Control tokens that are written in a text are text: only a template may mean them. A call of `loaded` resets this.
    tokenizer.encode_special_tokens = True
    return HfTokenizer(
        vocabulary=vocabulary,
        encode=_encode(tokenizer, vocabulary),
        bos_id=bos if bos is not None and bos < n_vocab else None,
        eos_id=eos if eos is not None and eos < n_vocab else None,
        add_bos=add_bos,
        eog_ids=frozenset(ends | {i for i in (eos,) if i is not None}),
        chat_template=_template(loaded.chat_template),
    )


def _load(path: Path) -> Any:
    failure = ModelLoadError(f"cannot load the tokenizer of {path}", hint=_AGAIN)
    if not any(file.is_file() for name in _FILES for file in path.glob(name)):
        failure = ModelLoadError(
            f"cannot load {path}",
            "it has no tokenizer: there is no tokenizer.json",
            "download the tokenizer's files too",
        )
    with _failing_as(failure):
        loaded = transformers.AutoTokenizer.from_pretrained(
            str(path), local_files_only=True, trust_remote_code=False
        )
    if not getattr(loaded, "is_fast", False):
        raise UnsupportedModel(
            f"cannot use the tokenizer of {path}",
            f"it is a {type(loaded).__name__}, which is no tokenizer of the tokenizers library",
            "save it as tokenizer.json first",
        )
    return loaded


@contextmanager
def _failing_as(failure: BftuiError) -> Iterator[None]:
    """Turns what the libraries raise into `failure`; its reason, where it has none, is theirs.

    A tokenizer that is damaged or of an unknown kind shows as any of a dozen errors. Some are panics of Rust, which are
    no `Exception` and write to the standard error by themselves.
    """
    try:
        with _silenced():
            yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = failure.reason or one_line(error)
        raise type(failure)(failure.message, reason, failure.hint) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Sends nowhere what is written to the standard error from outside of Python."""
    try:
        kept = os.dup(2)
    except OSError:
        kept = -1
    if kept < 0:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


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
        with _failing_as(ModelError("the model's tokenizer fails on this text", hint=_OTHER_TEXT)):
            ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        # A tokenizer may know tokens that the model does not: they cannot be written.
        return ids if max(ids, default=0) < len(vocabulary.pieces) else []

    anchor = find_anchor(vocabulary.pieces, plain)
    skipped = len(plain(anchor)) if anchor else 0

    def encode(text: str) -> list[int]:
        return plain(anchor + text)[skipped:]

    return encode


def _template(template: str | dict[str, str] | Sequence[Any] | None) -> str | None:
    """The chat template; the default one of several."""
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) else None
