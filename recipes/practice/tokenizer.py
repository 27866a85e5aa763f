"""The tokenizer of the practice models: byte-level BPE, trained on the grammar's own text.

All 256 bytes are tokens, so any text can be encoded. The special tokens come first; those of a
chat are reserved for the aligned partner, so that both models share one vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from recipes.practice.gguf_writer import CONTROL, NORMAL, BpeVocab

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
SYSTEM, USER, ASSISTANT, END_OF_TURN = "<|system|>", "<|user|>", "<|assistant|>", "<|eot|>"
SPECIALS = (BEGIN, END, PAD, SYSTEM, USER, ASSISTANT, END_OF_TURN)
"""Special tokens; the index of each is its id."""


def train_tokenizer(texts: Iterable[str], n_vocab: int) -> Tokenizer:
    """Learn at most `n_vocab` tokens, specials and bytes included, from `texts`."""
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=n_vocab,
        min_frequency=2,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def vocabulary(tokenizer: Tokenizer) -> BpeVocab:
    """Return the tokenizer's tables in the form that the GGUF writer takes."""
    model = json.loads(tokenizer.to_str())["model"]
    tokens = tuple(sorted(model["vocab"], key=model["vocab"].__getitem__))
    return BpeVocab(
        tokens=tokens,
        merges=tuple(" ".join(pair) for pair in model["merges"]),
        types=tuple(CONTROL if token in SPECIALS else NORMAL for token in tokens),
        bos=tokens.index(BEGIN),
        eos=tokens.index(END),
        pad=tokens.index(PAD),
        eot=tokens.index(END_OF_TURN),
    )


def from_vocabulary(vocab: BpeVocab) -> Tokenizer:
    """Rebuild the tokenizer from its tables. It never reads special tokens out of plain text."""
    ids = {token: index for index, token in enumerate(vocab.tokens)}
    merges = [(left, right) for left, right in (merge.split(" ") for merge in vocab.merges)]
    return _byte_level(models.BPE(vocab=ids, merges=merges))


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
