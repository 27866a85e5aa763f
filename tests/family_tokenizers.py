"""The vocabularies of the tiny models as tokenizers of both formats: GGUF's keys, and a directory's JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from recipes.practice.gguf_writer import CONTROL, UNKNOWN, BpeVocab, SpmVocab

_SPACE = "\u2581"

_PARTS = {
    "qwen2": "|".join(
        (
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
            r"[^\r\n\p{L}\p{N}]?\p{L}+",
            r"\p{N}",
            r" ?[^\s\p{L}\p{N}]+[\r\n]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    )
}
"""What a text is parted into, by GGUF's name of the way."""


def write_tokenizer_keys(
    writer: gguf.GGUFWriter, vocabulary: BpeVocab | SpmVocab, *, add_bos: bool, pre: str
) -> None:
    """Adds every key whose absence makes a reader guess."""
    if isinstance(vocabulary, BpeVocab):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(list(vocabulary.merges))
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(list(vocabulary.scores))
        writer.add_unk_token_id(vocabulary.unknown)
        writer.add_add_space_prefix(vocabulary.add_space_prefix)
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_types(list(vocabulary.types))
    writer.add_bos_token_id(vocabulary.bos)
    writer.add_eos_token_id(vocabulary.eos)
    if vocabulary.eot is not None:
        writer.add_eot_token_id(vocabulary.eot)
    writer.add_add_bos_token(add_bos)
    writer.add_add_eos_token(False)


def write_tokenizer(
    folder: Path, vocabulary: BpeVocab | SpmVocab, *, add_bos: bool, pre: str, n_ctx: int
) -> None:
    """Writes `tokenizer.json` and `tokenizer_config.json`."""
    bpe = isinstance(vocabulary, BpeVocab)
    tokenizer = byte_level(vocabulary, pre) if bpe else sentencepiece(vocabulary)
    special = [
        (i, token)
        for i, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind in (CONTROL, UNKNOWN)
    ]
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for _, token in special]
    )
    bos = vocabulary.tokens[vocabulary.bos]
    if add_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, vocabulary.bos)]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos if add_bos else None,
        "eos_token": vocabulary.tokens[vocabulary.eos],
        "add_bos_token": add_bos,
        "clean_up_tokenization_spaces": False,
        "model_max_length": n_ctx,
        "added_tokens_decoder": {
            str(i): {"content": token, "special": True, "normalized": False} for i, token in special
        },
    }
    if isinstance(vocabulary, SpmVocab):
        config["unk_token"] = vocabulary.tokens[vocabulary.unknown]
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))


def byte_level(vocabulary: BpeVocab, pre: str) -> Tokenizer:
    """Byte-level BPE that parts a text as GGUF's `pre` says."""
    merges = [(left, right) for left, right in (merge.split(" ") for merge in vocabulary.merges)]
    tokenizer = Tokenizer(models.BPE(vocab=_ids(vocabulary), merges=merges))
    if pre == "gpt-2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_PARTS[pre]), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentencepiece(vocabulary: SpmVocab) -> Tokenizer:
    """The same as ranked merges: of every token all its splits, in the order of the scores."""
    ids = _ids(vocabulary)
    ranked = sorted(range(len(vocabulary.tokens)), key=lambda i: (-vocabulary.scores[i], i))
    merges = []
    for token in (vocabulary.tokens[i] for i in ranked if i >= 259):
        splits = ((token[:at], token[at:]) for at in range(1, len(token)))
        merges += [(left, right) for left, right in splits if left in ids and right in ids]
    tokenizer = Tokenizer(
        models.BPE(vocab=ids, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    replaced = normalizers.Replace(" ", _SPACE)
    steps = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if vocabulary.add_space_prefix:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), replaced])
        steps.append(decoders.Strip(" ", 1, 0))
    else:
        tokenizer.normalizer = replaced
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer


def _ids(vocabulary: BpeVocab | SpmVocab) -> dict[str, int]:
    return {token: i for i, token in enumerate(vocabulary.tokens)}
