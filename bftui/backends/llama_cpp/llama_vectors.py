"""One vector of a text, from a GGUF file: pooled as the file says, of a model without a pooling the mean.

Texts are read one after another, each whole in one batch: a pooled vector needs all of its tokens at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bftui.backends.llama_cpp.llama_library import LIBRARY, C, encode, forget_log, logged_reason
from bftui.backends.llama_cpp.llama_load import check_types, load_weights, use_gpu
from bftui.backends.text_models import TextModelInfo, TextRows
from bftui.core.errors import ModelError, ModelLoadError, UnsupportedModel
from bftui.formats import gguf_file
from bftui.formats.gguf_check import checked_header
from bftui.formats.machine import physical_cores
from bftui.formats.open_spec import OpenSpec, Progress

LONGEST = 1024
"""Tokens of a text where `OpenSpec.n_ctx` names no number: what attention takes grows with its square."""

_WORDS = {
    C.LLAMA_POOLING_TYPE_MEAN: "mean of the last layer",
    C.LLAMA_POOLING_TYPE_CLS: "first token of the last layer",
    C.LLAMA_POOLING_TYPE_LAST: "last token of the last layer",
}


class LlamaVectors:
    """One model with a context; implements `text_models.TextModel`."""

    def __init__(self, model: Any, context: Any, info: TextModelInfo) -> None:
        self.info = info
        self._model, self._context = model, context
        self._vocab = C.llama_model_get_vocab(model)
        self._ends = C.llama_vocab_get_add_eos(self._vocab) or C.llama_vocab_get_add_sep(
            self._vocab
        )
        self._width = int(C.llama_model_n_embd_out(model))

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Returns the vectors of single texts; that of a text without a token is 0. Raises ModelError."""
        values, cut = np.zeros((len(inputs), self._width), np.float32), []
        for row, (text,) in zip(values, inputs, strict=True):
            ids = encode(self._vocab, text, whole=True)
            cut.append(len(ids) > self.info.max_tokens)
            if cut[-1]:
                last = ids[-1:] if self._ends else []
                ids = ids[: self.info.max_tokens - len(last)] + last
            if ids:
                row[:] = self._vector(ids)
        return TextRows(values, tuple(cut))

    def _vector(self, ids: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
        if memory := C.llama_get_memory(self._context):
            C.llama_memory_clear(memory, True)
        batch = C.llama_batch_init(len(ids), 0, 1)
        try:
            batch.n_tokens = len(ids)
            for place, token_id in enumerate(ids):
                batch.token[place] = token_id
                batch.pos[place] = place
                batch.n_seq_id[place] = 1
                batch.seq_id[place][0] = 0
                batch.logits[place] = 1
            forget_log()
            # Of a model without a decoder the library takes the other way by itself.
            failed = C.llama_decode(self._context, batch)
            found = None if failed else C.llama_get_embeddings_seq(self._context, 0)
        finally:
            C.llama_batch_free(batch)
        if not found:
            raise ModelError(
                f"{self.info.name} gave no vector of a text",
                logged_reason("llama.cpp gives no reason"),
                "take another model of vectors",
            )
        return np.ctypeslib.as_array(found, (self._width,)).copy()

    def close(self) -> None:
        """Frees the model; may be called twice."""
        if self._model is not None:
            C.llama_free(self._context)
            C.llama_model_free(self._model)
            self._model = self._context = None


def open_text_model(spec: OpenSpec, progress: Progress) -> LlamaVectors:
    """Opens the file that `spec` names.

    Raises ModelLoadError, UnsupportedModel for a reranker, CapabilityError and Cancelled.
    """
    path = Path(spec.source)
    header = checked_header(path, generates=False)
    check_types(path, header)
    gpu = use_gpu(spec)
    layers, overrides = spec.gpu_layers if gpu else 0, (C.llama_model_kv_override * 1)()
    model = load_weights(path, layers, gpu, overrides, progress)
    context = None
    try:
        longest = min(spec.n_ctx or LONGEST, int(C.llama_model_n_ctx_train(model)) or LONGEST)
        context = _new_context(path, model, longest, spec, gpu, C.LLAMA_POOLING_TYPE_UNSPECIFIED)
        declared = C.llama_pooling_type(context) != C.LLAMA_POOLING_TYPE_NONE
        if not declared:
            C.llama_free(context)
            context = None
            context = _new_context(path, model, longest, spec, gpu, C.LLAMA_POOLING_TYPE_MEAN)
        how = _WORDS.get(C.llama_pooling_type(context))
        if how is None:
            raise UnsupportedModel(
                f"{path} gives no vectors of texts",
                "it says how well two texts fit (a reranker)",
                "take a model of vectors, or one that generates text",
            )
    except BaseException:
        if context is not None:
            C.llama_free(context)
        C.llama_model_free(model)
        raise
    info = TextModelInfo(
        gguf_file.stem(path),
        LIBRARY,
        str(path),
        "vectors",
        how if declared else f"{how}, not trained for it",
        longest,
    )
    return LlamaVectors(model, context, info)


def _new_context(
    path: Path, model: Any, longest: int, spec: OpenSpec, gpu: bool, pooling: int
) -> Any:
    params = C.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = longest
    params.n_seq_max = 1
    params.n_threads = params.n_threads_batch = spec.threads or physical_cores()
    params.embeddings, params.pooling_type = True, pooling
    params.offload_kqv = params.op_offload = gpu
    # As for models that generate: it would keep scores in half precision on the CPU.
    params.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
    forget_log()
    context = C.llama_init_from_model(model, params)
    if not context:
        raise ModelLoadError(
            f"cannot make a context of {longest} tokens for {path}",
            logged_reason("llama.cpp gives no reason"),
            "choose a smaller --ctx",
        )
    return context
