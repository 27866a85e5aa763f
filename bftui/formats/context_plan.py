"""How large a llama.cpp context is to be, from a model's numbers alone: cells, precision, batch, and its memory.

The numbers come from the headers of a model's files, for one that is opened as for one that is not. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from bftui.core.batch import CHUNK
from bftui.formats.machine import is_small
from bftui.formats.open_spec import OpenSpec

_DEFAULT_CTX = 4096
_F32_KV_LIMIT = 4 << 30
_CONTINUATION_CELLS = 96
"""Cells of the pool for each continuation: with 96 of them, 32 rollouts of 256 tokens and some room beside them."""

_PADDED_CELLS = 256
"""The same where batches are padded: all rows of one that is drawn to 256 tokens stay in it."""

_CONTINUATION_BYTES = 1 << 30
_FEWEST_ROWS = 32
_BATCH_ROWS = (16, 32)
_CELL_WORK = 160
"""What the other rows' cells cost each row of a batch, in products of one cell: 32 tokens, at a fifth of the speed.

Measured on a model of 2.6 M parameters.
"""

ASIDE_BATCH = 64
"""Tokens computed at once beside the path where batches are padded: none has more."""

OWN_SEQUENCES = 2
"""The path, and what keeps its cells from being overwritten."""

_SCORES_BYTES = 512 << 20
_CELL_BYTES = 64
"""What the library keeps of each cache cell besides keys and values."""

_BYTES = {"f32": 4, "f16": 2}

MOST_SEQUENCES = 256
"""Sequences that the library holds at most (`LLAMA_MAX_SEQ`)."""

Rounding = Literal["none", "fine", "coarse"]
"""What products with weights round activations to: nothing, 11 bits, or 8."""

_EXACT = frozenset(("F32", "F64", "I8", "I16", "I32", "I64"))
"""Types of tensors that are multiplied as they are, or are not weights."""


_SMALL_BLOCKS = _EXACT | {
    *("F16", "BF16", "MXFP4", "IQ4_NL"),
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
}
"""Types whose scales are of 32 weights at most."""


def step_rows(types: Collection[str]) -> int:
    """Return of how many rows, or a multiple, a step gives each row the same numbers; by the types of the tensors.

    Products with types of 256 weights to a scale compute the last rows in another way (measured on a CPU with AVX-512,
    18 types; the others are alike from two rows on, and four is what kernels of other CPUs take at once).
    """
    return 4 if _SMALL_BLOCKS.issuperset(types) else 8


def rounding(types: Collection[str], parameters: int) -> Rounding:
    """Return how coarse a model's numbers are, by the types of its tensors, and by its size where that decides.

    Where activations are rounded, a sum that was added up in another order ends on another step now and then, and the
    next layers make more of it. Measured on a CPU, one text in two shapes, the largest difference of entropies in nats:
    F32 2e-6, F16 4e-4 (2.6 M parameters, 4 layers) and 6e-3 (1.3 M, 8 random layers), BF16 4e-2, Q4_1 and Q4_K up to .7
    (135 M and 270 M).
    """
    rounded = set(types) - _EXACT
    if not rounded:
        return "none"
    return "fine" if rounded == {"F16"} and is_small(parameters) else "coarse"


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a model that its context follows from.

    Attributes:
        trained: tokens of context that it was trained with; 0 where unknown.
        layers, width, heads: of attention; `width` is the embedding's.
        kv_numbers: numbers that the cache holds for each token, over all layers.
        state_numbers: numbers of one recurrent state, over all layers; 0 for a model without.
        rounding: of products with its weights.
    """

    trained: int = 0
    layers: int = 0
    width: int = 0
    heads: int = 0
    kv_numbers: int = 0
    state_numbers: int = 0
    parameters: int = 0
    rounding: Rounding = "none"


