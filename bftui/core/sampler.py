"""How the next token is drawn. Imports no NumPy: the first frame of the workbench needs it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bftui.core.errors import UsageError

LOWEST, HIGHEST = 1e-6, 1e6
"""Bounds of the temperature; beyond them float64 has no room for the logits."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next token is drawn. `top_k` 0, `top_p` 1 and `min_p` 0 switch a truncation off."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    min_p: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("top_k", "seed"):
            if type(getattr(self, name)) is not int:
                raise UsageError(f"{name} {getattr(self, name)!r} is not a whole number")
        if not LOWEST <= self.temperature <= HIGHEST:
            raise UsageError(
                f"temperature {self.temperature:g} is not in [{LOWEST:g}, {HIGHEST:g}]",
                hint="for the most probable token use greedy steps",
            )
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top-p {self.top_p:g} is not in (0, 1]")
        if not 0 <= self.min_p <= 1:
            raise UsageError(f"min-p {self.min_p:g} is not in [0, 1]")
        if self.top_k < 0:
            raise UsageError(f"top-k {self.top_k} is negative", hint="0 switches it off")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed {self.seed} is not in [0, 2**64)")

    def same_numbers(self, other: Sampler) -> bool:
        """Whether both make one P~ of the same logits: the seed is in the draws, and not in the numbers."""
        return replace(self, seed=other.seed) == other
