"""A random Llama of 56 M parameters and 32,000 tokens whose entropy is that of a trained model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from recipes.practice.gguf_writer import NORMAL, LlamaConfig, write_llama_gguf
from tests.models import bpe_vocab, random_weights

SPREAD = 0.22
"""Deviation of the output matrix: gives next-token entropies of 2 to 3 nats."""


@contextmanager
def big_model(n_vocab: int = 32_000) -> Iterator[Path]:
    """The file, while the block lasts: hidden 512, 8 layers, 8 query heads over 4, float32, 226 MB."""
    small = bpe_vocab()
    missing = n_vocab - len(small.tokens)
    vocabulary = replace(
        small,
        tokens=(*small.tokens, *(f"filler{i}" for i in range(missing))),
        types=(*small.types, *([NORMAL] * missing)),
    )
    config = LlamaConfig(
        n_vocab=n_vocab, n_ctx=2048, n_embd=512, n_layer=8, n_head=8, n_head_kv=4, n_ff=1408
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.gguf"
        write_llama_gguf(
            path,
            config=config,
            tensors=random_weights(config, seed=0, tied=False, spread=SPREAD),
            tokenizer=vocabulary,
            dtype="f32",
            name="big",
        )
        yield path
