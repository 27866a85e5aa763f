"""The rotary embedding that a GGUF file describes: how fast each pair of dimensions turns, and how far.

Linear and YaRN scaling, the factors of Llama 3.1 (`rope_freqs`) and those of LongRoPE, all as llama.cpp applies them,
so that every backend computes the same numbers from one file.
Source: llama.cpp, `rope_yarn` and `ggml_rope_yarn_corr_dims` (ggml), `llama_context` for the magnitude; YaRN:
arXiv 2309.00071; LongRoPE: arXiv 2402.13753.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

FACTORS = "rope_freqs.weight"
LONG, SHORT = "rope_factors_long.weight", "rope_factors_short.weight"
"""Tensors of factors, each of shape (dims / 2,)."""

ORIGINAL = "rope.scaling.original_context_length"

KEYS = frozenset(
    {
        "rope.dimension_count",
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.scale_linear",
        "rope.scaling.type",
        "rope.scaling.factor",
        "rope.scaling.attn_factor",
        ORIGINAL,
        "rope.scaling.finetuned",
    }
)
"""What of the metadata of an architecture is read here; other keys of its kind change the numbers in other ways."""

_BASE = 10000.0
_FAST, _SLOW = 32.0, 1.0
"""Turns within the original context: pairs of dimensions with more of them are left alone, with fewer scaled."""


@dataclass(frozen=True)
class Rotation:
    """How queries and keys are turned.

    Attributes:
        frequencies: radians from one position to the next, of each pair of dimensions; (dims / 2,).
        magnitude: what turned queries and keys are multiplied by.
    """

    frequencies: F64
    magnitude: float = 1.0


def rotation(
    value: Callable[[str], Any], tensor: Callable[[str], Any], *, dims: int, n_ctx: int
) -> Rotation:
    """Return the rotation of all layers, or of those that see the whole context where a model has others beside them.

    Args:
        value: the metadata of the architecture by key ("rope.freq_base"); None where there is none.
        tensor: factors by the name of their tensor, shape (dims / 2,); None where there is none.
        dims: dimensions of a head that are turned.
        n_ctx: tokens of context that the model is opened with: LongRoPE has other factors past the original one.

    Raises ValueError for values of no sense.
    """
    base = float(_or(value("rope.freq_base"), _BASE))
    kind = _or(value("rope.scaling.type"), "linear")
    factor = float(_or(_or(value("rope.scaling.factor"), value("rope.scale_linear")), 0.0)) or 1.0
    original = int(value(ORIGINAL) or value("context_length") or 0)
    magnitude = float(_or(value("rope.scaling.attn_factor"), 1.0))
    if not factor > 0 or not base > 0 or kind not in ("none", "linear", "yarn", "longrope"):
        raise ValueError(f"its rotary embedding is scaled by {factor:g} ({kind}) at base {base:g}")
    if kind == "none":
        factor = 1.0
    turning = base ** (-2.0 * np.arange(dims // 2) / dims)
    name = FACTORS if kind != "longrope" else LONG if n_ctx > original else SHORT
    factors = tensor(name)
    if factors is not None:
        turning = turning / np.asarray(factors, dtype=np.float64)
    kept = np.zeros(dims // 2)
    if kind == "yarn":
        kept = _kept(dims, base, original)
        magnitude *= 1 + 0.1 * math.log(factor) if factor > 1 else 1.0
    return Rotation(turning * ((1 - kept) / factor + kept), magnitude)


def local_rotation(value: Callable[[str], Any], *, dims: int) -> Rotation:
    """Return the rotation of layers with a sliding window, which is not scaled."""
    base = float(_or(value("rope.freq_base_swa"), _BASE))
    return Rotation(base ** (-2.0 * np.arange(dims // 2) / dims))


def _kept(dims: int, base: float, original: int) -> F64:
    """YaRN's ramp: how much of each pair's frequency is left as it is, 1 for the fastest and 0 for the slowest."""
    if original < 1:
        raise ValueError(f"its rotary embedding is scaled from a context of {original} tokens")

    def at(turns: float) -> float:
        return dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = max(0.0, math.floor(at(_FAST))), min(dims - 1.0, math.ceil(at(_SLOW)))
    ramp = (np.arange(dims // 2) - low) / max(0.001, high - low)
    return np.asarray(1 - np.clip(ramp, 0.0, 1.0))


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
