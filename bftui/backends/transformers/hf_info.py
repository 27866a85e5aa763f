"""What a model that transformers loaded says of itself, as `protocol.ModelInfo`."""

from __future__ import annotations

from typing import Any

from bftui.backends.protocol import ModelInfo
from bftui.backends.shared.vocabulary import vocabulary_sha256
from bftui.backends.transformers.hf_cache import attention_layers, can_shorten
from bftui.backends.transformers.hf_library import LIBRARY, torch
from bftui.backends.transformers.hf_source import WeightsSource
from bftui.backends.transformers.hf_tokenizer import HfTokenizer
from bftui.core.errors import ModelLoadError
from bftui.formats.context_plan import default_context, trained_note
from bftui.formats.open_spec import OpenSpec


def kv_name(dtype: Any) -> str:
    """Return what a cache of this type is called."""
    return {torch.float32: "f32", torch.float16: "f16"}.get(dtype, "bf16")


def describe(
    spec: OpenSpec,
    source: WeightsSource,
    model: Any,
    config: Any,
    tokenizer: HfTokenizer,
    cache: Any,
    dtype: Any,
    device: str,
    sha256: str,
) -> ModelInfo:
    """Gather what is known of a loaded model; raises ModelLoadError for ends of generation that are not ids."""
    trained = _trained(model.config)
    n_ctx = spec.n_ctx or default_context(trained or 0)
    ends = set(tokenizer.eog_ids)
    for holder in (getattr(model, "generation_config", None), model.config, config):
        named = getattr(holder, "eos_token_id", None)
        ends |= set(_ids(source, named))
    n_vocab = len(tokenizer.vocabulary.pieces)
    # Without a cache every number comes from one pass over all that is before it.
    shaped = cache is not None and (dtype.itemsize < 4 or _quantised(model))
    return ModelInfo(
        name=source.name,
        title=source.title,
        backend="transformers",
        library=LIBRARY,
        source=str(source.path),
        architecture=str(model.config.model_type),
        n_vocab=n_vocab,
        n_ctx=n_ctx,
        n_ctx_train=trained,
        bos_id=tokenizer.bos_id,
        add_bos=tokenizer.add_bos,
        start_ids=tokenizer.start_ids,
        eog_ids=frozenset(int(i) for i in ends if 0 <= i < n_vocab),
        eos_id=tokenizer.eos_id,
        special_ids=tokenizer.vocabulary.special_ids,
        chat_template=tokenizer.chat_template,
        template_tokens=tokenizer.template_tokens,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        quantization=_quantization(source, model),
        bytes=source.bytes,
        kv_bytes_per_token=_kv_bytes(config, cache, dtype),
        dtype=str(dtype).removeprefix("torch."),
        kv=kv_name(dtype),
        device=device,
        threads=torch.get_num_threads(),
        sha256=sha256,
        tokenizer_sha256=vocabulary_sha256(tokenizer.vocabulary.pieces),
        rewind="recompute" if cache is None else "any" if can_shorten(cache) else "checkpoint",
        max_continuations=max(1, spec.max_continuations),
        batch_rows=_PADDED_ROWS if shaped and device == "cpu" else _ROWS,
        shaped=shaped,
        padded=shaped,
        note=trained_note(trained, n_ctx),
    )


_ROWS, _PADDED_ROWS = 32, 8
"""Continuations that are best stepped at once; of padded ones few on a CPU, for all of them are computed."""


def _quantised(model: Any) -> bool:
    return getattr(model.config, "quantization_config", None) is not None


def _ids(source: WeightsSource, named: Any) -> list[int]:
    """Ids as a config names them: one, several or none. Raises ModelLoadError for anything else."""
    ids = named if isinstance(named, list | tuple) else [] if named is None else [named]
    if not all(isinstance(i, int) for i in ids):
        raise ModelLoadError(
            f"cannot load {source.path}",
            f"eos_token_id is {str(named)[:60]} in its config for generation",
            source.otherwise,
        )
    return list(ids)


def _quantization(source: WeightsSource, model: Any) -> str:
    """What the weights are stored as: the name of a quantisation, or of a type."""
    quantised = getattr(model.config, "quantization_config", None)
    if quantised is not None and source.gguf is None:
        method = getattr(quantised, "quant_method", "quantised")
        return str(getattr(method, "value", method))
    return source.stored


def _kv_bytes(config: Any, cache: Any, dtype: Any) -> int:
    """Bytes of keys and values for each token, over the layers that keep them."""
    if cache is None:
        return 0
    layers = attention_layers(cache) or int(config.num_hidden_layers)
    heads = int(getattr(config, "num_attention_heads", 0) or 0)
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    if not heads or not isinstance(kv_heads, int):
        return 0
    width = getattr(config, "head_dim", None) or int(config.hidden_size) // heads
    return 2 * layers * kv_heads * int(width) * int(dtype.itemsize)


def _trained(config: Any) -> int | None:
    """The context that the model was trained with; None where its config does not say."""
    trained = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return trained if type(trained) is int and 0 < trained < 2**31 else None
