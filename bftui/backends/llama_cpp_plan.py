"""How large a llama.cpp context is to be: cells, precision, batch, and whether the memory holds it.

llama.cpp checks none of this: a context beyond the memory would end the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf

from bftui.backends.base import OpenSpec
from bftui.backends.llama_cpp_library import C, metadata, metadata_int
from bftui.backends.local import CHUNK
from bftui.backends.machine import available_memory, size
from bftui.core.errors import ModelLoadError

_DEFAULT_CTX = 4096
_F32_KV_LIMIT = 4 << 30
_FAN_CELLS = 96
"""Cells of the pool for each continuation: with 96 of them, 32 rollouts of 256 tokens and some room beside them."""

_FAN_BYTES = 1 << 30
_FEWEST_ROWS = 32
_BATCH_ROWS = (8, 32)
_CELL_WORK = 160
"""What the other rows' cells cost each row of a batch, in products of one cell: 32 tokens, at a fifth of the speed.

Measured on a model of 2.6 M parameters.
"""

_OWN_SEQUENCES = 2
"""The path, and what keeps its cells from being overwritten."""

_SCORES_BYTES = 512 << 20
_CELL_BYTES = 64
"""What the library keeps of each cache cell besides keys and values."""

_BYTES = {"f32": 4, "f16": 2}


@dataclass(frozen=True)
class Plan:
    """How large the context is to be.

    Attributes:
        n_ctx: the logical limit of a path.
        cells: cache cells of the pool that the path and its continuations share.
        ubatch: tokens computed at once.
        rows: continuations that may be open at once; fewer where each of them takes a large state.
        batch_rows: continuations that are best stepped at once.
        sequences: these and the path's own.
        bytes: estimate of what the context takes.
    """

    n_ctx: int
    cells: int
    ubatch: int
    rows: int
    batch_rows: int
    sequences: int
    kv: Literal["f32", "f16"]
    kv_bytes_per_token: int
    bytes: int


def plan_context(spec: OpenSpec, path: Path, model: Any, gpu: bool) -> Plan:
    """Sizes of the context; raises ModelLoadError where they exceed the memory."""
    trained: int = C.llama_model_n_ctx_train(model)
    n_ctx = spec.n_ctx or min(trained, _DEFAULT_CTX)
    most: int = C.llama_max_parallel_sequences() - _OWN_SEQUENCES
    state = 4 * _state_numbers(model)
    rows = max(1, min(spec.fan_out, most, max(_FEWEST_ROWS, _FAN_BYTES // max(1, state))))
    numbers = _kv_numbers_per_token(path, model)

    def cells(kv_bytes: int) -> int:
        room = _FAN_BYTES // max(1, kv_bytes)
        return n_ctx + min(rows * _FAN_CELLS, max(rows * 2, room))

    kv = spec.kv
    if kv == "auto":
        kv = "f32" if cells(numbers * 4) * numbers * 4 <= _F32_KV_LIMIT else "f16"
    kv_bytes = numbers * _BYTES[kv]
    pool = cells(kv_bytes)
    heads: int = C.llama_model_n_head(model)
    scores = heads * pool * 4
    ubatch = CHUNK
    while ubatch > 32 and scores * ubatch > _SCORES_BYTES:
        ubatch //= 2
    need = pool * (kv_bytes + _CELL_BYTES) + (rows + _OWN_SEQUENCES) * state + scores * ubatch
    plan = Plan(
        n_ctx, pool, ubatch, rows, _batch_rows(model), rows + _OWN_SEQUENCES, kv, kv_bytes, need
    )
    free = available_memory()
    if not gpu and free is not None and need > free:
        raise ModelLoadError(
            f"a context of {n_ctx} tokens does not fit",
            f"it needs about {size(need)} and {size(free)} are available",
            "choose a smaller --ctx" + (", or --kv f16" if kv == "f32" else ""),
        )
    return plan


def _batch_rows(model: Any) -> int:
    """Rows of a batch of which each costs about as much in the weights as in the cells of all the others.

    The library attends to every cell of the pool, and leaves out later what is another row's. That is nothing beside
    the weights of a large model, and most of the work of a small one.
    """
    layers: int = C.llama_model_n_layer(model)
    width: int = C.llama_model_n_embd(model)
    parameters: int = C.llama_model_n_params(model)
    fewest, most = _BATCH_ROWS
    return max(fewest, min(most, parameters // max(1, 2 * layers * width * _CELL_WORK)))


def _kv_numbers_per_token(path: Path, model: Any) -> int:
    """Numbers that the cache holds for each token, over all layers; an upper bound where layers differ."""
    architecture = metadata(model, "general.architecture") or ""
    width: int = C.llama_model_n_embd(model) // max(1, C.llama_model_n_head(model))
    key = metadata_int(model, f"{architecture}.attention.key_length") or width
    value = metadata_int(model, f"{architecture}.attention.value_length") or width
    return _kv_heads(path, model, architecture) * (key + value)


def _kv_heads(path: Path, model: Any, architecture: str) -> int:
    """Heads with keys and values, over all layers."""
    if C.llama_model_is_hybrid(model):
        # One number for each layer, which the library does not tell: 0 for those that have a state instead.
        field = gguf.GGUFReader(path).fields.get(f"{architecture}.attention.head_count_kv")
        heads = None if field is None else field.contents()
        if isinstance(heads, list):
            return sum(heads)
    layers: int = C.llama_model_n_layer(model)
    each: int = C.llama_model_n_head_kv(model)
    return layers * each


def _state_numbers(model: Any) -> int:
    """Numbers of one recurrent state, over all layers, as if every layer had one; 0 for a model without."""
    architecture = metadata(model, "general.architecture") or ""

    def of(key: str) -> int:
        return metadata_int(model, f"{architecture}.{key}") or 0

    inner, state = of("ssm.inner_size"), of("ssm.state_size")
    taps = max(0, of("ssm.conv_kernel") - 1)
    width: int = C.llama_model_n_embd(model)
    layers: int = C.llama_model_n_layer(model)
    scanned = inner * state + taps * (inner + 2 * of("ssm.group_count") * state)
    convolved = width * max(0, of("shortconv.l_cache") - 1)
    return layers * (scanned + convolved + width * of("wkv.head_size"))
