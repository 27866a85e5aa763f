"""The weights of the tiny models: of each tensor both names, its shape, how it is drawn, and what GGUF makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

EMBD, HEADS, KV_HEADS, HEAD_DIM, FF = 64, 4, 2, 16, 160
INNER, STATE, RANK, KERNEL = 128, 8, 4, 4
"""Of the Mamba layers: width, numbers of state for each channel, rank of the step size, taps of the convolution."""

_OUTPUT_DEVIATION = 0.3
"""Of the output matrix; it sets the entropy."""


def _same(array: F32) -> F32:
    return array


@dataclass(frozen=True)
class Tensor:
    """One tensor: its names in both formats, how it is drawn, and what GGUF makes of it."""

    directory_name: str
    gguf_name: str
    shape: tuple[int, ...]
    mean: float = 0.0
    deviation: float | None = None
    stored: Callable[[F32], F32] = _same

    def draw(self, rng: np.random.Generator) -> F32:
        """Random values; matrices keep the size of what they multiply where no deviation is given."""
        deviation = self.shape[-1] ** -0.5 if self.deviation is None else self.deviation
        values: F32 = self.mean + deviation * rng.standard_normal(self.shape, dtype=np.float32)
        return values.astype(np.float32)


def _norm(directory_name: str, gguf_name: str, width: int = EMBD) -> Tensor:
    return Tensor(directory_name, gguf_name, (width,), mean=1.0, deviation=0.1)


def _embedding(directory_name: str, n_vocab: int) -> Tensor:
    return Tensor(directory_name, "token_embd.weight", (n_vocab, EMBD), deviation=_OUTPUT_DEVIATION)


def _last_norm(directory_name: str, gguf_name: str = "output_norm.weight") -> Tensor:
    """Around zero: input and output share their matrix, and every token would predict itself."""
    return Tensor(directory_name, gguf_name, (EMBD,), deviation=1.0)


def _attention(source: str, target: str, output: str = "o_proj") -> list[Tensor]:
    rows = {"q": HEADS * HEAD_DIM, "k": KV_HEADS * HEAD_DIM, "v": KV_HEADS * HEAD_DIM}
    return [
        *[
            Tensor(f"{source}.self_attn.{x}_proj.weight", f"{target}.attn_{x}.weight", (n, EMBD))
            for x, n in rows.items()
        ],
        Tensor(
            f"{source}.self_attn.{output}.weight",
            f"{target}.attn_output.weight",
            (EMBD, HEADS * HEAD_DIM),
        ),
    ]


def _feed_forward(source: str, target: str, names: Sequence[str]) -> list[Tensor]:
    gate, up, down = names
    return [
        Tensor(f"{source}.{gate}.weight", f"{target}.ffn_gate.weight", (FF, EMBD)),
        Tensor(f"{source}.{up}.weight", f"{target}.ffn_up.weight", (FF, EMBD)),
        Tensor(f"{source}.{down}.weight", f"{target}.ffn_down.weight", (EMBD, FF)),
    ]


_MLP = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def qwen_tensors(layers: int, n_vocab: int) -> list[Tensor]:
    tensors = [_embedding("model.embed_tokens.weight", n_vocab), _last_norm("model.norm.weight")]
    for layer in range(layers):
        source, target = f"model.layers.{layer}", f"blk.{layer}"
        tensors += [
            _norm(f"{source}.input_layernorm.weight", f"{target}.attn_norm.weight"),
            *_attention(source, target),
            *[
                Tensor(
                    f"{source}.self_attn.{x}_proj.bias",
                    f"{target}.attn_{x}.bias",
                    (heads * HEAD_DIM,),
                    deviation=0.3,
                )
                for x, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS))
            ],
            _norm(f"{source}.post_attention_layernorm.weight", f"{target}.ffn_norm.weight"),
            *_feed_forward(source, target, _MLP),
        ]
    return tensors


def _plus_one(array: F32) -> F32:
    return array + np.float32(1)


def _gemma_norm(
    source: str, target: str, width: int = EMBD, *, scale: float = 1.0, deviation: float = 0.1
) -> Tensor:
    """A norm that multiplies with 1 + weight; GGUF keeps the sum."""
    return Tensor(source, target, (width,), scale - 1, deviation, stored=_plus_one)


def gemma_tensors(layers: int, n_vocab: int) -> list[Tensor]:
    tensors = [
        _embedding("model.embed_tokens.weight", n_vocab),
        _gemma_norm("model.norm.weight", "output_norm.weight", scale=0, deviation=1),
    ]
    for layer in range(layers):
        source, target = f"model.layers.{layer}", f"blk.{layer}"
        tensors += [
            _gemma_norm(f"{source}.input_layernorm.weight", f"{target}.attn_norm.weight"),
            *_attention(source, target),
            *[
                _gemma_norm(
                    f"{source}.self_attn.{x}_norm.weight",
                    f"{target}.attn_{x}_norm.weight",
                    HEAD_DIM,
                )
                for x in "qk"
            ],
            # As much as the embedding, which Gemma multiplies with the root of its width.
            _gemma_norm(
                f"{source}.post_attention_layernorm.weight",
                f"{target}.post_attention_norm.weight",
                scale=2,
            ),
            _gemma_norm(f"{source}.pre_feedforward_layernorm.weight", f"{target}.ffn_norm.weight"),
            *_feed_forward(source, target, _MLP),
            # Small: llama.cpp takes GELU from a table in half precision.
            _gemma_norm(
                f"{source}.post_feedforward_layernorm.weight",
                f"{target}.post_ffw_norm.weight",
                scale=0.002,
                deviation=0.0002,
            ),
        ]
    return tensors


def _mamba_a(array: F32) -> F32:
    return -np.exp(array)


def _squeezed(array: F32) -> F32:
    return array.squeeze(1)


def mamba_tensors(layers: int, n_vocab: int) -> list[Tensor]:
    tensors = [
        _embedding("backbone.embeddings.weight", n_vocab),
        _last_norm("backbone.norm_f.weight"),
    ]
    for layer in range(layers):
        source, target = f"backbone.layers.{layer}.mixer", f"blk.{layer}"
        inner = (INNER,)
        tensors += [
            _norm(f"backbone.layers.{layer}.norm.weight", f"{target}.attn_norm.weight"),
            Tensor(f"{source}.in_proj.weight", f"{target}.ssm_in.weight", (2 * INNER, EMBD)),
            Tensor(
                f"{source}.conv1d.weight",
                f"{target}.ssm_conv1d.weight",
                (INNER, 1, KERNEL),
                stored=_squeezed,
            ),
            Tensor(f"{source}.conv1d.bias", f"{target}.ssm_conv1d.bias", inner, deviation=0.1),
            Tensor(f"{source}.x_proj.weight", f"{target}.ssm_x.weight", (RANK + 2 * STATE, INNER)),
            Tensor(f"{source}.dt_proj.weight", f"{target}.ssm_dt.weight", (INNER, RANK)),
            # Step sizes of about a tenth: the state remembers for tens of tokens.
            Tensor(f"{source}.dt_proj.bias", f"{target}.ssm_dt.bias", inner, -2.0, 0.3),
            Tensor(f"{source}.A_log", f"{target}.ssm_a", (INNER, STATE), 0.5, 0.8, stored=_mamba_a),
            _norm(f"{source}.D", f"{target}.ssm_d", INNER),
            Tensor(f"{source}.out_proj.weight", f"{target}.ssm_out.weight", (EMBD, INNER)),
        ]
    return tensors


def hybrid_tensors(kinds: Sequence[str], n_vocab: int) -> list[Tensor]:
    tensors = [
        _embedding("model.embed_tokens.weight", n_vocab),
        _last_norm("model.embedding_norm.weight", "token_embd_norm.weight"),
    ]
    for layer, kind in enumerate(kinds):
        source, target = f"model.layers.{layer}", f"blk.{layer}"
        tensors += [
            _norm(f"{source}.operator_norm.weight", f"{target}.attn_norm.weight"),
            _norm(f"{source}.ffn_norm.weight", f"{target}.ffn_norm.weight"),
            *_feed_forward(
                source, target, ("feed_forward.w1", "feed_forward.w3", "feed_forward.w2")
            ),
        ]
        if kind == "full_attention":
            tensors += _attention(source, target, output="out_proj")
            tensors += [
                _norm(
                    f"{source}.self_attn.{x}_layernorm.weight",
                    f"{target}.attn_{x}_norm.weight",
                    HEAD_DIM,
                )
                for x in "qk"
            ]
            continue
        conv = f"{target}.shortconv"
        tensors += [
            Tensor(
                f"{source}.conv.conv.weight",
                f"{conv}.conv.weight",
                (EMBD, 1, 3),
                stored=_squeezed,
            ),
            Tensor(f"{source}.conv.in_proj.weight", f"{conv}.in_proj.weight", (3 * EMBD, EMBD)),
            Tensor(f"{source}.conv.out_proj.weight", f"{conv}.out_proj.weight", (EMBD, EMBD)),
        ]
    return tensors
