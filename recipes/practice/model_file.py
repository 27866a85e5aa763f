"""A trained model as a GGUF file, and back."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import torch

from recipes.practice.gguf_writer import (
    BpeVocab,
    LlamaConfig,
    Tensor,
    tensor_shapes,
    write_llama_gguf,
)
from recipes.practice.model import Llama

DESCRIPTION = "Practice model: shows how the tool works, not how the world is"

_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_model(path: Path, model: Llama, vocab: BpeVocab, name: str, template: str | None) -> None:
    """Write `model` with matrices in f16; the model itself is left as it is."""
    write_llama_gguf(
        path,
        config=model.config,
        tensors={key: weight.detach().cpu().numpy() for key, weight in model.named_parameters()},
        tokenizer=vocab,
        dtype="f16",
        name=name,
        licence="mit",
        description=DESCRIPTION,
        chat_template=template,
    )


def read_model(path: Path) -> tuple[Llama, BpeVocab, str | None]:
    """Read a file of `write_model`: the model in float32, its vocabulary, its chat template."""
    reader = gguf.GGUFReader(path)

    def value(key: str) -> object:
        found = reader.get_field(key)
        return None if found is None else found.contents()

    def number(key: str) -> int:
        found = value(key)
        if not isinstance(found, int):
            raise ValueError(f"{path} has no {key}")
        return found

    config = LlamaConfig(
        n_vocab=number("llama.vocab_size"),
        n_ctx=number("llama.context_length"),
        n_embd=number("llama.embedding_length"),
        n_layer=number("llama.block_count"),
        n_head=number("llama.attention.head_count"),
        n_head_kv=number("llama.attention.head_count_kv"),
        n_ff=number("llama.feed_forward_length"),
    )
    tokens, merges, types = (
        value(f"tokenizer.ggml.{k}") for k in ("tokens", "merges", "token_type")
    )
    assert isinstance(tokens, list)
    assert isinstance(merges, list)
    assert isinstance(types, list)
    ids = {key: number(f"tokenizer.ggml.{key}_token_id") for key in ("eot", "padding")}
    vocab = BpeVocab(
        tuple(tokens),
        tuple(merges),
        tuple(types),
        bos=number("tokenizer.ggml.bos_token_id"),
        eos=number("tokenizer.ggml.eos_token_id"),
        pad=ids["padding"],
        eot=ids["eot"],
    )
    model = Llama(config)
    data = {tensor.name: tensor.data for tensor in reader.tensors}
    state = {
        name: torch.from_numpy(_restored(name, np.array(data[_stored_name(name)]), config))
        for name in tensor_shapes(config)
    }
    model.load_state_dict(state)
    template = value("tokenizer.chat_template")
    return model.eval(), vocab, template if isinstance(template, str) else None


def _stored_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    layer, part = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{_LAYER_NAMES[part.removesuffix('.weight')]}.weight"


def _restored(name: str, array: Tensor, config: LlamaConfig) -> Tensor:
    """Undo the reordering of Q and K rows, and widen to float32."""
    heads = {"q_proj": config.n_head, "k_proj": config.n_head_kv}.get(name.split(".")[-2])
    if heads:
        pairs = array.reshape(heads, config.head_dim // 2, 2, -1)
        array = pairs.swapaxes(1, 2).reshape(array.shape)
    return array.astype(np.float32)
