"""Logits as every distribution takes them: less their maximum, in float64, without -inf."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import NonFiniteLogits

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

NEVER = -1e300
"""Stands for a logit of -inf: its exp is exactly 0, and 0 times it is 0 where 0 * -inf would be NaN."""


def below_peak(logits: F32 | F64) -> tuple[F64, F64]:
    """Logits of shape (…, n_vocab) less the maximum of their row, and the least of these in each row, -inf included.

    A logit of -inf becomes a finite number that gives the same. Raises NonFiniteLogits for a row with NaN or +inf, or
    with nothing but -inf.
    """
    # Extremes are taken in the type that the logits came in: half the memory, and the same values.
    peaks, lowest = logits.max(axis=-1, keepdims=True), logits.min(axis=-1)
    if not np.isfinite(peaks).all():
        raise NonFiniteLogits(
            "the model gave logits that are not a distribution",
            f"their maximum is {float(peaks[~np.isfinite(peaks)][0])}",
            "the weights may be damaged or overflow in this dtype",
        )
    x = np.subtract(logits, peaks, dtype=np.float64)
    if np.isneginf(lowest).any():
        x[x == -math.inf] = NEVER
    return x, np.subtract(lowest, peaks[..., 0], dtype=np.float64)
