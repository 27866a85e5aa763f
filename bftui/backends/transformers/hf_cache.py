"""Caches of keys, values and states, one layer after another, in the form that transformers calls.

`PathLayer` keeps everything in one growing buffer, so that a step copies nothing and shortening sets a number.
`ContinuationLayer` holds many continuations of one prefix that is stored once. The library's own layers stay for
whatever is not plain attention: they can be copied, not shortened.
Not for: deciding what is evaluated; that is `path_backend.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from bftui.backends.transformers.hf_library import torch, transformers

_cache_utils: Any = transformers.cache_utils
Cache: Any = _cache_utils.Cache
Tensor = Any

_PLAIN = (_cache_utils.DynamicLayer, _cache_utils.DynamicSlidingWindowLayer)
"""Layers of keys and values; a sliding window is a matter of the mask where all of them are kept."""

_FIRST_ROOM = 256


class PathLayer(_cache_utils.DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values of the path, shape (1, heads, capacity, width); the first `length` are valid."""

    def __init__(self, **_kwargs: Any) -> None:
        super().__init__()
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = (
            _room(states, _FIRST_ROOM) for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Appends these; views of all keys and all values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[-2]
        if end > self.keys.shape[-2]:
            self._copy(max(end, 2 * self.keys.shape[-2]))
        self.keys[..., self.length : end, :] = key_states
        self.values[..., self.length : end, :] = value_states
        self.length = end
        return self.keys[..., :end, :], self.values[..., :end, :]

    def _copy(self, room: int) -> None:
        """Moves to buffers of their own; continuations go on reading the old ones."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = _room(old, room)
            new[..., : self.length, :] = old[..., : self.length, :]
            setattr(self, name, new)

    def shorten(self, length: int, *, shared: bool) -> None:
        """Forgets what comes after `length`; with `shared` the old buffers are left to those who still read them."""
        self.length = min(self.length, length)
        if shared and self.is_initialized:
            self._copy(self.keys.shape[-2])

    def get_seq_length(self) -> int:
        return self.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0


class ContinuationLayer(_cache_utils.DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values of continuations: (1, heads, n, width) shared and (rows, heads, m, width) own."""

    def __init__(self, layer: PathLayer, length: int) -> None:
        super().__init__()
        self._prefix_length = length
        self._prefix = (
            (layer.keys[..., :length, :], layer.values[..., :length, :])
            if layer.is_initialized
            else None
        )
        self._own: tuple[Tensor, Tensor] | None = None
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Appends one token's to each row; all keys and all values of all rows, for this layer's attention only."""
        fresh = (key_states, value_states)
        own = fresh if self._own is None else _joined(self._own, fresh)
        self._own = own
        if self._prefix is None:
            return own
        rows = key_states.shape[0]
        return _joined(tuple(part.expand(rows, -1, -1, -1) for part in self._prefix), own)

    def selected(self, rows: Sequence[int]) -> ContinuationLayer:
        """Return the same continuations, but only these rows of them."""
        other = copy.copy(self)
        if self._own is not None:
            keys, values = self._own
            places = torch.tensor(rows, device=keys.device)
            other._own = (keys.index_select(0, places), values.index_select(0, places))
        return other

    def get_seq_length(self) -> int:
        return self._prefix_length + (0 if self._own is None else int(self._own[0].shape[-2]))

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0


def _room(states: Tensor, length: int) -> Tensor:
    return states.new_empty((*states.shape[:-2], length, states.shape[-1]))


def _joined(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    return torch.cat([a[0], b[0]], dim=-2), torch.cat([a[1], b[1]], dim=-2)


def path_cache(config: Any) -> Any:
    """Make an empty cache for one path; its layers can be shortened where all of them are plain attention."""
    layers = transformers.DynamicCache(config=config).layers
    if not layers:
        return Cache(layer_class_to_replicate=PathLayer)
    plain = all(type(layer) in (*_PLAIN, _cache_utils.DummyLayer) for layer in layers)
    if plain:
        layers = [PathLayer() if type(layer) in _PLAIN else layer for layer in layers]
    return Cache(layers=layers)


def attention_layers(cache: Any) -> int:
    """Return how many layers keep keys and values of every token."""
    return sum(isinstance(layer, _cache_utils.CacheLayerMixin) for layer in cache.layers)


def can_shorten(cache: Any) -> bool:
    """Whether any prefix of the path can be kept."""
    return all(isinstance(layer, PathLayer | _cache_utils.DummyLayer) for layer in cache.layers)


def shorten(cache: Any, length: int, *, shared: bool) -> None:
    """Shortens a cache that can be shortened."""
    for layer in cache.layers:
        if isinstance(layer, PathLayer):
            layer.shorten(length, shared=shared)


def continuation_cache(cache: Any, length: int, rows: int) -> Any:
    """Return a cache of `rows` continuations of the first `length` tokens; of all where it cannot be shortened."""
    if can_shorten(cache):
        layers = [
            ContinuationLayer(layer, length) if isinstance(layer, PathLayer) else layer
            for layer in cache.layers
        ]
        return Cache(layers=layers)
    return _reordered(cache, [0] * rows)


def selected(cache: Any, rows: Sequence[int]) -> Any:
    """Return the cache of these rows of a batch, independent of the one that it comes from."""
    if any(isinstance(layer, ContinuationLayer) for layer in cache.layers):
        layers = [
            layer.selected(rows) if isinstance(layer, ContinuationLayer) else layer
            for layer in cache.layers
        ]
        return Cache(layers=layers)
    return _reordered(cache, rows)


def snapshot(cache: Any) -> tuple[Any, int]:
    """Return a copy of a cache, and the bytes of its tensors."""
    state = copy.deepcopy(cache)
    return state, sum(_bytes(layer) for layer in state.layers)


def _reordered(cache: Any, rows: Sequence[int]) -> Any:
    other = copy.deepcopy(cache)
    other.reorder_cache(torch.tensor(rows))
    return other


def _bytes(layer: Any) -> int:
    tensors: list[Any] = []
    for value in vars(layer).values():
        tensors += value.values() if isinstance(value, dict) else [value]
    return sum(
        tensor.numel() * tensor.element_size()
        for tensor in tensors
        if isinstance(tensor, torch.Tensor)
    )
