"""From a GGUF file to a llama.cpp model and a context that fits into memory, or one clear error.

Not for: evaluation, which is `llama_backend.py`.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends.llama_cpp.llama_library import (
    LIBRARY,
    C,
    forget_log,
    logged_reason,
    metadata_int,
    piece,
)
from bftui.backends.llama_cpp.llama_tokenizer import LlamaCppTokenizer
from bftui.backends.protocol import ModelInfo
from bftui.backends.reference.reference_tokenizer import GgufTokenizer
from bftui.backends.shared.path_backend import share
from bftui.backends.shared.vocabulary import Vocabulary, vocabulary_sha256
from bftui.core.batch import CHUNK
from bftui.core.errors import (
    Cancelled,
    CapabilityError,
    ModelError,
    ModelLoadError,
    UnsupportedModel,
)
from bftui.formats import gguf_file
from bftui.formats.context_plan import Plan, Shape, planned, step_rows, trained_note
from bftui.formats.gguf_check import checked_header
from bftui.formats.gguf_header import GgufHeader
from bftui.formats.machine import available_memory, physical_cores, size
from bftui.formats.model_facts import gguf_shape
from bftui.formats.open_spec import OpenSpec, Progress
from bftui.formats.rotary import LONG, ORIGINAL

_WIDE = re.compile(r"norm\b|norm\.|\.bias$|\.ssm_(?:a|d|conv1d)\b|\.shortconv\.conv\b")
"""Norms, biases, and what recurrent layers have beside their matrices."""

_KINDS = ("architecture", "tokenizer", "pre-tokenizer")
"""What a sound file may name that this version of the library does not know."""


@dataclass(frozen=True)
class LoadedLlama:
    """A model with a context, both owned by the holder of this; `fixed_threads` where somebody asked for a number.

    `make` gives another context of the model: of so many cells and sequences, and so many tokens computed at once. It
    raises ModelLoadError.
    """

    model: Any
    vocab: Any
    context: Any
    plan: Plan
    make: Callable[[int, int, int], Any]
    info: ModelInfo
    vocabulary: Vocabulary
    tokenizer: LlamaCppTokenizer
    fixed_threads: bool


def load(spec: OpenSpec, progress: Progress) -> LoadedLlama:
    """Opens the file that `spec` names.

    Raises ModelLoadError, UnsupportedModel, CapabilityError and Cancelled.
    """
    path = Path(spec.source)
    header = checked_header(path)
    check_types(path, header)
    gpu = use_gpu(spec)
    plan = _plan_context(spec, gguf_shape(header), gpu)
    layers, overrides = spec.gpu_layers if gpu else 0, _overrides(header, plan.n_ctx)
    model = load_weights(path, layers, gpu, overrides, share(progress, 0, 0.5))
    context = None
    try:
        vocab = C.llama_model_get_vocab(model)
        _refuse_unsupported(path, model)
        threads = spec.threads or physical_cores()

        def make(cells: int, sequences: int, ubatch: int) -> Any:
            return _new_context(path, model, plan, cells, sequences, ubatch, threads, gpu)

        context = make(plan.cells, plan.sequences, plan.ubatch)
        vocabulary, tokenizer = _tokens(path, vocab)
        sha256 = gguf_file.file_sha256(path, share(progress, 0.5, 1))
        info = _info(header, path, model, vocab, vocabulary, plan, threads, gpu, sha256)
        fixed = spec.threads > 0
        return LoadedLlama(model, vocab, context, plan, make, info, vocabulary, tokenizer, fixed)
    except BaseException:
        if context is not None:
            C.llama_free(context)
        C.llama_model_free(model)
        raise


def check_types(path: Path, header: GgufHeader) -> None:
    """Raises UnsupportedModel for tensors that the library takes as float32 alone: it ends the process on others."""
    for name, tensor in header.tensors.items():
        if tensor.kind != "F32" and _WIDE.search(name):
            raise UnsupportedModel(
                f"llama.cpp cannot run {path}",
                f"its tensor {name[:60]} is stored as {tensor.kind}, and llama.cpp takes it as F32 alone",
                "convert the model again, or take another file of it",
            )


def read_tokenizer(path: Path) -> GgufTokenizer:
    """Return the tokenizer of a file, for a backend that computes with the weights itself.

    Raises ModelLoadError and UnsupportedModel.
    """
    params = C.llama_model_default_params()
    params.vocab_only = True
    no_devices = (ctypes.c_void_p * 1)(None)
    params.devices = ctypes.cast(no_devices, ctypes.c_void_p)
    forget_log()
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise _not_loaded(path)
    try:
        vocab = C.llama_model_get_vocab(model)
        vocabulary, tokenizer = _tokens(path, vocab)
    except BaseException:
        C.llama_model_free(model)
        raise
    weakref.finalize(tokenizer, C.llama_model_free, model)
    bos, eos = _known(C.llama_vocab_bos(vocab)), _known(C.llama_vocab_eos(vocab))
    return GgufTokenizer(
        vocabulary=vocabulary,
        text=tokenizer,
        bos_id=bos,
        add_bos=bos is not None and bool(C.llama_vocab_get_add_bos(vocab)),
        eos_id=eos,
        eog_ids=_ends(vocab, vocabulary),
    )


def _known(token_id: int) -> int | None:
    return None if token_id == C.LLAMA_TOKEN_NULL else token_id


def _ends(vocab: Any, vocabulary: Vocabulary) -> frozenset[int]:
    return frozenset(i for i in range(len(vocabulary.pieces)) if C.llama_vocab_is_eog(vocab, i))


def use_gpu(spec: OpenSpec) -> bool:
    """Whether layers go on a GPU. Raises CapabilityError where there is no such device."""
    supported = bool(C.llama_supports_gpu_offload())
    if spec.device in ("cuda", "mps") and not supported:
        raise CapabilityError(
            f"there is no device {spec.device} here",
            "this llama-cpp-python was built for the CPU",
            "use --device cpu, or reinstall llama-cpp-python with GPU support",
        )
    return supported and spec.device != "cpu" and spec.gpu_layers != 0


def _overrides(header: GgufHeader, n_ctx: int) -> Any:
    """What the library is to take for the file's own settings, as an array that ends with an empty one.

    It chooses the factors of LongRoPE by the cells of a context, which hold continuations too or are made as they are
    needed, and not by the tokens of the longest path.
    """
    key = f"{header.architecture}.{ORIGINAL}"
    original = header.number(ORIGINAL) or header.number("context_length")
    if LONG not in header.tensors:
        return (C.llama_model_kv_override * 1)()
    overrides = (C.llama_model_kv_override * 2)()
    overrides[0].tag = C.LLAMA_KV_OVERRIDE_TYPE_INT
    overrides[0].key = key.encode()
    overrides[0].value.val_i64 = 1 if n_ctx > original else 2**31 - 1
    return overrides


def load_weights(path: Path, gpu_layers: int, gpu: bool, overrides: Any, progress: Progress) -> Any:
    """Return the library's model, which the caller frees. Raises ModelLoadError, UnsupportedModel, Cancelled."""
    cancelled = False
    failure: BaseException | None = None

    def report(part: float, _data: object) -> bool:
        nonlocal cancelled, failure
        try:
            cancelled = not progress(part, "loading the weights")
        except BaseException as error:
            failure = error
        return not (cancelled or failure)

    params = C.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.kv_overrides = overrides
    params.progress_callback = C.llama_progress_callback(report)
    if not gpu:
        # No device at all, so that a build with GPU support does not offload single large products either.
        no_devices = (ctypes.c_void_p * 1)(None)
        params.devices = ctypes.cast(no_devices, ctypes.c_void_p)
    forget_log()
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    if failure is not None:
        if model:
            C.llama_model_free(model)
        raise failure
    if cancelled:
        if model:
            C.llama_model_free(model)
        raise Cancelled("loading was cancelled")
    if not model:
        raise _not_loaded(path)
    return model


