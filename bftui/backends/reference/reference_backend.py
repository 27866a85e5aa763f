"""Llama-architecture GGUF in NumPy: makes the practice models run from a plain install, and is the oracle of the tests.

Weights of F32, F16 and Q8_0, computed in float32; tokenizers `gpt2` and `llama`.
Not for: anything else, which llama.cpp does.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bftui.backends.protocol import F32, ModelInfo
from bftui.backends.reference.blas import blas_threads
from bftui.backends.reference.reference_file import HINT, GgufModel, Sizes
from bftui.backends.reference.reference_model import ContinuationCache, Llama, PathCache
from bftui.backends.reference.reference_tokenizer import GgufTokenizer, read_tokenizer
from bftui.backends.shared.path_backend import PathBackend, PathContinuations, share
from bftui.backends.shared.vocabulary import vocabulary_sha256
from bftui.core.errors import CapabilityError, ModelLoadError
from bftui.formats import gguf_file
from bftui.formats.context_plan import default_context, trained_note
from bftui.formats.machine import available_memory, is_small, physical_cores, size
from bftui.formats.open_spec import OpenSpec, Progress

_ROWS = 40
"""Rows of one step of rollouts: each call costs the same for many, and two experiments go beside each other."""


class ReferenceBackend(PathBackend):
    """One model in NumPy; implements `protocol.Backend`."""

    def __init__(self, info: ModelInfo, tokenizer: GgufTokenizer, model: Llama) -> None:
        super().__init__(info, tokenizer.vocabulary, tokenizer.text)
        self._model = model
        self._cache = PathCache(model.sizes)
        self._open_batches = 0

    def _shorten_cache(self, length: int) -> int:
        if self._open_batches and length < self._cache.length:
            # Continuations go on reading what is about to be overwritten: they keep the old store.
            self._cache = self._cache.copy(length)
        self._cache.length = length
        return length

    def _forward(self, token_ids: Sequence[int], scored: int) -> list[F32]:
        start = len(self._path)
        end = start + len(token_ids)
        self._cache.reserve(end)
        # Damaged weights give NaN, which the distribution reports; NumPy's warnings would go to the terminal.
        with np.errstate(all="ignore"), blas_threads(self.info.threads):
            hidden = self._model.forward(
                token_ids, range(start, end), self._cache, self.check_cancelled
            )
            rows = [row.copy() for row in self._model.logits(hidden[scored:])]
        self._cache.length = end
        return rows

    def _open_continuations(self, length: int, rows: int) -> PathContinuations:
        return _Continuations(self, length, rows)

    def continuation_cache(self, length: int, rows: int) -> ContinuationCache:
        """Room for continuations of the first `length` ids of the path."""
        self._open_batches += 1
        return ContinuationCache(self._model.sizes, self._cache, length, rows)

    def continuations_closed(self) -> None:
        """Says that the room of one `continuation_cache` is no longer needed."""
        self._open_batches -= 1

    def forward_rows(
        self, token_ids: Sequence[int], positions: Sequence[int], cache: ContinuationCache
    ) -> F32:
        """Appends one token to each selected row of a batch; logits of shape (len(token_ids), n_vocab)."""
        self.check_open()
        with np.errstate(all="ignore"), blas_threads(self.info.threads):
            hidden = self._model.forward(token_ids, positions, cache, self.check_cancelled)
            return self._model.logits(hidden)

    def _free(self) -> None:
        del self._model, self._cache


class _Continuations(PathContinuations):
    """Continuations that read the path's keys and values and keep their own."""

    _backend: ReferenceBackend

    def __init__(self, backend: ReferenceBackend, length: int, rows: int) -> None:
        super().__init__(backend, length, rows)
        self._cache = backend.continuation_cache(length, rows)

    def _forward(self, rows: Sequence[int], token_ids: Sequence[int]) -> F32:
        self._cache.select(rows)
        logits = self._backend.forward_rows(
            token_ids, [self.lengths[row] for row in rows], self._cache
        )
        self._cache.lengths[list(rows)] += 1
        return logits

    def _drop(self, rows: Sequence[int]) -> None:
        """The room of all rows is one array, which goes with the last of them."""

    def _renew(self, rows: Sequence[int]) -> None:
        self._cache.lengths[list(rows)] = 0

    def _rewind(self, row: int, length: int) -> None:
        self._cache.lengths[row] = length - self._begun

    def _release(self) -> None:
        del self._cache
        self._backend.continuations_closed()


