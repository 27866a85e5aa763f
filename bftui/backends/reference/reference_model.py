"""The Llama network in NumPy, float32 throughout: what the other backends are measured against.

Written to be read against the definition: RMS norm, rotary positions on neighbouring pairs (the order of rows that GGUF
stores), grouped-query attention, SwiGLU. Where keys and values live is the caller's: `Llama.forward` is given an
`Attention` that stores them and attends, so that one path and many continuations share all other code.
Not for: speed on large models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bftui.backends.protocol import F32
from bftui.backends.reference.reference_file import Sizes, Weights


class Attention(Protocol):
    """A store of keys and values."""

    def attend(self, layer: int, queries: F32, keys: F32, values: F32) -> F32:
        """Stores the new tokens' keys and values, then attends.

        Args:
            queries: (tokens, n_head, head_dim).
            keys, values: (tokens, n_head_kv, head_dim).

        Returns:
            (tokens, n_head * head_dim).
        """
        ...


class Llama:
    """The network; holds weights and no state."""

    def __init__(self, sizes: Sizes, weights: Weights) -> None:
        self.sizes = sizes
        self._weights = weights
        self._rotation = weights.rotation

    def forward(
        self,
        token_ids: Sequence[int],
        positions: Sequence[int],
        attention: Attention,
        check: Callable[[], None],
    ) -> F32:
        """Return the hidden states after the last norm, (tokens, n_embd); `check` may raise between layers."""
        sizes = self.sizes
        x: F32 = self._weights.embedding[np.asarray(token_ids)]
        cos, sin = self._rotations(positions)
        for index, layer in enumerate(self._weights.layers):
            check()
            h = self._norm(x, layer.attn_norm)
            q = _rotated(_heads(h @ layer.attn_q.T, sizes.n_head), cos, sin)
            k = _rotated(_heads(h @ layer.attn_k.T, sizes.n_head_kv), cos, sin)
            v = _heads(h @ layer.attn_v.T, sizes.n_head_kv)
            x = x + attention.attend(index, q, k, v) @ layer.attn_output.T
            h = self._norm(x, layer.ffn_norm)
            gate = h @ layer.ffn_gate.T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ layer.ffn_up.T)) @ layer.ffn_down.T
        return self._norm(x, self._weights.output_norm)

    def logits(self, hidden: F32) -> F32:
        """Logits of shape (tokens, n_vocab) for hidden states of shape (tokens, n_embd)."""
        return hidden @ self._weights.output.T

    def _norm(self, x: F32, weight: F32) -> F32:
        mean_square = np.mean(x * x, axis=-1, keepdims=True)
        normed: F32 = x / np.sqrt(mean_square + np.float32(self.sizes.rms_eps)) * weight
        return normed

    def _rotations(self, positions: Sequence[int]) -> tuple[F32, F32]:
        """Cosines and sines of shape (tokens, 1, head_dim / 2), the same for every head."""
        turning = self._rotation
        angles = np.asarray(positions, dtype=np.float64)[:, None, None] * turning.frequencies
        cos, sin = (turning.magnitude * each for each in (np.cos(angles), np.sin(angles)))
        return cos.astype(np.float32), sin.astype(np.float32)


def _heads(x: F32, count: int) -> F32:
    return x.reshape(len(x), count, -1)


def _rotated(x: F32, cos: F32, sin: F32) -> F32:
    """Turns the pairs (0, 1), (2, 3), … of each head."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = np.empty_like(x)
    turned[..., 0::2] = even * cos - odd * sin
    turned[..., 1::2] = even * sin + odd * cos
    return turned


def softmax(scores: F32) -> F32:
    """Over the last axis; -inf gives exactly 0."""
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    normed: F32 = weights / weights.sum(axis=-1, keepdims=True)
    return normed