def _not_loaded(path: Path) -> ModelError:
    """Why the library did not load a file."""
    reason = logged_reason("llama.cpp gives no reason")
    if "unknown" in reason and any(word in reason for word in _KINDS):
        return UnsupportedModel(
            f"cannot load {path}", reason, "a newer llama-cpp-python may know it"
        )
    return gguf_file.senseless(path, reason)


def _refuse_unsupported(path: Path, model: Any) -> None:
    """Raises UnsupportedModel for an architecture that only the library knows not to be a decoder."""
    reason = None
    if not C.llama_model_has_decoder(model) or C.llama_model_has_encoder(model):
        reason = "it is an encoder, or needs one"
    elif C.llama_model_is_diffusion(model):
        reason = "it is a diffusion model"
    if reason is not None:
        raise UnsupportedModel(
            f"{path} has no next-token distribution", reason, "open a model that generates text"
        )


def _new_context(
    path: Path,
    model: Any,
    plan: Plan,
    cells: int,
    sequences: int,
    ubatch: int,
    threads: int,
    gpu: bool,
) -> Any:
    params = C.llama_context_default_params()
    params.n_batch = batch = max(CHUNK, plan.rows)
    # A context takes no batch that is larger than itself.
    params.n_ctx = cells = max(cells, batch)
    params.n_ubatch = ubatch
    params.n_seq_max = sequences
    params.n_outputs_max_per_seq = 0
    params.kv_unified = True
    params.swa_full = True
    params.n_threads = params.n_threads_batch = threads
    params.type_k = params.type_v = C.GGML_TYPE_F32 if plan.kv == "f32" else C.GGML_TYPE_F16
    # Flash attention keeps scores in half precision on the CPU: entropies would be off by 1e-3 nats.
    exact = plan.kv == "f32" or not gpu
    params.flash_attn_type = (
        C.LLAMA_FLASH_ATTN_TYPE_DISABLED if exact else C.LLAMA_FLASH_ATTN_TYPE_AUTO
    )
    params.offload_kqv = params.op_offload = gpu
    forget_log()
    context = C.llama_init_from_model(model, params)
    if not context:
        raise ModelLoadError(
            f"cannot make a context of {cells} tokens for {path}",
            logged_reason(f"about {size(plan.bytes)} are needed"),
            "choose a smaller --ctx",
        )
    if C.llama_n_ctx(context) < cells or C.llama_n_batch(context) < batch:
        C.llama_free(context)
        raise ModelLoadError(
            f"cannot make a context of {cells} tokens for {path}",
            "llama.cpp made a smaller one",
            "choose a smaller --ctx",
        )
    return context


