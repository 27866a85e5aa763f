"""What transformers leaves out of a GGUF file: settings that it does not read, tensors that it drops, rotary scaling.

The library takes what it knows and is silent about the rest. Rotary embeddings are set here as the file has them;
everything else that would make the numbers those of another model is refused.
Not for: directories, which the library reads as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from bftui.backends.reference.reference_file import GgufModel
from bftui.backends.transformers.hf_library import torch
from bftui.formats.gguf_file import senseless
from bftui.formats.gguf_header import is_neutral
from bftui.formats.rotary import FACTORS, KEYS, LONG, SHORT, local_rotation

_CHECKED = frozenset(
    {
        "attention.causal",
        "block_count",
        "context_length",
        "expert_group_count",
        "expert_group_used_count",
        "pooling_type",
        "tensor_data_layout",
        "vocab_size",
    }
)
"""Settings that are looked at elsewhere, or change no number."""

_NAMES = {"gemma3_text": "gemma3", "gemma4_text": "gemma4"}
"""Models that the library calls otherwise than its table of GGUF settings does."""

_LOCAL, _FULL = "sliding_attention", "full_attention"


def _head(config: Any) -> Any:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _local_layers(config: Any) -> list[bool]:
    return [kind == _LOCAL for kind in config.layer_types]


_MEANT: dict[str, Callable[[Any], Any]] = {
    "attention.key_length": _head,
    "attention.key_length_swa": _head,
    "attention.value_length": _head,
    "attention.value_length_swa": _head,
    "attention.scale": lambda config: config.query_pre_attn_scalar**-0.5,
    "attention.sliding_window": lambda config: config.sliding_window,
    "attention.sliding_window_pattern": _local_layers,
    "attn_logit_softcapping": lambda config: config.attn_logit_softcapping,
    "final_logit_softcapping": lambda config: config.final_logit_softcapping,
    "expert_count": lambda config: config.num_experts,
    "expert_used_count": lambda config: config.num_experts_per_tok,
    "expert_feed_forward_length": lambda config: config.moe_intermediate_size,
    "expert_shared_feed_forward_length": lambda config: config.shared_expert_intermediate_size,
    "feed_forward_length": lambda config: config.intermediate_size,
    "use_parallel_residual": lambda config: config.use_parallel_residual,
    "ssm.inner_size": lambda config: config.intermediate_size,
}
"""What a setting that the library does not read has to be, since this is what its model computes with."""


def check_settings(source: GgufModel, config: Any) -> None:
    """Raises UnsupportedModel where the file asks for something that the library's model would not do."""
    read = _settings_read(source, config)
    for key in source.header.values:
        name = key.removeprefix(f"{source.architecture}.")
        if name == key or name in read or name in KEYS or name in _CHECKED:
            continue
        value = source.value(key)
        if _is_meant(name, value, config) or (name not in _MEANT and is_neutral(name, value)):
            continue
        raise source.unsupported(f"transformers does not read its setting {key}")
    window = getattr(config, "sliding_window", None)
    if window and source.own_value("attention.sliding_window") is None and _windowed(config):
        raise source.unsupported(f"transformers would give it a sliding window of {window} tokens")


def _windowed(config: Any) -> bool:
    kinds = getattr(config, "layer_types", None)
    return kinds is None or _LOCAL in kinds


def _settings_read(source: GgufModel, config: Any) -> set[str]:
    """Names of the settings that the library turns into its config."""
    mapping = import_module("transformers.integrations.ggml").GGUF_CONFIG_MAPPING
    name = _NAMES.get(config.model_type, config.model_type)
    known = mapping.get(name) or mapping.get(source.architecture) or {}
    return {setting for setting, meaning in known.items() if meaning is not None}


def _is_meant(name: str, value: Any, config: Any) -> bool:
    """Whether the library's model does what a setting says, though it did not read it."""
    meant = _MEANT.get(name)
    if meant is None:
        return False
    try:
        expected = meant(config)
    except (AttributeError, ArithmeticError, TypeError):
        expected = None
    if expected is None:
        return is_neutral(name, value)
    if isinstance(expected, list) and type(value) is int:
        # Of so many layers, the last one sees everything.
        return expected == [value > 0 and i % value < value - 1 for i in range(len(expected))]
    if isinstance(expected, bool | list) or isinstance(value, bool | list):
        return bool(expected == value)
    return math.isclose(expected, value, rel_tol=1e-5)


def check_tensors(source: GgufModel, model: Any) -> None:
    """Raises UnsupportedModel where the file has tensors that the library left out."""
    library = import_module("transformers.modeling_gguf_pytorch_utils")
    make = library.TENSOR_PROCESSORS.get(source.architecture, library.TensorProcessor)
    used = library.get_gguf_hf_weights_map(model, make(config=model.config.to_dict()))
    # Of what is tied, the file holds one.
    left = source.header.tensors.keys() - used.keys() - {FACTORS, LONG, SHORT}
    if "output.weight" in left and source.architecture == "gpt2":
        left -= {"output.weight"}
    if left:
        raise source.unsupported(f"transformers leaves out its tensor {min(left)}")


def set_rotation(source: GgufModel, model: Any, n_ctx: int) -> None:
    """Makes the model turn queries and keys as the file says.

    Raises UnsupportedModel where the library turns another number of dimensions, or in a way of its own.
    """
    found = False
    for module in model.modules():
        for name, _ in [*module.named_buffers(recurse=False)]:
            kind, mark, rest = name.rpartition("inv_freq")
            if not mark or rest or "original" in kind:
                continue
            found = True
            _set(source, module, kind, n_ctx)
    asked = [key for key in KEYS if "scal" in key and source.own_value(key) is not None]
    if not found and (asked or FACTORS in source.header.tensors):
        raise source.unsupported("its rotary embedding is scaled")


def _set(source: GgufModel, module: Any, kind: str, n_ctx: int) -> None:
    """Sets the frequencies of one buffer, which is that of some layers where it has a prefix."""
    buffer = getattr(module, f"{kind}inv_freq")
    dims = 2 * len(buffer)
    said = source.own_value("rope.dimension_count")
    if said is not None and said != dims:
        raise source.unsupported(
            f"transformers turns {dims} dimensions of each head, and the file {said}"
        )
    local = kind.startswith(_LOCAL)
    turning = local_rotation(source.own_value, dims=dims) if local else source.rotation(dims, n_ctx)
    if not np.isfinite(turning.frequencies).all():
        raise senseless(source.path, "its rotary embedding has frequencies that are not numbers")
    buffer.copy_(torch.tensor(turning.frequencies, dtype=buffer.dtype))
    setattr(module, f"{kind}attention_scaling", turning.magnitude)
