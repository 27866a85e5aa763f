"""Means over prompts of any metric of their outputs, with intervals clustered by prompt.

As for the branching factor, in other units: one prompt has its own interval, that of few is by t on their mean, that of
many by the bootstrap in two stages, prompts and then the outputs within them. The second stage draws outputs with
replacement, so that a resample holds some twice and is less diverse than any sample is; it is therefore centred at the
prompt's own value: it says how much that varies, not what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bftui.core.bf.bootstrap import REPLICATES, choose, generator, interval
from bftui.core.bf.prompt_intervals import FEW_PROMPTS, mean_interval
from bftui.core.errors import UsageError
from bftui.core.logits import F64

OUTPUT_REPLICATES = 200
"""Resamples of the outputs of each of several prompts; of a single one `REPLICATES`."""

BLOCK = 2_000_000
"""Numbers that are held at once while prompts are resampled."""

Ends = tuple[F64, F64]


@dataclass(frozen=True, slots=True, eq=False)
class PromptValues:
    """T metrics of each of P prompts; no entry is NaN.

    Attributes:
        values: shape (P, T), in the metrics' units.
        resamples: what outputs drawn again would have given, shape (P, R, T); row r of all T metrics is of one draw.
            None where it is not known: prompts then are resampled as they are, and the noise of their outputs counts
            by how far the prompts lie apart.
        outputs: how many outputs the smallest prompt has, for the interval of a single one.

    Raises UsageError for shapes that do not fit.
    """

    values: F64
    resamples: F64 | None = field(default=None, repr=False)
    outputs: int = 0

    def __post_init__(self) -> None:
        found = None if self.resamples is None else self.resamples.shape
        if self.values.ndim != 2 or (found is not None and found[::2] != self.values.shape):
            raise UsageError(
                f"values of shape {self.values.shape} have resamples of shape {found}",
                hint="give values (P, T) and resamples (P, R, T)",
            )

    @property
    def prompts(self) -> int:
        """How many prompts."""
        return len(self.values)

    def mean(self) -> F64:
        """Returns the means over prompts; shape (T,), NaN without prompts."""
        if not self.prompts:
            return np.full(self.values.shape[1], np.nan)
        mean: F64 = self.values.mean(axis=0)
        return mean

    def mapped(self, function: Callable[[F64], F64]) -> PromptValues:
        """Returns linear combinations of the metrics of each prompt: `function` maps (…, T) to (…, S)."""
        resamples = None if self.resamples is None else function(self.resamples)
        return PromptValues(function(self.values), resamples, self.outputs)

    def replicates(self, seed: int) -> F64 | None:
        """Returns the bootstrap's means, shape (B, T), a function of the data and the seed.

        Of one prompt they are its own resamples; None where it has none.
        """
        drawn = self._centred()
        rng = generator(seed)
        if self.prompts < 2:
            return None if drawn is None or not self.prompts else drawn[0]
        chosen = choose(self.prompts, REPLICATES, rng)
        picked = None if drawn is None else rng.integers(0, drawn.shape[1], chosen.shape)
        found = np.empty((REPLICATES, self.values.shape[1]))
        rows = max(1, BLOCK // self.values.size)
        for start in range(0, REPLICATES, rows):
            part = slice(start, start + rows)
            if drawn is None or picked is None:
                found[part] = self.values[chosen[part]].mean(axis=1)
            else:
                found[part] = drawn[chosen[part], picked[part]].mean(axis=1)
        return found

    def _centred(self) -> F64 | None:
        """The resamples, moved so that the mean over those of a prompt is its value."""
        if self.resamples is None:
            return None
        bias = self.resamples.mean(axis=1) - self.values
        moved: F64 = self.resamples - bias[:, None]
        return moved

    def interval(self, seed: int) -> Ends | None:
        """Returns the ends of the 95 % intervals of the means; each of shape (T,).

        None without prompts, or for one without resamples or with fewer than two outputs.
        """
        if 1 < self.prompts < FEW_PROMPTS:
            return mean_interval(self.values, seed)
        return self.interval_of(self.replicates(seed), self.mean(), self.values)

    def interval_of(self, replicates: F64 | None, observed: F64, influence: F64) -> Ends | None:
        """Returns the ends of the bootstrap's intervals of anything that was made of `replicates`.

        Args:
            replicates: shape (B, S).
            observed: what was estimated, shape (S,).
            influence: of each prompt on it, up to a factor, shape (P, S).
        """
        units = self.prompts if self.prompts > 1 else self.outputs
        if replicates is None or units < 2:
            return None
        return interval(replicates, observed, units, influence if self.prompts > 1 else None)


def resample_counts(right: Sequence[bool], seed: int, times: int = OUTPUT_REPLICATES) -> F64:
    """Returns how often each output of a prompt comes in resamples of them; shape (times, K).

    Those that are right and those that are not are each drawn with replacement among themselves, so that every resample
    has as many right ones.

    Args:
        right: whether each output is; all the same where nothing was checked.
        seed: for the draws; give each prompt its own.
        times: how many resamples.
    """
    rng = generator(seed)
    counts = np.zeros((times, len(right)))
    for kind in (False, True):
        places: NDArray[np.int64] = np.flatnonzero(np.array(right, bool) == kind)
        if len(places):
            even = np.full(len(places), 1 / len(places))
            counts[:, places] = rng.multinomial(len(places), even, size=times)
    return counts
