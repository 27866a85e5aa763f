"""The noise floor of a model: how far its numbers move with the shape of the batch that a text is read in.

Libraries add up in another order in another batch. With float weights that is rounding at the end of a float; where
activations are rounded to few bits (llama.cpp with quantised weights), it moves entropies by tenths of a nat. Digits
below the floor say nothing, and differences within it are none.
Not for: measuring it, which is `backends.client.noise_measurement`'s. Imports no NumPy: the first frame needs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Quantity = Literal["logit", "logprob", "entropy", "entropy_truncated"]

_EXACT = 1e-4
"""Nats, and logits: what float weights stay below, and no digit that is shown tells."""


@dataclass(frozen=True, slots=True)
class Noise:
    """One fixed text of a model, read token by token and in the other shapes in use; `sd` is about 0.

    Attributes:
        positions: how many distributions of the text were compared.
        rows: rows of the batch of continuations that was one of the shapes.
        logit_sd, logit_max: of all logits.
        logprob_sd, logprob_max: of ln P of the text's own tokens, nats.
        entropy_sd, entropy_max: of H(P), nats.
        entropy_truncated_sd, entropy_truncated_max: of H(P~) at temperature 1 and top-p 0.9, nats.
    """

    positions: int
    rows: int
    logit_sd: float
    logit_max: float
    logprob_sd: float
    logprob_max: float
    entropy_sd: float
    entropy_max: float
    entropy_truncated_sd: float
    entropy_truncated_max: float

    def as_dict(self) -> dict[str, int | float]:
        """Plain data, as the trace has it."""
        return asdict(self)

    def sentence(self) -> str:
        """What it says, for people."""
        return (
            f"H(P) moves by {self.entropy_sd:.2g} nats (at most {self.entropy_max:.2g}), H(P~) by "
            f"{self.entropy_truncated_sd:.2g} ({self.entropy_truncated_max:.2g}), ln P of a token by "
            f"{self.logprob_sd:.2g} ({self.logprob_max:.2g}) with the shape of a batch, over "
            f"{self.positions} positions"
        )

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Noise:
        """From plain data; raises ValueError where a field is missing or out of its range."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            value: Any = data.get(field.name)
            kinds = (int,) if field.name in ("positions", "rows") else (int, float)
            if type(value) not in kinds or not 0 <= float(value) < math.inf:
                raise ValueError(f"{field.name}: {value!r} is not a number that it can be")
            found[field.name] = value
        return cls(**found)


def exact(noise: Noise | None, backend: str) -> bool:
    """Whether a model gives the same numbers in every batch, but for float noise: a table computes nothing."""
    if noise is None:
        return backend == "table"
    return max(noise.entropy_max, noise.logprob_max, noise.logit_max) <= _EXACT


def exactness(noise: Noise | None, backend: str) -> str:
    """What can be said of numbers that are made over the whole vocabulary, without sampling; a sentence."""
    if exact(noise, backend):
        return "Exact: over the whole vocabulary, in float64, nothing sampled."
    whole = "Over the whole vocabulary, in float64, nothing sampled"
    if noise is None:
        return f"{whole}."
    return f"{whole}; true to the noise floor of this model, {noise.entropy_sd:.2g} nats of H(P)."


def within(delta: float | None, noise: Noise | None, positions: tuple[int, int]) -> bool:
    """Whether two means of H(P~) over so many positions each are no further apart than twice what their noise makes.

    False where either is not known.
    """
    if delta is None or noise is None or not all(positions):
        return False
    sd = noise.entropy_truncated_sd * math.sqrt(sum(1 / count for count in positions))
    return abs(delta) <= 2 * sd


def decimals(most: int, sd: float) -> int:
    """How many decimals a number with this noise has, up to `most`: the last is where the noise begins."""
    return most if sd <= 0 else max(0, min(most, -math.floor(math.log10(sd))))


def nats(value: float, most: int, noise: Noise | None, quantity: Quantity = "entropy") -> str:
    """An entropy or a log-probability in the digits that the noise floor allows, `most` decimals where it is low."""
    return f"{value:.{decimals(most, _sd(noise, quantity))}f}"


def choices(value: float, most: int, noise: Noise | None) -> str:
    """A branching factor of one distribution, the same; thousands are parted by commas."""
    return f"{value:,.{decimals(most, value * _sd(noise, 'entropy_truncated'))}f}"


def fine(value: float, noise: Noise | None = None) -> str:
    """Writes a branching factor with two decimals below 10, where differences are small, else as `factor` does."""
    return choices(value, 2, noise) if value < 9.995 else factor(value, noise)


def factor(value: float, noise: Noise | None = None) -> str:
    """Writes a branching factor with one decimal, with none from 1,000 on."""
    return choices(value, 0 if value >= 999.95 else 1, noise)


def finest(value: float, noise: Noise | None = None) -> str:
    """Writes a branching factor with two decimals below 100, one below 1,000, else none."""
    return choices(value, 2 if value < 100 else 1 if value < 1000 else 0, noise)


def share(p: float, most: int, noise: Noise | None) -> str:
    """A probability as a decimal fraction, the same."""
    return f"{p:.{decimals(most, p * _sd(noise, 'logprob'))}f}"


def probability(p: float, significant: int, noise: Noise | None) -> str:
    """A probability, the same; `significant` digits where the floor is low."""
    sd = p * _sd(noise, "logprob")
    if sd <= 0:
        return f"{p:.{significant}g}"
    # The digit in which the noise begins, counted from the first one of the number.
    known = math.floor(math.log10(p)) - math.floor(math.log10(sd)) + 1
    return f"{p:.{max(1, min(significant, known))}g}"


def _sd(noise: Noise | None, quantity: Quantity) -> float:
    if noise is None:
        return 0.0
    return {
        "logit": noise.logit_sd,
        "logprob": noise.logprob_sd,
        "entropy": noise.entropy_sd,
        "entropy_truncated": noise.entropy_truncated_sd,
    }[quantity]