def _tokens(path: Path, vocab: Any) -> tuple[Vocabulary, LlamaCppTokenizer]:
    count = C.llama_vocab_n_tokens(vocab)
    buffer = ctypes.create_string_buffer(512)
    pieces = [piece(vocab, i, buffer) for i in range(count)]
    attributes = [C.llama_vocab_get_attr(vocab, i) for i in range(count)]

    def having(wanted: int, unwanted: int = 0) -> list[int]:
        return [i for i, has in enumerate(attributes) if has & wanted and not has & unwanted]

    unknown = C.LLAMA_TOKEN_ATTR_UNKNOWN
    special = C.LLAMA_TOKEN_ATTR_CONTROL | unknown
    vocabulary = Vocabulary(pieces, special_ids=having(special), unknown_ids=having(unknown))
    if C.llama_vocab_type(vocab) == C.LLAMA_VOCAB_TYPE_SPM and len(vocabulary.byte_ids) < 256:
        # Tokenising a character that neither a token nor bytes can write would end the process.
        raise UnsupportedModel(
            f"cannot use the vocabulary of {path}", "it has no tokens for single bytes"
        )
    # A token that is both is a control token.
    user_ids = having(C.LLAMA_TOKEN_ATTR_USER_DEFINED, special)
    return vocabulary, LlamaCppTokenizer(vocab, pieces, vocabulary.special_ids, user_ids)