@dataclass(frozen=True)
class Plan:
    """How large the context is to be.

    Attributes:
        n_ctx: the logical limit of a path.
        cells: cache cells of the path's context; without rounding continuations share them.
        pool: cells beyond `n_ctx` for continuations: of `cells`, or of the contexts beside the path's.
        ubatch: tokens computed at once.
        rows: continuations that may be open at once; fewer where each of them takes a large state.
        batch_rows: continuations that are best stepped at once.
        sequences: these and the path's own.
        bytes: estimate of what the context takes.
        bytes_aside: estimate of what contexts beside it take at most; they are made when they are needed.
        rounding: of products with the weights.
    """

    n_ctx: int
    cells: int
    pool: int
    ubatch: int
    rows: int
    batch_rows: int
    sequences: int
    kv: Literal["f32", "f16"]
    kv_bytes_per_token: int
    bytes: int
    bytes_aside: int
    rounding: Rounding


def default_context(trained: int) -> int:
    """Return tokens of context that a model gets where none are asked for; `trained` is 0 where unknown."""
    return min(trained or _DEFAULT_CTX, _DEFAULT_CTX)


def trained_note(trained: int | None, n_ctx: int) -> str:
    """Return what to say where a model is opened with more context than it was trained with; "" elsewhere."""
    return f"trained with {trained} tokens of context" if trained and trained < n_ctx else ""


def planned(spec: OpenSpec, shape: Shape, most_sequences: int = MOST_SEQUENCES) -> Plan:
    """Sizes of the context that `spec` asks for; whether memory holds it is for the caller to say."""
    n_ctx = spec.n_ctx or default_context(shape.trained)
    most = most_sequences - OWN_SEQUENCES
    state, numbers = 4 * shape.state_numbers, shape.kv_numbers
    rows = max(
        1,
        min(spec.max_continuations, most, max(_FEWEST_ROWS, _CONTINUATION_BYTES // max(1, state))),
    )
    batch_rows, each = _batch_rows(shape), _CONTINUATION_CELLS
    if shape.rounding == "coarse":
        # Whole batches alone: of 32 or 256 continuations none is left over.
        batch_rows = rows = 1 << min(rows, batch_rows).bit_length() - 1
        each = _PADDED_CELLS

    def pool(kv_bytes: int) -> int:
        room = _CONTINUATION_BYTES // max(1, kv_bytes)
        return min(rows * each, max(rows * 2, room))

    kv = spec.kv
    if kv == "auto":
        cells = n_ctx + pool(numbers * 4)
        kv = "f32" if cells * numbers * 4 <= _F32_KV_LIMIT else "f16"
    kv_bytes = numbers * _BYTES[kv]
    whole = n_ctx + pool(kv_bytes)
    own = whole if shape.rounding == "none" else n_ctx
    ubatch = CHUNK
    while ubatch > 32 and shape.heads * own * 4 * ubatch > _SCORES_BYTES:
        ubatch //= 2

    def need(cells: int, tokens: int, sequences: int) -> int:
        scores = shape.heads * cells * 4 * tokens
        return cells * (kv_bytes + _CELL_BYTES) + sequences * state + scores

    every = rows + OWN_SEQUENCES
    aside = {
        "none": 0,
        "fine": need(whole, ubatch, every),
        "coarse": need(whole, ASIDE_BATCH, every) + need(n_ctx + rows, ASIDE_BATCH, every),
    }
    return Plan(
        n_ctx=n_ctx,
        cells=own,
        pool=whole - n_ctx,
        ubatch=ubatch,
        rows=rows,
        batch_rows=batch_rows,
        sequences=every if shape.rounding == "none" else OWN_SEQUENCES,
        kv=kv,
        kv_bytes_per_token=kv_bytes,
        bytes=need(own, ubatch, every if shape.rounding == "none" else OWN_SEQUENCES),
        bytes_aside=aside[shape.rounding],
        rounding=shape.rounding,
    )


def _batch_rows(shape: Shape) -> int:
    """Rows of a batch of which each costs about as much in the weights as in the cells of all the others.

    The library attends to every cell of the pool, and leaves out later what is another row's. That is nothing beside
    the weights of a large model, and most of the work of a small one.

    Tokens a second of one core, for 8, 16, 32 and 64 rows: 2080, 2090, 1890, 1610 (2.6 M parameters, F16); 101, 105,
    100 (135 M, Q4_1); 68, 81, 87, 86 (270 M, Q4_K). What is chosen here is within a hundredth of the best, so that to
    measure each model would gain nothing. Two threads wait for each other once more with every batch: the first model
    gives 600, 830 and 740 on a busy machine, so that no batch has fewer than 16.
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
