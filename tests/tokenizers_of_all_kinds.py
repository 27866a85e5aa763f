"""Tiny tokenizers of every kind that pretrained models have, as directories that `transformers` reads.

They are trained on the sentences of `tests.models`, so that their tokens are words and parts of words.
Not for: weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tests.family_tokenizers import byte_level, sentencepiece
from tests.models import bpe_vocab, sentences, spm_vocab

SPECIALS = ("<unk>", "<s>", "</s>")


def texts() -> tuple[str, ...]:
    """A sample of what people type, and of what they do not."""
    return (
        "",
        " ",
        "a",
        "Once upon a time",
        "return the value",
        " Sure",
        "  two  spaces   inside  ",
        "\n\nline\n  indented\ttabs\r\n",
        "The BRIDGE, the bridge: don't I'll we've 12,345.67%",
        "1314151 100 99 7",
        "one two three four five six seven eight nine ten the river the bridge and for cafe\u0301",
        "cafe\u0301 na\u00efve \u0130stanbul \ufb01ne \u2460 \u00bd \uff21\uff22 \u212b \ufdfa",
        "\u6cb3\u306f\u5e83\u3044\u3002 \u0420\u0435\u043a\u0430 \u0645\u0631\u062d\u0628\u0627",
        "\u0928\u092e\u0938\u094d\u0924\u0947 \u1112\u1161\u11ab",
        "\U0001f600\U0001f3fd\u200d\u2764\ufe0f \ufeff \u00a0\u2003\u200b",
        "\x00\x01\x1b[31m\x7f\u202e\u0085",
        "\u2581a\u2581 \u2581",
        "<s></s><unk> <|user|> <|end|>\n<|user|>\n hi<|end|> \n<|assistant|>\nSure",
        "<tool>x <tool> x<tool> <word> a<word>b <word>s <left> \t<left>x",
        "def f(x):\n    return x  # two\n",
        *sentences(),
        " ".join(sentences()) * 3,
    )


def _sentencepiece() -> Tokenizer:
    """The legacy conversion of Llama: a normaliser puts a blank before every piece of text."""
    return sentencepiece(spm_vocab())


def _sentencepiece_first() -> Tokenizer:
    """The later one: a blank before the first word only."""
    tokenizer = sentencepiece(spm_vocab())
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return tokenizer


def _sentencepiece_without() -> Tokenizer:
    tokenizer = sentencepiece(spm_vocab())
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    return tokenizer


@cache
def _unigram_pieces() -> list[tuple[str, float]]:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    words = ["return the value and the values"] * 3
    trainer = trainers.UnigramTrainer(vocab_size=400, show_progress=False)
    tokenizer.train_from_iterator([*sentences(), *words], trainer)
    return [(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def _unigram(byte_fallback: bool) -> Tokenizer:
    byte_tokens = [(f"<0x{value:02X}>", -20.0) for value in range(256)] if byte_fallback else []
    known = {*SPECIALS, *(piece for piece, _ in byte_tokens)}
    pieces = [(piece, score) for piece, score in _unigram_pieces() if piece not in known]
    vocab = [*((special, 0.0) for special in SPECIALS), *byte_tokens, *pieces]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _byte_level(
    *, add_prefix_space: bool = False, normalizer: Any = None, split: str | None = None
) -> Tokenizer:
    tokenizer = byte_level(bpe_vocab(), "gpt-2")
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=split is None)
    parts = [] if split is None else [pre_tokenizers.Split(Regex(split), behavior="isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*parts, bytes_of])
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def _with(tokenizer: Tokenizer, *tokens: AddedToken) -> Tokenizer:
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def _chat_tokens(**flags: bool) -> list[AddedToken]:
    names = ("<|user|>", "<|end|>", "<|assistant|>")
    return [AddedToken(name, special=True, normalized=False, **flags) for name in names]


def _flagged() -> list[AddedToken]:
    return [
        AddedToken("<tool>", rstrip=True, lstrip=True),
        AddedToken("<word>", single_word=True),
        AddedToken("<left>", lstrip=True, normalized=False),
    ]


def _numbers() -> list[AddedToken]:
    return [AddedToken(str(number), normalized=False) for number in range(1000)]


def _framed(tokenizer: Tokenizer, single: str, specials: Sequence[str]) -> Tokenizer:
    tokenizer.add_special_tokens(list(specials))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single,
        pair=f"{single} $B",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in specials],
    )
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "sentencepiece, legacy": _sentencepiece,
    "sentencepiece, first word": _sentencepiece_first,
    "sentencepiece, no space": _sentencepiece_without,
    "unigram": lambda: _unigram(byte_fallback=True),
    "unigram, unknown": lambda: _unigram(byte_fallback=False),
    "byte level": _byte_level,
    "byte level, space": lambda: _byte_level(add_prefix_space=True),
    "byte level, nfc": lambda: _byte_level(normalizer=normalizers.NFC()),
    "byte level, nfkc": lambda: _byte_level(normalizer=normalizers.NFKC()),
    "byte level, lower case": lambda: _byte_level(normalizer=normalizers.Lowercase()),
    "byte level, accents": lambda: _byte_level(
        normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    ),
    "byte level, strip": lambda: _byte_level(normalizer=normalizers.Strip()),
    "byte level, replace": lambda: _byte_level(
        normalizer=normalizers.Replace(Regex(" {2,}"), "__")
    ),
    "byte level, digits": lambda: _byte_level(split=r"\p{N}|[^\r\n\p{L}\p{N}]?\p{L}+"),
    "rstrip": lambda: _with(_byte_level(), *_chat_tokens(rstrip=True)),
    "rstrip, legacy": lambda: _with(_sentencepiece(), *_chat_tokens(rstrip=True)),
    "lstrip": lambda: _with(_byte_level(), *_chat_tokens(lstrip=True)),
    "single word": lambda: _with(_byte_level(), *_chat_tokens(single_word=True)),
    "flags": lambda: _with(_byte_level(), *_flagged(), *_chat_tokens()),
    "flags, nfkc": lambda: _with(_byte_level(normalizer=normalizers.NFKC()), *_flagged()),
    "flags, first word": lambda: _with(_sentencepiece_first(), *_flagged(), *_chat_tokens()),
    "flags, legacy": lambda: _with(_sentencepiece(), *_flagged(), *_chat_tokens()),
    "overlapping": lambda: _with(_byte_level(), *_numbers()),
    "two start tokens": lambda: _framed(_byte_level(), "<s> <go> $A", ("<s>", "<go>")),
    "start and end": lambda: _framed(_byte_level(), "<s> $A </s>", ("<s>", "</s>")),
}
"""A tokenizer of each kind, by name."""


def write(folder: Path, name: str) -> int:
    """Writes a tokenizer into a directory; the size of its vocabulary."""
    tokenizer = KINDS[name]()
    if name.startswith(("sentencepiece", "unigram")) or name.endswith(("legacy", "first word")):
        tokenizer.add_special_tokens(
            [AddedToken(token, special=True, normalized=False) for token in SPECIALS]
        )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }
    if tokenizer.token_to_id("<s>") is not None:
        config["bos_token"] = "<s>"
    if tokenizer.token_to_id("</s>") is not None:
        config["eos_token"] = "</s>"
    if tokenizer.token_to_id("<unk>") is not None:
        config["unk_token"] = "<unk>"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer.get_vocab_size()
