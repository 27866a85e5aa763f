"""Rollouts: M continuations of one place, drawn together, and what they say of the branching factor there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bftui.backends.client.client_protocol import RolloutPlan, RolloutStep
from bftui.core.bf.estimate import (
    CurvePoint,
    Estimate,
    Estimator,
    Finish,
    Sample,
    Window,
    curve,
    estimate,
    windows,
)
from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.measures.site import Site
from bftui.results.rollouts_result import RolloutsResult, RolloutsSettings, SampleResult
from bftui.results.stored_result import StoredResult

MOST_SAMPLES, MOST_TOKENS = 10_000, 100_000


@dataclass(frozen=True, slots=True)
class Shared:
    """Text that some continuations have in common as a whole: its tokens, and the places of these in `samples`."""

    token_ids: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(slots=True)
class _Row:
    """One continuation as it grows."""

    token_ids: array[int] = field(default_factory=lambda: array("i"))
    entropy: array[float] = field(default_factory=lambda: array("d"))
    entropy_truncated: array[float] = field(default_factory=lambda: array("d"))
    logprob: array[float] = field(default_factory=lambda: array("d"))
    logprob_truncated: array[float] = field(default_factory=lambda: array("d"))
    eog: bool = False


class Rollouts(Job):
    """Continuations `first`, `first + 1`, … of a place, up to `horizon` tokens each.

    Attributes:
        site, suffix: where they start: a node of a tree, and tokens after it that are not in the tree.
        sampler, horizon, first: what was asked for; `first` counts on from those made there before.
        original: a continuation that was there before and is compared with them, or None.
    """

    def __init__(
        self,
        site: Site,
        suffix: tuple[int, ...] = (),
        *,
        samples: int,
        horizon: int,
        first: int = 0,
        cap_k: int = 0,
        original: Sample | None = None,
    ) -> None:
        """Raises UsageError for a number of samples or tokens that makes no sense."""
        check_size("samples", samples, MOST_SAMPLES)
        check_size("horizon", horizon, MOST_TOKENS)
        self.site, self.suffix = site, suffix
        self.sampler, self.horizon, self.first = site.sampler, horizon, first
        self.original = original
        self._cap_k = cap_k
        self._rows = [_Row() for _ in range(samples)]
        self._tokens = 0
        self._version = 0
        self._made: tuple[int, tuple[Sample, ...]] = (-1, ())
        self._found: tuple[int, RolloutsResult] | None = None
        super().__init__()

    @property
    def node(self) -> int:
        """The node that they are continuations of."""
        return self.site.node

    @property
    def size(self) -> int:
        """How many continuations are asked for."""
        return len(self._rows)

    @property
    def tokens(self) -> int:
        """Tokens drawn so far, over all continuations."""
        return self._tokens

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        ended = sum(self.horizon - len(row.token_ids) for row in self._rows if row.eog)
        return (self._tokens + ended) / (self.size * self.horizon)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The continuations that have a token, as far as they are."""
        if self._made[0] != self._version:
            found = tuple(self._sample(row) for row in self._rows if row.token_ids)
            self._made = (self._version, found)
        return self._made[1]

    def branching_factor(self, estimator: Estimator = "auto") -> Estimate:
        """BF of the next tokens with its 95 % interval; raises UsageError before the first token is drawn."""
        return estimate(self.samples, estimator, seed=self.sampler.seed)

    def curve(self, estimator: Estimator = "auto") -> list[CurvePoint]:
        """Cumulative BF over positions, counted from the start."""
        return curve([self.samples], estimator, seed=self.sampler.seed)

    def windows(self) -> list[Window]:
        """BF over every five tokens, smoothed."""
        return windows([self.samples], seed=self.sampler.seed)

    def distinct(self) -> list[Shared]:
        """The different continuations, most frequent first, then in the order of their numbers."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, sample in enumerate(self.samples):
            places.setdefault(sample.token_ids, []).append(place)
        found = [Shared(ids, tuple(at)) for ids, at in places.items()]
        return sorted(found, key=lambda shared: (-len(shared.places), shared.places))

    def settings(self) -> RolloutsSettings:
        """Says what was asked for."""
        return RolloutsSettings(
            samples=self.size,
            horizon=self.horizon,
            first=self.first,
            sampler=self.sampler,
            suffix=self.suffix,
            original=() if self.original is None else self.original.token_ids,
        )

    def result(self) -> RolloutsResult:
        """Says what was found so far; estimated once while nothing more comes.

        Raises UsageError before the first token.
        """
        if self._found is None or self._found[0] != self._version:
            original = (
                None if self.original is None else SampleResult.of(self.original, surprisal=True)
            )
            found = RolloutsResult.of(self.samples, original, seed=self.sampler.seed)
            self._found = self._version, found
        return self._found[1]

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the first token."""
        if not self.samples:
            return None
        kind = "rollouts" if self.original is None else "resampling"
        return StoredResult(kind, self.node, self.settings(), self.result())

    def _sample(self, row: _Row) -> Sample:
        ids = tuple(row.token_ids)
        text = ids[:-1] if row.eog else ids
        finish: Finish = "length"
        if row.eog:
            finish = "eog"
        elif self.done and len(ids) < self.horizon:
            finish = "context"
        return Sample(
            token_ids=ids,
            entropy=np.array(row.entropy),
            entropy_truncated=np.array(row.entropy_truncated),
            logprob_truncated=np.array(row.logprob_truncated),
            logprob=np.array(row.logprob),
            n_bytes=sum(len(self.site.model.token_bytes(i)) for i in text),
            finish=finish,
        )

    def _work(self) -> Iterator[None]:
        plan = RolloutPlan(
            self.site.tree,
            self.site.node,
            [self.suffix],
            self.sampler,
            range(self.first, self.first + self.size),
            self.horizon,
            cap_k=self._cap_k,
        )
        for drawn in self.site.model.client.rollouts(plan):
            for place, number in enumerate(drawn.numbers):
                self._join(drawn, place, self._rows[number - self.first])
            yield
        self.done = True
        self._version += 1

    def _join(self, drawn: RolloutStep, place: int, row: _Row) -> None:
        """Takes in one token, which is at this place of the columns."""
        row.token_ids.append(drawn.token_ids[place])
        row.entropy.append(drawn.entropy[place])
        row.entropy_truncated.append(drawn.entropy_truncated[place])
        row.logprob.append(drawn.logprob[place])
        row.logprob_truncated.append(drawn.logprob_truncated[place])
        row.eog = drawn.eog[place]
        self._tokens += 1
        self._version += 1


def check_size(name: str, value: Any, most: int) -> None:
    """Raises UsageError unless `value` is a whole number in [1, most]."""
    if type(value) is not int or not 1 <= value <= most:
        raise UsageError(f"{name} {value!r} is not a whole number in [1, {most}]")
