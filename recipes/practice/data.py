"""Documents of the grammar as token ids: whole, and packed into windows for training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from recipes.practice.gguf_writer import BpeVocab
from recipes.practice.grammar import Document, Grammar
from recipes.practice.words import SPECIAL

TRAINING, HELD_OUT = 0, 1
"""Streams of documents. They differ in the upper half of the seed and share no random number."""


def stream_seed(seed: int, stream: int) -> int:
    """Return the grammar's seed of a stream of documents."""
    return seed + (stream << 32)


class Documents(Iterator[Document]):
    """The documents of a stream, without end; `position` is the number of the next one."""

    def __init__(
        self, grammar: Grammar, seed: int, stream: int, position: int = 0, start: str | None = None
    ) -> None:
        self.position = position
        self._grammar = grammar
        self._seed = stream_seed(seed, stream)
        self._start = start

    def __next__(self) -> Document:
        document = self._grammar.document(self._seed, self.position, self._start)
        self.position += 1
        return document


def encode(tokenizer: Tokenizer, vocab: BpeVocab, text: str) -> list[int]:
    """Return the ids of `text`, in which <|user|> and its like are special tokens."""
    if "<|" not in text:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)
    ids: list[int] = []
    for index, part in enumerate(SPECIAL.split(text)):
        if index % 2:
            ids.append(vocab.tokens.index(part))
        elif part:
            ids += tokenizer.encode(part, add_special_tokens=False).ids
    return ids


def token_ids(tokenizer: Tokenizer, vocab: BpeVocab, text: str) -> list[int]:
    """Return BOS, the text and EOS."""
    return [vocab.bos, *encode(tokenizer, vocab, text), vocab.eos]


def packed_windows(
    texts: Iterator[Document], tokenizer: Tokenizer, vocab: BpeVocab, *, count: int, length: int
) -> NDArray[np.int32]:
    """Fill `count` windows of `length` + 1 ids with whole documents, cutting off the last of each.

    Every window begins with a document, as every prompt does; with the next token of each id as its
    target, a window trains `length` positions. Returns (count, length + 1).
    """
    windows = np.empty((count, length + 1), np.int32)
    for row in range(count):
        ids: list[int] = []
        while len(ids) <= length:
            ids += token_ids(tokenizer, vocab, next(texts).text)
        windows[row] = ids[: length + 1]
    return windows