class PathCache:
    """Keys and values of one path; an `Attention` that appends to it.

    `length` tokens are valid; what a forward pass stores beyond them counts only once the caller raises `length`.
    """

    def __init__(self, sizes: Sizes) -> None:
        self._groups = sizes.n_head // sizes.n_head_kv
        self.length = 0
        shape = (sizes.n_layer, sizes.n_head_kv, 0, sizes.head_dim)
        self._keys: F32 = np.empty(shape, dtype=np.float32)
        self._values: F32 = np.empty(shape, dtype=np.float32)

    def reserve(self, tokens: int) -> None:
        """Makes room for a path of this length, in steps that double."""
        capacity = self._keys.shape[2]
        if tokens <= capacity:
            return
        grown = max(tokens, 2 * capacity, 64)
        self._keys = _grown(self._keys, grown, self.length)
        self._values = _grown(self._values, grown, self.length)

    def copy(self, length: int) -> PathCache:
        """Return the first `length` tokens in a store of their own."""
        other = PathCache.__new__(PathCache)
        other._groups = self._groups
        other.length = length
        other._keys = self._keys.copy()
        other._values = self._values.copy()
        return other

    def attend(self, layer: int, queries: F32, keys: F32, values: F32) -> F32:
        count = len(queries)
        end = self.length + count
        self._keys[layer, :, self.length : end] = keys.swapaxes(0, 1)
        self._values[layer, :, self.length : end] = values.swapaxes(0, 1)
        scores = self.scores(layer, queries, end)
        if count > 1:
            position = np.arange(end)
            later = position > position[self.length :, None]
            scores[:, :, later] = -np.inf
        mixed = self.mixed(layer, softmax(scores))
        return mixed.transpose(2, 0, 1, 3).reshape(count, -1)

    def scores(self, layer: int, queries: F32, length: int) -> F32:
        """Scaled products with the first `length` keys, (n_head_kv, group, tokens, length)."""
        count, _, head_dim = queries.shape
        grouped = queries.reshape(count, -1, self._groups, head_dim).transpose(1, 2, 0, 3)
        flat = grouped.reshape(len(grouped), self._groups * count, head_dim)
        products = flat @ self._keys[layer, :, :length].swapaxes(1, 2)
        return products.reshape(len(grouped), self._groups, count, length) * np.float32(
            head_dim**-0.5
        )

    def mixed(self, layer: int, weights: F32) -> F32:
        """Weighted sums of the first values, (n_head_kv, group, tokens, head_dim)."""
        heads, groups, count, length = weights.shape
        flat = weights.reshape(heads, groups * count, length)
        return (flat @ self._values[layer, :, :length]).reshape(heads, groups, count, -1)


def _grown(array: F32, tokens: int, valid: int) -> F32:
    layers, heads, _, head_dim = array.shape
    larger = np.empty((layers, heads, tokens, head_dim), dtype=np.float32)
    larger[:, :, :valid] = array[:, :, :valid]
    return larger


class ContinuationCache:
    """Keys and values of continuations of one path, which they share; an `Attention` over the rows of one step.

    Row r holds `lengths[r]` tokens of its own after the first `prefix` tokens of the path.
    """

    def __init__(self, sizes: Sizes, path: PathCache, prefix: int, rows: int) -> None:
        self._groups = sizes.n_head // sizes.n_head_kv
        self._path = path
        self._prefix = prefix
        self.lengths: NDArray[np.int64] = np.zeros(rows, dtype=np.int64)
        self._step: NDArray[np.int64] = np.arange(rows)
        shape = (sizes.n_layer, sizes.n_head_kv, 0, rows, sizes.head_dim)
        self._keys: F32 = np.empty(shape, dtype=np.float32)
        self._values: F32 = np.empty(shape, dtype=np.float32)

    def select(self, rows: Sequence[int]) -> None:
        """Names the rows that the next forward pass appends one token to, and makes room for them."""
        self._step = np.asarray(rows, dtype=np.int64)
        capacity = self._keys.shape[2]
        if int(self.lengths[self._step].max()) < capacity:
            return
        room = np.empty_like(
            self._keys, shape=(*self._keys.shape[:2], max(8, capacity), *self._keys.shape[3:])
        )
        self._keys = np.concatenate([self._keys, room], axis=2)
        self._values = np.concatenate([self._values, room], axis=2)

    def attend(self, layer: int, queries: F32, keys: F32, values: F32) -> F32:
        rows, places = self._step, self.lengths[self._step]
        self._keys[layer, :, places, rows] = keys
        self._values[layer, :, places, rows] = values
        end = int(places.max()) + 1
        own_keys = self._keys[layer, :, :end, rows].transpose(1, 0, 2, 3)
        own_values = self._values[layer, :, :end, rows].transpose(1, 0, 2, 3)

        count, _, head_dim = queries.shape
        grouped = queries.reshape(count, -1, self._groups, head_dim).swapaxes(0, 1)
        own = grouped @ own_keys.swapaxes(2, 3) * np.float32(head_dim**-0.5)
        own = np.where(
            (np.arange(end) > places[:, None])[None, :, None, :], np.float32(-np.inf), own
        )
        shared = self._path.scores(layer, queries, self._prefix).swapaxes(1, 2)
        weights = softmax(np.concatenate([shared, own], axis=-1))

        shared_weights = np.ascontiguousarray(weights[..., : self._prefix].swapaxes(1, 2))
        mixed = self._path.mixed(layer, shared_weights).swapaxes(1, 2)
        # Values past a row's own end were never written: their weight is 0, but 0 times garbage may be NaN.
        valid = (np.arange(end) <= places[:, None])[None, :, :, None]
        mixed = mixed + weights[..., self._prefix :] @ np.where(valid, own_values, np.float32(0))
        return mixed.swapaxes(0, 1).reshape(count, -1)
