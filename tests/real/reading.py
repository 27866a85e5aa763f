"""Pretrained models read without bftui: logits of a path from the library's own interface, in the shapes of a session.

A prompt goes in as one text, cut into pieces where it is long, every later token by itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

PIECE = 256
"""Tokens of a prompt that are evaluated at once."""


class Reader(Protocol):
    """One model in one of the libraries."""

    def rows(self, pieces: Sequence[Sequence[int]]) -> list[F32]:
        """The logits after each piece of a path that is read from its beginning, piece by piece."""
        ...

    def every(self, token_ids: Sequence[int]) -> F32:
        """The logits after every token of a text that is read at once; shape (len(token_ids), n_vocab)."""
        ...


def pieces(prompt: Sequence[int], sampled: Sequence[int]) -> list[list[int]]:
    """A prompt and the tokens after it as they are evaluated."""
    cut = [list(prompt[at : at + PIECE]) for at in range(0, len(prompt), PIECE)]
    return [*cut, *([token_id] for token_id in sampled)]


class LlamaCppReader:
    """A GGUF file through llama.cpp's C interface: weights as they are, a cache in float32, one thread."""

    def __init__(self, path: Path, n_ctx: int = 2048) -> None:
        from llama_cpp import llama_cpp as library

        self._library: Any = library
        params = library.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = library.llama_model_load_from_file(str(path).encode(), params)
        settings = library.llama_context_default_params()
        settings.n_ctx = n_ctx
        settings.n_batch = settings.n_ubatch = PIECE
        settings.n_threads = settings.n_threads_batch = 1
        settings.type_k = settings.type_v = library.GGML_TYPE_F32
        settings.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_DISABLED
        settings.swa_full = True
        self._context = library.llama_init_from_model(self._model, settings)
        self._width = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self._model))
        self._batch = library.llama_batch_init(PIECE, 0, 1)

    def _decode(self, token_ids: Sequence[int], position: int, scored: int) -> list[F32]:
        batch = self._batch
        batch.n_tokens = len(token_ids)
        for i, token_id in enumerate(token_ids):
            batch.token[i], batch.pos[i] = token_id, position + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = i >= scored
        assert self._library.llama_decode(self._context, batch) == 0
        found = []
        for i in range(scored, len(token_ids)):
            row = self._library.llama_get_logits_ith(self._context, i)
            address = ctypes.cast(row, ctypes.c_void_p).value
            shared = (ctypes.c_float * self._width).from_address(address)
            found.append(np.array(shared, dtype=np.float32))
        return found

    def _clear(self) -> None:
        memory = self._library.llama_get_memory(self._context)
        self._library.llama_memory_clear(memory, True)

    def rows(self, pieces: Sequence[Sequence[int]]) -> list[F32]:
        self._clear()
        found, position = [], 0
        for piece in pieces:
            found += self._decode(piece, position, len(piece) - 1)
            position += len(piece)
        return found

    def every(self, token_ids: Sequence[int]) -> F32:
        self._clear()
        found: list[F32] = []
        for at in range(0, len(token_ids), PIECE):
            found += self._decode(token_ids[at : at + PIECE], at, 0)
        return np.stack(found)

    def close(self) -> None:
        self._library.llama_batch_free(self._batch)
        self._library.llama_free(self._context)
        self._library.llama_model_free(self._model)


class TransformersReader:
    """A directory through transformers: weights widened to float32, the library's own cache, one thread."""

    def __init__(self, directory: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        self._torch = torch
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        self._model: Any = model.eval()

    def rows(self, pieces: Sequence[Sequence[int]]) -> list[F32]:
        found, cache = [], None
        with self._torch.inference_mode():
            for piece in pieces:
                ids = self._torch.tensor([list(piece)])
                answer = self._model(
                    input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1
                )
                cache = answer.past_key_values
                found.append(answer.logits[0, -1].numpy().copy())
        return found

    def every(self, token_ids: Sequence[int]) -> F32:
        with self._torch.inference_mode():
            ids = self._torch.tensor([list(token_ids)])
            logits: F32 = self._model(input_ids=ids, use_cache=False).logits[0].numpy()
        return logits

    def close(self) -> None:
        del self._model
