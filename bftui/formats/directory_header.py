"""What a directory of safetensors says of itself: its config, and the headers of its files. No library is imported.

Not for: tokenizers and weights, which `transformers` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.core.errors import ModelLoadError
from bftui.formats.directory_check import LAYERS, WIDTH, check_config, text_config
from bftui.formats.directory_template import default_template, read_templates
from bftui.formats.safetensors_file import AGAIN, check_directory, stored, weight_files

_MOST_JSON = 32 << 20
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}
"""Bytes of one number; everything else takes 1."""

_ATTENTION = ("attention", "full_attention", "sliding_attention", "chunked_attention")
"""Kinds of layers that keep keys and values."""

_NAMES = {
    "layers": LAYERS,
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads",),
    "width": WIDTH,
    "head_width": ("head_dim",),
    "trained": ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"),
}
"""What models call the same."""


@dataclass(frozen=True, slots=True)
class DirectoryHeader:
    """What a directory says of its model.

    Attributes:
        quantization: the method where the weights are quantised ("gptq 4"), else their type ("BF16").
        parameters: numbers in all tensors; None where they are quantised, and several share one.
        width: bytes of one number as most are stored.
        trained: tokens of context that it was trained with; None where the config does not say.
        kv_numbers: numbers that the cache holds for each token, over all layers.
    """

    architecture: str
    quantization: str
    parameters: int | None
    width: int
    bytes: int
    trained: int | None
    kv_numbers: int
    chat_template: bool


def read_directory(path: Path) -> DirectoryHeader:
    """Reads config and headers; raises ModelLoadError and UnsupportedModel for what is not a whole model."""
    check_directory(path)
    found = stored(weight_files(path))
    config = check_config(path, found)
    text = text_config(config)
    quantised = config.get("quantization_config") or text.get("quantization_config")
    return DirectoryHeader(
        architecture=str(config["model_type"]),
        quantization=_quantization(quantised, found.kind),
        parameters=None if quantised else found.numbers,
        width=_WIDTHS.get(found.kind, 1),
        bytes=found.bytes,
        trained=_number(text, "trained") or None,
        kv_numbers=_kv_numbers(text),
        chat_template=default_template(read_templates(path)) is not None,
    )


def _quantization(config: Any, kind: str) -> str:
    if not isinstance(config, dict):
        return kind
    method = config.get("quant_method")
    bits = config.get("bits")
    if not isinstance(method, str):
        return "quantised"
    return f"{method} {bits}" if isinstance(bits, int) else method


def _kv_numbers(config: Mapping[str, Any]) -> int:
    heads = _number(config, "heads")
    if not heads:
        return 0
    layers = _number(config, "layers")
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        layers = sum(kind in _ATTENTION for kind in kinds if isinstance(kind, str))
    width = _number(config, "head_width") or _number(config, "width") // heads
    return 2 * layers * (_number(config, "kv_heads") or heads) * width


def _number(config: Mapping[str, Any], what: str) -> int:
    """A whole number under whichever of its names; 0 where there is none of sense."""
    found = (config.get(name) for name in _NAMES[what])
    return next((n for n in found if type(n) is int and 0 < n < 2**31), 0)


def _json(path: Path) -> dict[str, Any]:
    """An object in a file; raises ModelLoadError for anything else."""
    try:
        if path.stat().st_size > _MOST_JSON:
            raise ValueError
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"cannot read {path}", f"{path.name} is not JSON", AGAIN) from error
    if not isinstance(data, dict):
        raise ModelLoadError(f"cannot read {path}", f"{path.name} is not an object", AGAIN)
    return data
