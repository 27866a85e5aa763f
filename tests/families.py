"""Tiny random models of several families, each as a GGUF file and as a Hugging Face directory with the same weights.

What they are for: whether llama.cpp and transformers, told the same, say the same; and whether a backend keeps its
promises for every kind of memory: full attention, a sliding window, a recurrent state, and both at once. Entropies are
those of a trained model (2 to 5 nats). The same arguments give the same files.
Not for: text that means something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from recipes.practice.gguf_writer import BpeVocab, LlamaConfig, SpmVocab
from tests.family_tensors import (
    EMBD,
    F32,
    FF,
    HEAD_DIM,
    HEADS,
    INNER,
    KERNEL,
    KV_HEADS,
    RANK,
    STATE,
    Tensor,
    gemma_tensors,
    hybrid_tensors,
    mamba_tensors,
    qwen_tensors,
)
from tests.family_tokenizers import write_tokenizer, write_tokenizer_keys
from tests.models import bpe_vocab, random_weights, spm_vocab, tiny_model

N_CTX = 1024
WINDOW = 8
"""Tokens that the local layers of the Gemma model see, the latest one included."""

PADDING = 20
"""Ids of the Qwen model past its tokenizer's."""

UNUSED = 5
"""GGUF's type of tokens that only pad the vocabulary."""


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        architecture: GGUF's name.
        vocabulary: the tokenizer's tokens.
        eog_ids: every token that ends a generation.
        config: `config.json` of the directory.
        metadata: GGUF's keys, without the architecture's prefix.
        padding: ids past the tokenizer's.
        pre: GGUF's name of how a text is parted before byte-level BPE.
        recurrent: whether its memory cannot be cut back.
    """

    name: str
    architecture: str
    vocabulary: BpeVocab | SpmVocab
    eog_ids: frozenset[int]
    config: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tensors: Sequence[Tensor] = ()
    padding: int = 0
    pre: str = "gpt-2"
    recurrent: bool = False
    add_bos: bool = True

    @property
    def n_vocab(self) -> int:
        """Width of the logits."""
        return len(self.vocabulary.tokens) + self.padding


def family_gguf(path: Path, name: str, *, chat_template: str | None = None) -> Path:
    """Writes the GGUF file of a family."""
    family = FAMILIES[name]
    if family.architecture == "llama":
        kind: Any = name
        return tiny_model(path, kind, n_ctx=N_CTX, chat_template=chat_template).path
    writer = gguf.GGUFWriter(path, family.architecture)
    writer.add_name(f"tiny-{name}")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for key, value in {**_common_metadata(family), **family.metadata}.items():
        _add(writer, f"{family.architecture}.{key}", value)
    write_tokenizer_keys(writer, _padded(family), add_bos=family.add_bos, pre=family.pre)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    weights = family_weights(name)
    for tensor in family.tensors:
        stored = tensor.stored(weights[tensor.directory_name])
        writer.add_tensor(tensor.gguf_name, np.ascontiguousarray(stored, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def family_directory(path: Path, name: str, *, chat_template: str | None = None) -> Path:
    """Writes the Hugging Face directory of a family; needs `safetensors`, but neither torch nor transformers."""
    from safetensors.numpy import save_file

    family = FAMILIES[name]
    path.mkdir(parents=True, exist_ok=True)
    _write_json(path / "config.json", {"dtype": "float32", **family.config})
    ends = sorted(family.eog_ids)
    generation = {"eos_token_id": ends if len(ends) > 1 else ends[0], "do_sample": True}
    _write_json(path / "generation_config.json", generation)
    save_file(family_weights(name), path / "model.safetensors", metadata={"format": "pt"})
    write_tokenizer(path, family.vocabulary, add_bos=family.add_bos, pre=family.pre, n_ctx=N_CTX)
    if chat_template is not None:
        (path / "chat_template.jinja").write_text(chat_template)
    return path


def family_weights(name: str, *, seed: int = 0) -> dict[str, F32]:
    """The weights of a family under Hugging Face's names."""
    family = FAMILIES[name]
    if family.architecture == "llama":
        return random_weights(_llama_config(family.vocabulary), seed=seed, tied=name == "spm")
    rng = np.random.default_rng(seed)
    return {tensor.directory_name: tensor.draw(rng) for tensor in family.tensors}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2))


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_uint32(key, value)


def _common_metadata(family: Family) -> dict[str, Any]:
    return {
        "vocab_size": family.n_vocab,
        "context_length": N_CTX,
        "embedding_length": EMBD,
        "feed_forward_length": FF,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }


def _padded(family: Family) -> BpeVocab | SpmVocab:
    """The vocabulary as GGUF has it: as wide as the logits."""
    vocabulary = family.vocabulary
    if not family.padding:
        return vocabulary
    first = len(vocabulary.tokens)
    tokens = [f"[PAD{first + i}]" for i in range(family.padding)]
    return replace(
        vocabulary,
        tokens=(*vocabulary.tokens, *tokens),
        types=(*vocabulary.types, *[UNUSED] * family.padding),
    )


# Families ------------------------------------------------------------------------------------------


def _llama_config(vocabulary: BpeVocab | SpmVocab) -> LlamaConfig:
    """The sizes of `tests.models.tiny_model`."""
    return LlamaConfig(len(vocabulary.tokens), N_CTX, EMBD, 2, HEADS, KV_HEADS, FF)


