"""The logits of the latest nodes, so that going back to draw, force or look again needs no evaluation."""

from __future__ import annotations

from collections import OrderedDict

from bftui.backends.protocol import Logits, ModelInfo

BUDGET = 256 << 20
"""Bytes that are kept: 2,000 nodes at a vocabulary of 32k and 500 at 128k; an older node costs one token."""

Place = tuple[int, int]
"""A tree and a node of it."""


class RecentLogits:
    """Logits by tree and node; what was kept longest ago goes first."""

    def __init__(self, info: ModelInfo) -> None:
        # A mixture keeps the logits of each of its models.
        rows = max(1, len(info.parts))
        self._most = max(1, BUDGET // (4 * rows * info.n_vocab))
        self._kept: OrderedDict[Place, Logits] = OrderedDict()

    def get(self, place: Place) -> Logits | None:
        """Return the logits after a node; None where they are not kept."""
        return self._kept.get(place)

    def keep(self, place: Place, logits: Logits) -> None:
        """Keep logits in the place of those that were kept longest ago."""
        self._kept[place] = logits
        self._kept.move_to_end(place)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def keep_beside(self, place: Place, logits: Logits) -> None:
        """Keep logits where there is room for them."""
        if len(self._kept) < self._most:
            self.keep(place, logits)

    def forget(self, place: Place) -> None:
        """Drop what is kept of a node."""
        self._kept.pop(place, None)
