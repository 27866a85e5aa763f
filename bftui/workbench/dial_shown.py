"""A dial as a screen shows it: BF along the weight at one place, as far as it is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bftui.results.dial_result import DialPoint, DialResult, DialSettings
from bftui.results.stored_result import StoredResult

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler


@dataclass(frozen=True, slots=True)
class DialShown:
    """The latest dial of a place.

    Attributes:
        node: where its continuations begin.
        settings, result: what was asked for, and what is known.
        running, share: whether it goes on, and how much is done.
    """

    node: int
    settings: DialSettings
    result: DialResult
    running: bool = False
    share: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether every weight was measured."""
        return len(self.result.weights) == len(self.settings.weights)

    def under(self, sampler: Sampler) -> bool:
        """Whether it is what this sampler gives: the weight does not matter."""
        return replace(sampler, weight=self.settings.sampler.weight) == self.settings.sampler

    def at(self, weight: float) -> DialPoint | None:
        """Return what was measured at a weight."""
        return next((each for each in self.result.weights if each.weight == weight), None)

    @classmethod
    def past(cls, stored: StoredResult) -> DialShown:
        """Read what a trace holds."""
        return cls(stored.node, stored.settings, stored.result)
