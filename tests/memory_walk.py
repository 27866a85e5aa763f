"""How much memory a backend takes for steps: a walk through a tree, and what the process holds more after it."""

from __future__ import annotations

import gc

import numpy as np
import psutil

from bftui.backends.protocol import Backend

_LENGTH, _BACK = 304, 240


def growth(backend: Backend, steps: int) -> int:
    """Bytes that the process grows by in the last three quarters of `steps` tokens; the first fill every cache."""
    # A step of torch is mostly Python: eight tokens cost as much as one.
    stride = 8 if backend.info.backend == "transformers" else 1
    rng = np.random.default_rng(0)
    _walk(backend, steps // 4, stride, rng)
    before = _resident()
    _walk(backend, 3 * steps // 4, stride, rng)
    return _resident() - before


def _walk(backend: Backend, steps: int, stride: int, rng: np.random.Generator) -> None:
    """Takes `stride` tokens on at a time; at the end of the line back, and on along another branch."""
    path = [1]
    for tokens in rng.integers(0, backend.info.n_vocab, (steps // stride, stride)):
        if len(path) > _LENGTH:
            del path[-_BACK:]
        for _row in backend.path_logits(path, tokens.tolist()):
            pass
        path += tokens.tolist()


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