def open_model(spec: OpenSpec, progress: Progress) -> ReferenceBackend:
    """Opens a GGUF file; raises ModelLoadError, UnsupportedModel, NonFiniteLogits, CapabilityError and Cancelled."""
    if spec.device not in ("auto", "cpu"):
        raise CapabilityError(
            f"the reference backend has no device {spec.device}", hint="use --device cpu"
        )
    path = Path(spec.source)
    file = GgufModel(path)
    try:
        sizes = file.sizes()
        tokenizer = read_tokenizer(file)
        n_ctx = spec.n_ctx or default_context(sizes.n_ctx or 0)
        _check_memory(n_ctx, sizes, file.header.parameters)
        sha256 = gguf_file.file_sha256(path, share(progress, 0, 0.5))
        n_vocab = len(tokenizer.vocabulary.pieces)
        model = Llama(sizes, file.weights(sizes, n_vocab, n_ctx, share(progress, 0.5, 1)))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Metadata of another type than their key promises.
        raise gguf_file.senseless(path, f"its metadata make no sense ({error})") from error
    backend = ReferenceBackend(
        ModelInfo(
            name=gguf_file.stem(path),
            title=file.header.title,
            backend="reference",
            library=f"numpy {version('numpy')}",
            source=str(path),
            architecture=file.architecture,
            n_vocab=n_vocab,
            n_ctx=n_ctx,
            n_ctx_train=sizes.n_ctx,
            bos_id=tokenizer.bos_id,
            add_bos=tokenizer.add_bos,
            eos_id=tokenizer.eos_id,
            eog_ids=tokenizer.eog_ids,
            special_ids=tokenizer.vocabulary.special_ids,
            chat_template=file.value("tokenizer.chat_template"),
            template_tokens=gguf_file.template_tokens(file.value, tokenizer.vocabulary.pieces),
            parameters=file.header.parameters,
            quantization=file.header.quantization,
            bytes=file.header.bytes,
            kv_bytes_per_token=_kv_bytes_per_token(sizes),
            dtype="float32",
            kv="f32",
            device="cpu",
            threads=spec.threads or (1 if is_small(file.header.parameters) else physical_cores()),
            sha256=sha256,
            tokenizer_sha256=vocabulary_sha256(tokenizer.vocabulary.pieces),
            max_continuations=max(1, spec.max_continuations),
            batch_rows=_ROWS,
            ragged=True,
            note=trained_note(sizes.n_ctx, n_ctx),
        ),
        tokenizer,
        model,
    )
    backend.check_logits()
    return backend


def _kv_bytes_per_token(sizes: Sizes) -> int:
    return 2 * 4 * sizes.n_layer * sizes.n_head_kv * sizes.head_dim


def _check_memory(n_ctx: int, sizes: Sizes, parameters: int) -> None:
    weights, kv, free = 4 * parameters, n_ctx * _kv_bytes_per_token(sizes), available_memory()
    if free is None:
        return
    if weights > free:
        raise ModelLoadError(
            "the model does not fit into the memory",
            f"its weights need {size(weights)} as float32 and {size(free)} are available",
            HINT,
        )
    if weights + kv > free:
        raise ModelLoadError(
            f"a context of {n_ctx} tokens does not fit",
            f"it needs {size(kv)} and {size(free - weights)} are available",
            "choose a smaller --ctx",
        )
