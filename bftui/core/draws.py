"""Random numbers as pure functions of what they are for.

Every draw is Philox at a counter, so background work, batch size and early stops change no other draw,
and workbench, command line and notebook agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a draw is for; part of the key."""

    STEP = 0
    ROLLOUT = 1
    CONTROL = 2
    BOOTSTRAP = 3


def uniform(seed: int, purpose: Purpose, t: int, i: int = 0, j: int = 0) -> float:
    """One number in [0, 1).

    Args:
        seed: the session's seed, 0 <= seed < 2**64.
        purpose: what the draw is for.
        t: tokens drawn so far, in the session (steps) or in this rollout.
        i: the number of the rollout or control at its prefix; 0 for steps.
        j: `prefix_key` of the prefix; 0 for steps.
    """
    # uint64 arrays: a list that mixes small and large integers would pass through float64.
    bits = np.random.Philox(
        key=np.array([seed, purpose], dtype=np.uint64),
        counter=np.array([t, i, j, 0], dtype=np.uint64),
    )
    return float(np.random.Generator(bits).random())


def prefix_key(token_ids: Sequence[int]) -> int:
    """First 8 bytes, little-endian, of SHA-256 over the ids as uint32 little-endian."""
    data = np.asarray(token_ids, dtype="<u4").tobytes()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little")
