"""Write a Llama-architecture model and its tokenizer as one GGUF file.

For: the practice recipe, and tests that need a tiny model with random weights. Knows tensors as
NumPy arrays, so that neither torch nor a converter is needed.
Not for: reading GGUF, quantised types, or architectures other than `llama`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
"""Token types as GGUF numbers them."""

Tensor = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes of a Llama model. `n_embd` is a multiple of `n_head`, `n_head` of `n_head_kv`."""

    n_vocab: int
    n_ctx: int
    n_embd: int
    n_layer: int
    n_head: int
    n_head_kv: int
    n_ff: int
    rope_base: float = 10000.0
    rms_eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head or self.head_dim % 2:
            raise ValueError("n_embd must be n_head times an even head size")
        if self.n_head % self.n_head_kv:
            raise ValueError("n_head must be a multiple of n_head_kv")

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.n_embd // self.n_head


@dataclass(frozen=True)
class BpeVocab:
    """A byte-level BPE vocabulary (`tokenizer.ggml.model` = "gpt2").

    tokens: texts in id order, bytes spelled with the GPT-2 byte-to-character map.
    merges: "left right" pairs in the order in which they are applied.
    types: one GGUF token type for each token; NORMAL, or CONTROL for special tokens.
    bos, eos, pad, eot: ids; `eot` ends a turn of a chat and also ends generation.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    types: tuple[int, ...]
    bos: int
    eos: int
    pad: int | None = None
    eot: int | None = None


@dataclass(frozen=True)
class SpmVocab:
    """A SentencePiece-style vocabulary (`tokenizer.ggml.model` = "llama").

    tokens: texts in id order; a space is U+2581, a single byte is written <0xNN> with type BYTE.
    scores: the merge order (a higher score merges first), one for each token.
    types: one GGUF token type for each token.
    add_space_prefix: whether a reader puts a space before the text it tokenises.
    """

    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[int, ...]
    bos: int
    eos: int
    unknown: int = 0
    pad: int | None = None
    eot: int | None = None
    add_space_prefix: bool = True


def tensor_shapes(config: LlamaConfig, *, tied: bool = True) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes that `write_llama_gguf` takes; `tied` leaves out `lm_head`."""
    embd, ff, kv = config.n_embd, config.n_ff, config.n_head_kv * config.head_dim
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.n_vocab, embd)}
    for layer in range(config.n_layer):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (embd,)
        shapes[prefix + "self_attn.q_proj.weight"] = (embd, embd)
        shapes[prefix + "self_attn.k_proj.weight"] = (kv, embd)
        shapes[prefix + "self_attn.v_proj.weight"] = (kv, embd)
        shapes[prefix + "self_attn.o_proj.weight"] = (embd, embd)
        shapes[prefix + "post_attention_layernorm.weight"] = (embd,)
        shapes[prefix + "mlp.gate_proj.weight"] = (ff, embd)
        shapes[prefix + "mlp.up_proj.weight"] = (ff, embd)
        shapes[prefix + "mlp.down_proj.weight"] = (embd, ff)
    shapes["model.norm.weight"] = (embd,)
    if not tied:
        shapes["lm_head.weight"] = (config.n_vocab, embd)
    return shapes