def _info(
    header: GgufHeader,
    path: Path,
    model: Any,
    vocab: Any,
    vocabulary: Vocabulary,
    plan: Plan,
    threads: int,
    gpu: bool,
    sha256: str,
) -> ModelInfo:
    trained = header.number("context_length")
    file_type = metadata_int(model, "general.file_type")
    if file_type is None:
        file_type = C.llama_model_ftype(model) & ~C.LLAMA_FTYPE_GUESSED
    quantization = gguf_file.file_type_name(file_type) or "unknown"
    bos, eos = _known(C.llama_vocab_bos(vocab)), _known(C.llama_vocab_eos(vocab))
    template = C.llama_model_chat_template(model, None)
    state = C.llama_model_is_recurrent(model) or C.llama_model_is_hybrid(model)
    return ModelInfo(
        name=gguf_file.stem(path),
        title=header.title,
        backend="llama-cpp",
        library=LIBRARY,
        source=str(path),
        architecture=header.architecture,
        n_vocab=len(vocabulary.pieces),
        n_ctx=plan.n_ctx,
        n_ctx_train=trained or None,
        bos_id=bos,
        add_bos=bos is not None and bool(C.llama_vocab_get_add_bos(vocab)),
        eog_ids=_ends(vocab, vocabulary),
        special_ids=vocabulary.special_ids,
        chat_template=template.decode("utf-8", "replace") if template else None,
        template_tokens=gguf_file.template_tokens(header.values.get, vocabulary.pieces),
        parameters=C.llama_model_n_params(model),
        quantization=quantization,
        bytes=header.bytes,
        kv_bytes_per_token=plan.kv_bytes_per_token,
        dtype=gguf_file.dtype_name(quantization),
        kv=plan.kv,
        device=device_name(gpu),
        threads=threads,
        sha256=sha256,
        tokenizer_sha256=vocabulary_sha256(vocabulary.pieces),
        rewind="checkpoint" if state else "any",
        max_continuations=plan.rows,
        continuation_tokens=plan.pool,
        batch_rows=plan.batch_rows,
        # Where the prefix of one row can be copied from another: neither out of a state nor past a sliding window.
        ragged=not state and C.llama_model_n_swa(model) == 0,
        # Within the window no cell of a row is given away.
        rows_rewind=0 if state else C.llama_model_n_swa(model),
        note=trained_note(trained, plan.n_ctx),
        shaped=plan.rounding != "none",
        padded=plan.rounding == "coarse",
        step_rows=_step_rows(header, model, plan, gpu),
        eos_id=eos,
    )


def _step_rows(header: GgufHeader, model: Any, plan: Plan, gpu: bool) -> int:
    """Rows of a step of padded ones; 0 for all: on a GPU, and where fillers cannot take the cells of the others."""
    state = C.llama_model_is_recurrent(model) or C.llama_model_is_hybrid(model)
    # Cells past a sliding window are free, and fillers have as many positions as there are rows.
    window = C.llama_model_n_swa(model) or plan.batch_rows
    if plan.rounding != "coarse" or gpu or state or window < plan.batch_rows:
        return 0
    return step_rows(header.types)


def device_name(gpu: bool) -> str:
    """Return what a device of this build of the library is called."""
    if not gpu:
        return "cpu"
    if sys.platform == "darwin":
        return "mps"
    return "cuda" if b"CUDA" in C.llama_print_system_info() else "gpu"


def _plan_context(spec: OpenSpec, shape: Shape, gpu: bool) -> Plan:
    """Sizes of the context. Raises ModelLoadError where the memory does not hold it, which would end the process."""
    plan = planned(spec, shape, C.llama_max_parallel_sequences())
    free = available_memory()
    if not gpu and free is not None and plan.bytes > free:
        raise ModelLoadError(
            f"a context of {plan.n_ctx} tokens does not fit",
            f"it needs about {size(plan.bytes)} and {size(free)} are available",
            "choose a smaller --ctx" + (", or --kv f16" if plan.kv == "f32" else ""),
        )
    return plan
