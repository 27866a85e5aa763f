"""How large a llama.cpp context is to be, from a model's numbers alone: cells, precision, batch, and its memory.

The numbers come from the library for a model that is loaded, and from a file's header for one that is not. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bftui.backends.base import OpenSpec
from bftui.backends.local import CHUNK

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

MOST_SEQUENCES = 256
"""Sequences that the library holds at most (`LLAMA_MAX_SEQ`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a model that its context follows from.

    Attributes:
        trained: tokens of context that it was trained with; 0 where unknown.
        layers, width, heads: of attention; `width` is the embedding's.
        kv_numbers: numbers that the cache holds for each token, over all layers.
        state_numbers: numbers of one recurrent state, over all layers; 0 for a model without.
    """

    trained: int
    layers: int
    width: int
    heads: int
    kv_numbers: int
    state_numbers: int
    parameters: int


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


def default_context(trained: int) -> int:
    """Tokens of context that a model gets where none are asked for; `trained` is 0 where unknown."""
    return min(trained or _DEFAULT_CTX, _DEFAULT_CTX)


def trained_note(trained: int | None, n_ctx: int) -> str:
    """What to say where a model is opened with more context than it was trained with; "" elsewhere."""
    return f"trained with {trained} tokens of context" if trained and trained < n_ctx else ""


def planned(spec: OpenSpec, shape: Shape, most_sequences: int = MOST_SEQUENCES) -> Plan:
    """Sizes of the context that `spec` asks for; whether memory holds it is for the caller to say."""
    n_ctx = spec.n_ctx or default_context(shape.trained)
    most = most_sequences - _OWN_SEQUENCES
    state, numbers = 4 * shape.state_numbers, shape.kv_numbers
    rows = max(1, min(spec.fan_out, most, max(_FEWEST_ROWS, _FAN_BYTES // max(1, state))))

    def cells(kv_bytes: int) -> int:
        room = _FAN_BYTES // max(1, kv_bytes)
        return n_ctx + min(rows * _FAN_CELLS, max(rows * 2, room))

    kv = spec.kv
    if kv == "auto":
        kv = "f32" if cells(numbers * 4) * numbers * 4 <= _F32_KV_LIMIT else "f16"
    kv_bytes = numbers * _BYTES[kv]
    pool = cells(kv_bytes)
    scores = shape.heads * pool * 4
    ubatch = CHUNK
    while ubatch > 32 and scores * ubatch > _SCORES_BYTES:
        ubatch //= 2
    need = pool * (kv_bytes + _CELL_BYTES) + (rows + _OWN_SEQUENCES) * state + scores * ubatch
    return Plan(
        n_ctx, pool, ubatch, rows, _batch_rows(shape), rows + _OWN_SEQUENCES, kv, kv_bytes, need
    )


def _batch_rows(shape: Shape) -> int:
    """Rows of a batch of which each costs about as much in the weights as in the cells of all the others.

    The library attends to every cell of the pool, and leaves out later what is another row's. That is nothing beside
    the weights of a large model, and most of the work of a small one.
    """
    fewest, most = _BATCH_ROWS
    cost = max(1, 2 * shape.layers * shape.width * _CELL_WORK)
    return max(fewest, min(most, shape.parameters // cost))


def state_numbers(layers: int, width: int, of: Callable[[str], int]) -> int:
    """Numbers of one recurrent state, as if every layer had one; 0 for a model without.

    Args:
        width: of the embedding.
        of: the metadata of the model's architecture by key ("ssm.inner_size"); 0 where there is none.
    """
    inner, state = of("ssm.inner_size"), of("ssm.state_size")
    taps = max(0, of("ssm.conv_kernel") - 1)
    scanned = inner * state + taps * (inner + 2 * of("ssm.group_count") * state)
    convolved = width * max(0, of("shortconv.l_cache") - 1)
    return layers * (scanned + convolved + width * of("wkv.head_size"))
