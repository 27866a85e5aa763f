"""How large the context of a loaded llama.cpp model is to be, and whether the memory holds it.

llama.cpp checks none of this: a context beyond the memory would end the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf

from bftui.backends.base import OpenSpec
from bftui.backends.context_plan import Plan, Shape, planned, state_numbers
from bftui.backends.llama_cpp_library import C, metadata, metadata_int
from bftui.backends.machine import available_memory, size
from bftui.core.errors import ModelLoadError


def plan_context(spec: OpenSpec, path: Path, model: Any, gpu: bool) -> Plan:
    """Sizes of the context; raises ModelLoadError where they exceed the memory."""
    plan = planned(spec, _shape(path, model), C.llama_max_parallel_sequences())
    free = available_memory()
    if not gpu and free is not None and plan.bytes > free:
        raise ModelLoadError(
            f"a context of {plan.n_ctx} tokens does not fit",
            f"it needs about {size(plan.bytes)} and {size(free)} are available",
            "choose a smaller --ctx" + (", or --kv f16" if plan.kv == "f32" else ""),
        )
    return plan


def _shape(path: Path, model: Any) -> Shape:
    return Shape(
        trained=C.llama_model_n_ctx_train(model),
        layers=C.llama_model_n_layer(model),
        width=C.llama_model_n_embd(model),
        heads=C.llama_model_n_head(model),
        kv_numbers=_kv_numbers_per_token(path, model),
        state_numbers=_state_numbers(model),
        parameters=C.llama_model_n_params(model),
    )


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

    return state_numbers(
        layers=C.llama_model_n_layer(model), width=C.llama_model_n_embd(model), of=of
    )
