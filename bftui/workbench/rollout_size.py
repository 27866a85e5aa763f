"""How many continuations `r` draws next, and how long they may be."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLES = (8, 16, 32, 50, 64, 100, 200, 500)
HORIZONS = (1, 2, 5, 10, 20, 32, 64, 128, 256, 512, 1024)


@dataclass(slots=True)
class Size:
    """How many continuations are drawn next, and how many tokens each may have."""

    samples: int = 32
    horizon: int = 64

    def step(self, by: int) -> None:
        """More or fewer continuations."""
        self.samples = _stepped(SAMPLES, self.samples, by)

    def stretch(self, by: int) -> None:
        """Longer or shorter ones."""
        self.horizon = _stepped(HORIZONS, self.horizon, by)


def _stepped(values: tuple[int, ...], value: int, by: int) -> int:
    place = values.index(value) + by
    return values[max(0, min(place, len(values) - 1))]
