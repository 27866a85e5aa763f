"""The tokenizer of a Hugging Face directory as bytes of tokens, and text to ids as its library has it.

Byte-level BPE and SentencePiece-style vocabularies (BPE or unigram with byte fallback) are read exactly; whatever a
tokenizer of another kind cannot write literally, `Vocabulary` refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bftui.backends.shared.vocabulary import END_TEXTS, TextTokenizer, Vocabulary, byte_characters
from bftui.backends.transformers.hf_library import transformers
from bftui.backends.transformers.hf_text import HfText, failing_as
from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats.directory_template import default_template, read_templates

_AGAIN = "download it again"
_FILES = ("tokenizer.*", "*.model", "vocab.*", "*.tiktoken", "tekken.json")
"""What holds a vocabulary; `tokenizer_config.json` by itself does not."""

_SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class HfTokenizer:
    """A directory's tokenizer.

    Attributes:
        vocabulary: the bytes of every token of the logits, padding included.
        text: from text to ids.
        eog_ids: tokens that end a generation, as far as the tokenizer knows.
        template_tokens: special tokens that a chat template may ask for, by name.
        start_ids: what it puts before a text, where that is not `bos_id` alone.
    """

    vocabulary: Vocabulary
    text: TextTokenizer
    bos_id: int | None
    eos_id: int | None
    add_bos: bool
    eog_ids: frozenset[int]
    chat_template: str | None
    template_tokens: Mapping[str, Any] = field(default_factory=dict)
    start_ids: tuple[int, ...] = ()


def read_tokenizer(path: Path, n_vocab: int) -> HfTokenizer:
    """Return the tokenizer in a directory, for logits of width `n_vocab`; raises ModelLoadError, UnsupportedModel."""
    loaded = library_tokenizer(path)
    tokenizer = loaded.backend_tokenizer
    state = json.loads(tokenizer.to_str())
    added = {int(i): token for i, token in loaded.added_tokens_decoder.items() if int(i) < n_vocab}
    pieces = _pieces(tokenizer, state, {i: token.content for i, token in added.items()}, n_vocab)
    special = {i for i, token in added.items() if token.special}
    special |= {i for i in loaded.all_special_ids if i is not None and i < n_vocab}
    ends = {i for i in special if pieces[i].decode(errors="replace") in END_TEXTS}
    bos, eos = loaded.bos_token_id, loaded.eos_token_id
    with failing_as(ModelLoadError(f"cannot use the tokenizer of {path}", hint=_AGAIN)):
        # The call, unlike `encode`, also takes away a length that texts are cut to.
        start = _start(
            loaded("a")["input_ids"], tokenizer.encode("a", add_special_tokens=False).ids
        )
    for token_id in start:
        if token_id >= n_vocab:
            raise ModelLoadError(
                f"cannot use the tokenizer of {path}",
                f"it starts texts with token {token_id}, and the weights are for {n_vocab} tokens",
                _AGAIN,
            )
    return HfTokenizer(
        vocabulary=Vocabulary(
            pieces,
            special_ids=special,
            unknown_ids=[i for i in (loaded.unk_token_id,) if i is not None],
        ),
        text=HfText(tokenizer, state, added, special, n_vocab),
        bos_id=bos if bos is not None and bos < n_vocab else None,
        eos_id=eos if eos is not None and eos < n_vocab else None,
        add_bos=bos is not None and start == (bos,),
        eog_ids=frozenset(ends | {i for i in (eos,) if i is not None}),
        chat_template=default_template(read_templates(path)),
        template_tokens=_template_tokens(loaded),
        start_ids=start if start != (bos,) else (),
    )


def _start(framed: list[int], plain: list[int]) -> tuple[int, ...]:
    """What is put before a text; what is put after it would end it."""
    for size in range(len(framed) - len(plain) + 1):
        if framed[size : size + len(plain)] == plain:
            return tuple(framed[:size])
    return ()


def library_tokenizer(path: Path) -> Any:
    """Return the library's tokenizer of a directory; raises ModelLoadError, UnsupportedModel."""
    if not any(file.is_file() for name in _FILES for file in path.glob(name)):
        # Of some models the library would make an empty one, to which every word is unknown.
        raise ModelLoadError(
            f"cannot load {path}",
            "it has no tokenizer: there is no tokenizer.json",
            "download the tokenizer's files too",
        )
    with failing_as(ModelLoadError(f"cannot load the tokenizer of {path}", hint=_AGAIN)):
        loaded = transformers.AutoTokenizer.from_pretrained(
            str(path), local_files_only=True, trust_remote_code=False
        )
    if not getattr(loaded, "is_fast", False):
        raise UnsupportedModel(
            f"cannot use the tokenizer of {path}",
            f"it is a {type(loaded).__name__}, which is not a tokenizer of the tokenizers library",
            "save it as tokenizer.json first",
        )
    model = loaded.backend_tokenizer.model
    if getattr(model, "dropout", None):
        # It is for training: the same text would be other tokens each time.
        model.dropout = None
    return loaded


def _pieces(
    tokenizer: Any, state: dict[str, Any], added: dict[int, str], n_vocab: int
) -> list[bytes]:
    """The bytes of each token; b"" for the ids past the tokenizer's."""
    byte_level = "ByteLevel" in _kinds(state)
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


def _template_tokens(loaded: Any) -> dict[str, Any]:
    """The special tokens that a template may ask for by name, as the library gives them."""
    named: dict[str, Any] = {name: str(token) for name, token in loaded.special_tokens_map.items()}
    more = [str(token) for token in getattr(loaded, "extra_special_tokens", None) or ()]
    return {"additional_special_tokens": more, **named} if more else named
