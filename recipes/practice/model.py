"""A Llama model in plain torch, for training the practice models.

Parameter names and shapes are those that `gguf_writer` documents. RoPE is the half-split kind; the
GGUF writer permutes Q and K. Not for inference in the workbench, which reads the GGUF file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.practice.gguf_writer import LlamaConfig


@dataclass
class Cache:
    """Keys and values of the positions seen so far, (batch, head, time, head_dim) for each layer."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def length(self) -> int:
        """How many positions are held."""
        return self.layers[0][0].shape[2] if self.layers else 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append a layer's new keys and values; return all of them."""
        if layer == len(self.layers):
            self.layers.append((k, v))
        else:
            past_k, past_v = self.layers[layer]
            self.layers[layer] = torch.cat((past_k, k), 2), torch.cat((past_v, v), 2)
        return self.layers[layer]

    def rows(self, index: Tensor) -> Cache:
        """Return the cache of the rows `index`, which may repeat or leave out rows."""
        return Cache([(k[index], v[index]) for k, v in self.layers])


class Attention(nn.Module):
    """Causal self-attention with grouped queries."""

    def __init__(self, config: LlamaConfig, number: int) -> None:
        super().__init__()
        self.number = number
        kv = config.n_head_kv * config.head_dim
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.k_proj = nn.Linear(config.n_embd, kv, bias=False)
        self.v_proj = nn.Linear(config.n_embd, kv, bias=False)
        self.o_proj = nn.Linear(config.n_embd, config.n_embd, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None) -> Tensor:
        """(batch, time, n_embd) to the same; cos, sin: (time, head_dim)."""
        batch, time, width = x.shape
        shape = (batch, time, -1, self.head_dim)
        q = rotate(self.q_proj(x).view(shape).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(shape).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(shape).transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(self.number, k, v)
        y = functional.scaled_dot_product_attention(
            q, k, v, is_causal=k.shape[2] == time, enable_gqa=True
        )
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(batch, time, width))
        return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.n_embd, config.n_ff, bias=False)
        self.up_proj = nn.Linear(config.n_embd, config.n_ff, bias=False)
        self.down_proj = nn.Linear(config.n_ff, config.n_embd, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, n_embd) to the same."""
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    """Attention and feed-forward, each behind its norm."""

    def __init__(self, config: LlamaConfig, number: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.n_embd, eps=config.rms_eps)
        self.self_attn = Attention(config, number)
        self.post_attention_layernorm = nn.RMSNorm(config.n_embd, eps=config.rms_eps)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None) -> Tensor:
        """(batch, time, n_embd) to the same."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Body(nn.Module):
    """Embedding, layers and the last norm."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.n_vocab, config.n_embd)
        self.layers = nn.ModuleList(Layer(config, number) for number in range(config.n_layer))
        self.norm = nn.RMSNorm(config.n_embd, eps=config.rms_eps)


class Llama(nn.Module):
    """The whole model, with the output tied to the embedding."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        pairs = torch.arange(0, config.head_dim, 2, dtype=torch.float64) / config.head_dim
        angles = torch.outer(torch.arange(config.n_ctx), config.rope_base**-pairs).repeat(1, 2)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Small normal weights; those that write to the residual stream shrink with its depth."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                writes = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(
                    weight, std=0.03 / ((2 * self.config.n_layer) ** 0.5 if writes else 1)
                )

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Token ids (batch, time) to logits (batch, time, n_vocab).

        With a cache, the ids go on where it ends, and it is extended; only the first call on an
        empty cache may bring more than one position.
        """
        past = cache.length if cache is not None else 0
        cos, sin = self.cos[past : past + ids.shape[1]], self.sin[past : past + ids.shape[1]]
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, cos, sin, cache)
        return functional.linear(self.model.norm(x), self.model.embed_tokens.weight)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply RoPE, half-split: x (batch, head, time, head_dim) to the same."""
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)