def write_llama_gguf(
    path: str | PathLike[str],
    *,
    config: LlamaConfig,
    tensors: Mapping[str, Tensor],
    tokenizer: BpeVocab | SpmVocab,
    dtype: Literal["f16", "f32"] = "f16",
    name: str = "llama",
    licence: str | None = None,
    description: str | None = None,
    chat_template: str | None = None,
) -> None:
    """Write the model to `path`. The same arguments give the same bytes.

    Args:
        tensors: float arrays under Hugging Face's Llama names, shapes (out, in), RoPE in the
            half-split layout of that library (the writer permutes Q and K for GGUF):
            model.embed_tokens.weight (n_vocab, n_embd);
            for each layer i, with kv = n_head_kv * head_dim:
            model.layers.i.input_layernorm.weight and .post_attention_layernorm.weight (n_embd,),
            .self_attn.q_proj.weight and .self_attn.o_proj.weight (n_embd, n_embd),
            .self_attn.k_proj.weight and .self_attn.v_proj.weight (kv, n_embd),
            .mlp.gate_proj.weight and .mlp.up_proj.weight (n_ff, n_embd),
            .mlp.down_proj.weight (n_embd, n_ff);
            model.norm.weight (n_embd,);
            lm_head.weight (n_vocab, n_embd), left out where it is tied to the embedding.
        dtype: type of the matrices; one-dimensional tensors are always f32.
        licence: an SPDX name.
        chat_template: Jinja source, None for a base model.

    Raises:
        ValueError: a tensor is missing, unknown or of another shape, or the vocabulary does not
            fit the sizes.
    """
    _check_tensors(config, tensors)
    _check_vocabulary(config, tokenizer)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    if licence is not None:
        writer.add_license(licence)
    if description is not None:
        writer.add_description(description)
    file_type = {"f16": gguf.LlamaFileType.MOSTLY_F16, "f32": gguf.LlamaFileType.ALL_F32}[dtype]
    writer.add_file_type(file_type)
    _add_sizes(writer, config)
    _add_tokenizer(writer, tokenizer)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    matrix_type = np.float16 if dtype == "f16" else np.float32
    for source, array in tensors.items():
        stored = _permuted(source, np.asarray(array), config)
        stored = stored.astype(np.float32 if stored.ndim == 1 else matrix_type)
        writer.add_tensor(_gguf_name(source), np.ascontiguousarray(stored))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check_tensors(config: LlamaConfig, tensors: Mapping[str, Tensor]) -> None:
    expected = tensor_shapes(config, tied="lm_head.weight" not in tensors)
    missing, unknown = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(f"tensors missing: {sorted(missing)}; unknown: {sorted(unknown)}")
    for key, shape in expected.items():
        if tensors[key].shape != shape:
            raise ValueError(f"{key} has shape {tensors[key].shape}, expected {shape}")


def _check_vocabulary(config: LlamaConfig, vocab: BpeVocab | SpmVocab) -> None:
    if len(vocab.tokens) != config.n_vocab or len(vocab.types) != config.n_vocab:
        raise ValueError(
            f"{len(vocab.tokens)} tokens and {len(vocab.types)} types for n_vocab {config.n_vocab}"
        )
    if isinstance(vocab, SpmVocab) and len(vocab.scores) != config.n_vocab:
        raise ValueError(f"{len(vocab.scores)} scores for n_vocab {config.n_vocab}")
    if len(set(vocab.tokens)) != config.n_vocab:
        raise ValueError("two tokens have the same text")


def _add_sizes(writer: gguf.GGUFWriter, config: LlamaConfig) -> None:
    writer.add_vocab_size(config.n_vocab)
    writer.add_context_length(config.n_ctx)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(config.n_ff)
    writer.add_head_count(config.n_head)
    writer.add_head_count_kv(config.n_head_kv)
    writer.add_layer_norm_rms_eps(config.rms_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_base)


def _add_tokenizer(writer: gguf.GGUFWriter, vocab: BpeVocab | SpmVocab) -> None:
    """Add every key whose absence makes a reader guess: pre-tokenizer, types, BOS and EOS ids."""
    if isinstance(vocab, BpeVocab):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(list(vocab.merges))
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(list(vocab.scores))
        writer.add_unk_token_id(vocab.unknown)
        writer.add_add_space_prefix(vocab.add_space_prefix)
    writer.add_token_list(list(vocab.tokens))
    writer.add_token_types(list(vocab.types))
    writer.add_bos_token_id(vocab.bos)
    writer.add_eos_token_id(vocab.eos)
    if vocab.pad is not None:
        writer.add_pad_token_id(vocab.pad)
    if vocab.eot is not None:
        writer.add_eot_token_id(vocab.eot)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def _permuted(source: str, array: Tensor, config: LlamaConfig) -> Tensor:
    """Reorder the rows of Q and K from half-split RoPE to the interleaved RoPE of GGUF."""
    if source.endswith("q_proj.weight"):
        heads = config.n_head
    elif source.endswith("k_proj.weight"):
        heads = config.n_head_kv
    else:
        return array
    rows, columns = array.shape
    split = array.reshape(heads, 2, config.head_dim // 2, columns)
    return split.swapaxes(1, 2).reshape(rows, columns)


_TOP_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
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


def _gguf_name(source: str) -> str:
    if source in _TOP_NAMES:
        return _TOP_NAMES[source]
    layer, part = source.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{_LAYER_NAMES[part.removesuffix('.weight')]}.weight"
