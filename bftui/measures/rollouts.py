"""Rollouts: M continuations of one place, drawn together, and what they say of the branching factor there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bftui.backends.client.client_protocol import GivenRow, RolloutPlan, RolloutStep
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
from bftui.core.draws import Purpose
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
        purpose: Purpose = Purpose.ROLLOUT,
        cap_k: int = 0,
        original: Sample | None = None,
        known: Sequence[Sample] = (),
    ) -> None:
        """`known` are the first of them, as far as they were drawn before: they go on as if nothing had come between.

        Raises UsageError for a number of samples or tokens that makes no sense, or more of them known than asked for.
        """
        check_size("samples", samples, MOST_SAMPLES)
        check_size("horizon", horizon, MOST_TOKENS)
        self.site, self.suffix = site, suffix
        self.sampler, self.horizon, self.first = site.sampler, horizon, first
        self.original = original
        self._purpose, self._cap_k = purpose, cap_k
        if len(known) > samples or any(each.length > horizon for each in known):
            raise UsageError("more is known of the continuations than is asked for")
        self._rows = [*map(_known, known), *(_Row() for _ in range(samples - len(known)))]
        self._tokens = sum(each.length for each in known)
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

    @property
    def complete(self) -> bool:
        """Whether nothing more comes, or could: every continuation ended or has all its tokens."""
        return self.complete_to(self.size)

    def complete_to(self, samples: int) -> bool:
        """Whether nothing more comes of the first `samples` continuations."""
        if self.done:
            return True
        room = self.site.model.info.n_ctx - len(self.site.prefix) - len(self.suffix)
        most = min(self.horizon, room)
        return all(row.eog or len(row.token_ids) == most for row in self._rows[:samples])

    def _work(self) -> Iterator[None]:
        yield from _drawn([self], ())

    def given(self, text: int) -> list[GivenRow]:
        """What is drawn so far, for a plan of which this is the text of that number."""
        return [
            GivenRow(text, self.first + place, tuple(row.token_ids))
            for place, row in enumerate(self._rows)
            if row.token_ids
        ]

    def stream(
        self,
        suffixes: Sequence[tuple[int, ...]],
        rounds: Sequence[int],
        given: Sequence[GivenRow],
    ) -> Iterator[RolloutStep]:
        """What its client gives for these texts after its node, everything else as it was asked for."""
        return self.site.model.client.rollouts(
            RolloutPlan(
                self.site.tree,
                self.site.node,
                suffixes,
                self.sampler,
                range(self.first, self.first + self.size),
                self.horizon,
                self._purpose,
                self._cap_k,
                rounds,
                given,
            )
        )

    def join(self, drawn: RolloutStep, place: int) -> None:
        """Takes in one token, which is at this place of the columns."""
        row = self._rows[drawn.numbers[place] - self.first]
        row.token_ids.append(drawn.token_ids[place])
        row.entropy.append(drawn.entropy[place])
        row.entropy_truncated.append(drawn.entropy_truncated[place])
        row.logprob.append(drawn.logprob[place])
        row.logprob_truncated.append(drawn.logprob_truncated[place])
        row.eog = drawn.eog[place]
        self._tokens += 1
        self._version += 1

    def end(self) -> None:
        """Says that nothing more comes."""
        self.done = True
        self._version += 1


class Together(Job):
    """Rollouts that differ in nothing but the text after their node, drawn in batches that they share."""

    def __init__(self, rollouts: Sequence[Rollouts], rounds: Sequence[int] = ()) -> None:
        """With `rounds` all of them advance together: first their continuations below the first number, and so on."""
        self.rollouts, self._rounds = tuple(rollouts), tuple(rounds)
        super().__init__()

    @property
    def share(self) -> float:
        if not self.rollouts:
            return 1.0
        return sum(each.share for each in self.rollouts) / len(self.rollouts)

    def _work(self) -> Iterator[None]:
        if self.rollouts:
            yield from _drawn(self.rollouts, self._rounds)


def _drawn(rollouts: Sequence[Rollouts], rounds: Sequence[int]) -> Iterator[None]:
    """Draws these, piece by piece."""
    given = [row for text, each in enumerate(rollouts) for row in each.given(text)]
    if given and not rounds:
        rounds = [rollouts[0].first + rollouts[0].size]
    for drawn in rollouts[0].stream([each.suffix for each in rollouts], rounds, given):
        for place, text in enumerate(drawn.texts):
            rollouts[text].join(drawn, place)
        yield
    for each in rollouts:
        each.end()


def _known(sample: Sample) -> _Row:
    """A continuation that goes on from a sample, unless that ended."""
    return _Row(
        array("i", sample.token_ids),
        array("d", sample.entropy),
        array("d", sample.entropy_truncated),
        array("d", sample.logprob),
        array("d", sample.logprob_truncated),
        sample.finish == "eog",
    )


def check_size(name: str, value: Any, most: int) -> None:
    """Raises UsageError unless `value` is a whole number in [1, most]."""
    if type(value) is not int or not 1 <= value <= most:
        raise UsageError(f"{name} {value!r} is not a whole number in [1, {most}]")
