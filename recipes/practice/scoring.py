"""Probabilities that a practice model gives to the grammar's words and documents, in torch.

No token spans two words (see `words`), so the probability of a word is that of its tokens, times
the probability that the token after them begins another word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from recipes.practice.data import encode
from recipes.practice.gguf_writer import NORMAL, BpeVocab
from recipes.practice.model import Llama
from recipes.practice.words import END, SPECIAL, edge

_ROWS = 64
_IGNORED = -100


def document_nats(
    model: Llama, vocab: BpeVocab, rows: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Return -ln P of whole documents (ids without begin and end), each on its own; shape (rows,)."""
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    found = np.zeros(len(rows))
    for start in range(0, len(order), _ROWS):
        group = order[start : start + _ROWS]
        whole = [[vocab.bos, *rows[row], vocab.eos] for row in group]
        logits, targets = _forward(model, whole)
        losses = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="none"
        )
        found[group] = losses.view(len(group), -1).double().sum(1).cpu().numpy()
    return found


def word_chances(
    model: Llama, tokenizer: Tokenizer, vocab: BpeVocab, prefix: Sequence[int], words: Sequence[str]
) -> dict[str, float]:
    """Return the model's probability of each of `words` right after `prefix` (ids, begin included)."""
    going_on = _going_on(vocab)
    found: dict[str, float] = {}
    for start in range(0, len(words), _ROWS):
        group = words[start : start + _ROWS]
        pieces = [[vocab.eos] if w == END else encode(tokenizer, vocab, w) for w in group]
        # One more id lets the last logits be those after the word.
        whole = [[*prefix, *ids, vocab.eos] for ids in pieces]
        logits, _ = _forward(model, whole)
        chances = logits.double().softmax(-1).cpu().numpy()
        for row, (word, ids) in enumerate(zip(group, pieces, strict=True)):
            at = len(prefix) - 1
            chance = 1.0
            for offset, token in enumerate(ids):
                chance *= float(chances[row, at + offset, token])
            kind = edge(word[-1]) if word and not SPECIAL.fullmatch(word) else "space"
            if kind != "space":
                chance *= 1.0 - float(chances[row, at + len(ids)][going_on[kind]].sum())
            found[word] = chance
    return found


def _going_on(vocab: BpeVocab) -> dict[str, NDArray[np.int64]]:
    """Return, for each kind of last character, the ids of tokens that would go on with the word."""
    kinds: dict[str, list[int]] = {"letter": [], "digit": [], "sign": []}
    for index, token in enumerate(vocab.tokens):
        # Byte-level BPE spells a leading space as another character, beyond ASCII as other bytes.
        if token[0].isascii() and vocab.types[index] == NORMAL and token[0] != "'":
            kinds[edge(token[0])].append(index)
    return {kind: np.array(ids, dtype=np.int64) for kind, ids in kinds.items()}


def _forward(model: Llama, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return logits (rows, time, n_vocab) for all but the last id, and the next ids, padded."""
    device = next(model.parameters()).device
    length = max(map(len, rows))
    ids = torch.full((len(rows), length), _IGNORED)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.tensor(values)
    ids = ids.to(device)
    with torch.inference_mode():
        logits = model(ids[:, :-1].clamp(min=0)).float()
    return logits, ids[:, 1:]
