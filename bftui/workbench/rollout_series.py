"""Rollouts of one place as the screen shows them: several that were asked for one after the other count as one.

For the thread of the model: the screen never computes an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bftui.core.bf.estimate import CurvePoint, Sample, Window, curve, windows
from bftui.results.rollouts_result import RolloutsResult, RolloutsSettings, SampleResult
from bftui.results.stored_result import StoredResult

Place = tuple[int, int]
"""A node of the session's tree and the number of a sampler in it."""

_SHARED = (1, 5)
"""Tokens of a path that samples are asked to share, beside all of them."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text that some rollouts have in common.

    Attributes:
        token_ids: the text.
        number: of the first rollout that has it.
        count: how many have it.
        finish: `eog`, `length` or `context`; `open` where more comes or would have come.
    """

    token_ids: tuple[int, ...]
    number: int
    count: int
    finish: str


@dataclass(frozen=True, slots=True)
class PathComparison:
    """A path against what was sampled in its place.

    Attributes:
        path: the path, with its surprisal.
        sampled, low, high: the samples' mean -ln P a token, nats: their mean, least and largest.
        shared: how many samples begin with its first 1, 5, and all tokens, as (tokens, samples).
    """

    path: SampleResult
    sampled: float
    low: float
    high: float
    shared: tuple[tuple[int, int], ...]

    @property
    def bf(self) -> float:
        """exp of the mean H(P~) along the path."""
        return math.exp(self.path.mean_entropy)

    @property
    def surprisal(self) -> float:
        """Mean -ln P of a token of the path, nats."""
        return _surprisal(self.path)


@dataclass(frozen=True, slots=True)
class Rolled:
    """Rollouts from one place, all that were drawn there under one sampler and to one horizon.

    Attributes:
        node, sampler: where, and the number of the sampler.
        settings: what was asked for; `samples` over all of them.
        version: differs wherever two of them differ.
        share: how much of what was asked for last is done.
        running, stopped: whether more comes, or would have.
        left: seconds that it takes yet; None where nobody knows.
        result: what was found; None before the first token.
        curve, windows: BF over positions.
        continuations: the different ones; while it runs, every one by its number.
        compared: the path against the samples, where they were sampled again and there is one.
    """

    node: int
    sampler: int
    settings: RolloutsSettings
    version: int
    share: float
    running: bool
    stopped: bool
    left: float | None
    result: RolloutsResult | None
    curve: tuple[CurvePoint, ...]
    windows: tuple[Window, ...]
    continuations: tuple[Continuation, ...]
    compared: PathComparison | None

    @property
    def drawn(self) -> int:
        """How many continuations have a token."""
        return 0 if self.result is None else len(self.result.samples)

    @property
    def resampled(self) -> bool:
        """Whether they are drawn to be compared with a path."""
        return bool(self.settings.original)


class Drawing(Protocol):
    """What is read of `measures.rollouts.Rollouts`; `PastRollouts` have it too."""

    @property
    def samples(self) -> Sequence[Sample]: ...
    @property
    def share(self) -> float: ...
    @property
    def left(self) -> float | None: ...
    @property
    def done(self) -> bool: ...
    def settings(self) -> RolloutsSettings: ...
    def result(self) -> RolloutsResult: ...


@dataclass(frozen=True, slots=True)
class PastRollouts:
    """Rollouts that were drawn in another run of the program, read from a trace or a journal."""

    stored: StoredResult
    samples: Sequence[Sample]
    share: float = 1.0
    left: float | None = None
    done: bool = True

    @classmethod
    def of(cls, stored: StoredResult) -> PastRollouts:
        """Takes up what was kept; raises ValueError for what is not of a node."""
        if stored.settings.suffix:
            raise ValueError("these are of a text that is not in the tree")
        return cls(stored, stored.result.drawn())

    def settings(self) -> RolloutsSettings:
        """Says what was asked for."""
        found: RolloutsSettings = self.stored.settings
        return found

    def result(self) -> RolloutsResult:
        """Says what was found."""
        found: RolloutsResult = self.stored.result
        return found

    @property
    def goes_on(self) -> bool:
        """Whether further ones can be added: older traces lack the numbers of the path."""
        return self.result().original is not None or not self.settings().original


@dataclass(slots=True)
class RolloutSeries:
    """Rollouts that are shown as one: of one place, one horizon, and compared with one path or none."""

    place: Place
    jobs: list[Drawing] = field(default_factory=list)
    running: list[Drawing] = field(default_factory=list)

    def takes(self, asked: RolloutsSettings) -> bool:
        """Whether rollouts that are asked for so belong to these."""
        last = self.jobs[-1].settings()
        return (last.horizon, last.original) == (asked.horizon, asked.original)

    def join(self, job: Drawing) -> None:
        """Takes in one more; what was stopped before its end would count its beginnings twice as much."""
        self.jobs[:] = [each for each in self.jobs if each.done or each in self.running]
        self.jobs.append(job)
        self.running.append(job)

    def rolled(self, version: int) -> Rolled:
        """Pools them; some of them may still run."""
        jobs, last = self.jobs, self.jobs[-1]
        asked = last.settings()
        shares = [job.share for job in self.running] or [last.share]
        drawn = [job for job in jobs if job.samples]
        samples = tuple(sample for job in drawn for sample in job.samples)
        seed = asked.sampler.seed
        result = None
        if len(drawn) == 1:
            result = drawn[0].result()
        elif drawn:
            result = RolloutsResult.of(samples, drawn[-1].result().original, seed=seed)
        return Rolled(
            node=self.place[0],
            sampler=self.place[1],
            settings=replace(asked, samples=sum(job.settings().samples for job in jobs)),
            version=version,
            share=math.fsum(shares) / len(shares),
            running=bool(self.running),
            stopped=not self.running and not last.done,
            left=math.fsum(job.left or 0.0 for job in self.running) or None,
            result=result,
            curve=tuple(curve([samples], seed=seed)) if samples else (),
            windows=tuple(windows([samples], seed=seed)) if samples else (),
            continuations=_continuations(drawn, together=not self.running),
            compared=None if result is None else _compared(result),
        )


def _continuations(jobs: Sequence[Drawing], *, together: bool) -> tuple[Continuation, ...]:
    """The different texts with how many have them, or each rollout for itself, in the order of their numbers."""
    found: dict[object, Continuation] = {}
    for job in jobs:
        asked = job.settings()
        for number, sample in enumerate(job.samples, start=asked.first):
            key = sample.token_ids if together else number
            known = found.get(key)
            if known is not None:
                found[key] = replace(known, count=known.count + 1)
                continue
            more = not job.done and sample.finish != "eog" and sample.length < asked.horizon
            finish = "open" if more else sample.finish
            found[key] = Continuation(sample.token_ids, number, 1, finish)
    return tuple(found.values())


def _compared(result: RolloutsResult) -> PathComparison | None:
    path = result.original
    if path is None:
        return None
    means = [_surprisal(each) for each in result.samples]
    ids = path.token_ids
    shared = [*(tokens for tokens in _SHARED if tokens < len(ids)), len(ids)]
    return PathComparison(
        path=path,
        sampled=math.fsum(means) / len(means),
        low=min(means),
        high=max(means),
        shared=tuple(
            (tokens, sum(each.token_ids[:tokens] == ids[:tokens] for each in result.samples))
            for tokens in shared
        ),
    )


def _surprisal(sample: SampleResult) -> float:
    return math.inf if sample.surprisal is None else sample.surprisal
