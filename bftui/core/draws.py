"""Random numbers as pure functions of what they are for.

Every draw is Philox at a counter, so background work, batch size and early stops change no other draw, and workbench,
command line and notebook agree. The numbers are those of NumPy's `Generator(Philox(key, counter)).random()`; the ten
rounds are written out because making a generator for one number costs five times as much, in the middle of each step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

_WORD = 2**64 - 1
_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


class Purpose(IntEnum):
    """What a draw is for; part of the key."""

    STEP = 0
    ROLLOUT = 1
    CONTROL = 2
    BOOTSTRAP = 3


def uniform(seed: int, purpose: Purpose, t: int, i: int = 0, j: int = 0) -> float:
    """One number in [0, 1): Philox4x64-10 (Salmon et al., SC 2011) with key (seed, purpose), counter (t, i, j, 0).

    Args:
        seed: the session's seed, 0 <= seed < 2**64.
        purpose: what the draw is for.
        t: tokens drawn so far, in the session (steps) or in this rollout.
        i: the number of the rollout or control at its prefix; 0 for steps.
        j: `prefix_key` of the prefix; 0 for steps.
    """
    # NumPy counts up before it draws.
    counter = (t | i << 64 | j << 128) + 1
    a, b, c, d = (counter >> shift & _WORD for shift in (0, 64, 128, 192))
    k0, k1 = seed, int(purpose)
    for _ in range(_ROUNDS):
        left, right = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = right >> 64 ^ b ^ k0, right & _WORD, left >> 64 ^ d ^ k1, left & _WORD
        k0, k1 = k0 + _WEYL[0] & _WORD, k1 + _WEYL[1] & _WORD
    # The upper 53 bits, as many as a float64 holds.
    return float((a >> 11) * 2.0**-53)


def prefix_key(token_ids: Sequence[int]) -> int:
    """First 8 bytes, little-endian, of SHA-256 over the ids as uint32 little-endian."""
    data = np.asarray(token_ids, dtype="<u4").tobytes()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little")