def _config(model_type: str, model_class: str, n_vocab: int, **others: Any) -> dict[str, Any]:
    return {
        "architectures": [model_class],
        "model_type": model_type,
        "vocab_size": n_vocab,
        "hidden_size": EMBD,
        "intermediate_size": FF,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": N_CTX,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        **others,
    }


def _llama(name: str, vocabulary: BpeVocab | SpmVocab, eog_ids: set[int]) -> Family:
    config = _config(
        "llama",
        "LlamaForCausalLM",
        len(vocabulary.tokens),
        num_hidden_layers=2,
        hidden_act="silu",
        rope_theta=10000.0,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
        tie_word_embeddings=name == "spm",
    )
    return Family(name, "llama", vocabulary, frozenset(eog_ids), config)


def _qwen() -> Family:
    """Qwen 2: biases in attention, rotary pairs half a head apart, no start token, a padded vocabulary."""
    vocabulary = bpe_vocab()
    n_vocab = len(vocabulary.tokens) + PADDING
    config = _config(
        "qwen2",
        "Qwen2ForCausalLM",
        n_vocab,
        num_hidden_layers=2,
        hidden_act="silu",
        rope_theta=100000.0,
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=vocabulary.eos,
    )
    return Family(
        "qwen",
        "qwen2",
        vocabulary,
        frozenset({1, 3}),
        config,
        {"block_count": 2, "rope.freq_base": 100000.0},
        qwen_tensors(2, n_vocab),
        padding=PADDING,
        pre="qwen2",
        add_bos=False,
    )


def _gemma() -> Family:
    """Gemma 3: local layers of WINDOW tokens between global ones, norms on queries, keys and after each block."""
    vocabulary = replace(spm_vocab(), add_space_prefix=False)
    n_vocab = len(vocabulary.tokens)
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    config = _config(
        "gemma3_text",
        "Gemma3ForCausalLM",
        n_vocab,
        num_hidden_layers=len(kinds),
        head_dim=HEAD_DIM,
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=HEAD_DIM,
        sliding_window=WINDOW,
        layer_types=kinds,
        rope_theta=1000000.0,
        rope_local_base_freq=10000.0,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
    )
    metadata = {
        "block_count": len(kinds),
        "attention.key_length": HEAD_DIM,
        "attention.value_length": HEAD_DIM,
        "attention.sliding_window": WINDOW,
        "attention.sliding_window_pattern": [kind == "sliding_attention" for kind in kinds],
        "rope.freq_base": 1000000.0,
        "rope.freq_base_swa": 10000.0,
    }
    tensors = gemma_tensors(len(kinds), n_vocab)
    return Family("gemma", "gemma3", vocabulary, frozenset({2}), config, metadata, tensors)


def _mamba() -> Family:
    """Mamba: a state of fixed size and nothing else."""
    vocabulary = bpe_vocab()
    n_vocab = len(vocabulary.tokens)
    config = {
        "architectures": ["MambaForCausalLM"],
        "model_type": "mamba",
        "vocab_size": n_vocab,
        "hidden_size": EMBD,
        "num_hidden_layers": 2,
        "state_size": STATE,
        "expand": INNER // EMBD,
        "conv_kernel": KERNEL,
        "time_step_rank": RANK,
        "layer_norm_epsilon": 1e-5,
        "use_bias": False,
        "use_conv_bias": True,
        "residual_in_fp32": True,
        "bos_token_id": vocabulary.bos,
        "eos_token_id": vocabulary.eos,
        "tie_word_embeddings": True,
    }
    metadata = {
        "block_count": 2,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "attention.head_count_kv": 0,
        "ssm.conv_kernel": KERNEL,
        "ssm.inner_size": INNER,
        "ssm.state_size": STATE,
        "ssm.time_step_rank": RANK,
    }
    tensors = mamba_tensors(2, n_vocab)
    eog_ids = frozenset({1, 3})
    return Family("mamba", "mamba", vocabulary, eog_ids, config, metadata, tensors, recurrent=True)


def _hybrid() -> Family:
    """LFM2: convolutions with a state, and attention between them."""
    vocabulary = bpe_vocab()
    n_vocab = len(vocabulary.tokens)
    kinds = ["conv", "full_attention", "conv"]
    config = _config(
        "lfm2",
        "Lfm2ForCausalLM",
        n_vocab,
        num_hidden_layers=len(kinds),
        layer_types=kinds,
        conv_L_cache=3,
        conv_bias=False,
        block_auto_adjust_ff_dim=False,
        norm_eps=1e-5,
        rope_theta=1000000.0,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
    )
    metadata = {
        "block_count": len(kinds),
        "attention.head_count_kv": [KV_HEADS if k == "full_attention" else 0 for k in kinds],
        "shortconv.l_cache": 3,
        "rope.freq_base": 1000000.0,
    }
    tensors = hybrid_tensors(kinds, n_vocab)
    eog_ids = frozenset({1, 3})
    return Family("hybrid", "lfm2", vocabulary, eog_ids, config, metadata, tensors, recurrent=True)


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        _llama("bpe", bpe_vocab(), {1, 3}),
        _llama("spm", spm_vocab(), {2}),
        _qwen(),
        _gemma(),
        _mamba(),
        _hybrid(),
    )
}
"""`bpe` and `spm` are Llamas: `tests.models.tiny_model`, with its two tokenizers."""
