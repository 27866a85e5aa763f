"""Forking tokens of a path: at its most open positions other tokens are tried, and what comes of each is compared."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bftui.core.bf.contrast import holm
from bftui.core.distribution import NextToken
from bftui.core.errors import UsageError
from bftui.core.fork_numbers import PERMUTATIONS, ForkNumbers, fork_numbers, open_positions
from bftui.core.job import Job
from bftui.measures.diversity.checkers import Checker, CheckSettings, last_number
from bftui.measures.drawn_texts import DrawnTexts
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, check_size
from bftui.measures.site import Site
from bftui.results.forks_result import (
    ForkAlternative,
    ForkPosition,
    ForksResult,
    ForksSettings,
    OutcomeCount,
)
from bftui.results.response_result import DrawnSample
from bftui.results.stored_result import StoredResult

NUMBER = "number"
"""The outcome that is the last number of a text."""

Outcomes = Callable[[Sequence[str]], list[str]]
"""What texts come to; empty where one gives nothing."""


@dataclass(frozen=True, slots=True)
class ForksAsked:
    """How forks are looked for; see `ForksSettings`."""

    open_share: float = 0.2
    alternatives: int = 4
    continuations: int = 16
    horizon: int = 64
    outcome: str = ""

    def check(self) -> None:
        """Raises UsageError for sizes that make no sense and for a bad regular expression."""
        if not 0 < self.open_share <= 1:
            raise UsageError(f"a share of {self.open_share:g} of the positions is not in (0, 1]")
        check_size("alternatives", self.alternatives, 50)
        check_size("continuations", self.continuations, MOST_SAMPLES)
        check_size("horizon", self.horizon, MOST_TOKENS)
        if self.alternatives < 2:
            raise UsageError("a fork has two alternatives or more")
        try:
            re.compile(self.outcome)
        except re.error as error:
            raise UsageError("the outcome is not a regular expression", str(error)) from error


@dataclass(frozen=True, slots=True)
class PathStep:
    """One token of a path: where the distribution stands that it comes from, that distribution, and the token."""

    site: Site
    before: NextToken
    token_id: int


class _Position:
    """One open position, with the alternatives and what was drawn after each."""

    def __init__(self, place: int, step: PathStep, alternatives: int) -> None:
        self.place, self.step = place, step
        before = step.before
        kept = [
            (int(token_id), before.logprob_truncated(n))
            for n, token_id in enumerate(before.top_ids.tolist())
        ]
        best = [(token_id, ln) for token_id, ln in kept if ln is not None][:alternatives]
        probs = {token_id: math.exp(ln) for token_id, ln in best}
        if step.token_id not in probs:
            # What was forced there may be past the truncation: it is tried with no weight of its own.
            site = step.site
            (own,) = site.model.client.score(site.tree, site.node, [step.token_id], site.sampler)
            ln = own.logprob_truncated
            probs = dict(list(probs.items())[: alternatives - 1])
            probs[step.token_id] = 0.0 if ln is None else math.exp(ln)
        self.probs = probs
        ends = step.site.model.info.eog_ids
        self.going = [token_id for token_id in probs if token_id not in ends]
        self.drawn = DrawnTexts([(token_id,) for token_id in self.going])
        self.numbers: ForkNumbers | None = None
        self.outcomes: dict[int, list[str]] = {}

    @property
    def taken(self) -> int:
        """The place of the token that was taken among the alternatives."""
        return list(self.probs).index(self.step.token_id)


class Forks(Job):
    """The forks of a path.

    Attributes:
        node: where the path begins.
    """

    def __init__(
        self, node: int, steps: Sequence[PathStep], asked: ForksAsked, stops: Sequence[str] = ()
    ) -> None:
        """`steps` are those of the path, in order; a text ends before any of `stops`.

        Raises UsageError for a path without tokens and for bad sizes."""
        asked.check()
        if not steps:
            raise UsageError("there is no path", hint="write an answer first, or give one")
        self.node, self._steps, self._asked, self._stops = node, tuple(steps), asked, stops
        self._entropies = [each.before.entropy for each in steps]
        self._open = open_positions(self._entropies, asked.open_share)
        self._found: list[_Position] = []
        self._running: _Position | None = None
        super().__init__()

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        now = 0.0
        if self._running is not None and self._running.going:
            size = self._asked.continuations, self._asked.horizon
            most = size[0] * size[1] * len(self._running.going)
            now = 1 - self._running.drawn.left(*size) / most
        return (len(self._found) + now) / len(self._open)

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        return f"position {min(len(self._found) + 1, len(self._open))} of {len(self._open)}"

    def settings(self) -> ForksSettings:
        """Says what was asked for."""
        asked = self._asked
        return ForksSettings(
            token_ids=tuple(each.token_id for each in self._steps),
            open_share=asked.open_share,
            alternatives=asked.alternatives,
            continuations=asked.continuations,
            horizon=asked.horizon,
            outcome=asked.outcome,
            sampler=self._steps[0].site.sampler,
        )

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the first position is done."""
        if not self._found:
            return None
        return StoredResult("forks", self.node, self.settings(), self.result())

    def _work(self) -> Iterator[None]:
        asked = self._asked
        for place in self._open:
            position = _Position(place, self._steps[place], asked.alternatives)
            self._running = position
            if len(position.probs) > 1:
                site = position.step.site
                yield from position.drawn.draw(site, asked.continuations, asked.horizon, ())
                self._judge(position)
            self._found.append(position)
            self._running = None
            yield

    def _judge(self, position: _Position) -> None:
        """What came of each alternative."""
        before = [each.token_id for each in self._steps[: position.place]]
        texts: list[str] = []
        counts = []
        for token_id in position.probs:
            # Where the text ends, its outcome is certain: every continuation of it would give the same.
            rows: list[tuple[int, ...]] = [()] * self._asked.continuations
            if token_id in position.going:
                stored = position.drawn.stored(position.going.index(token_id))
                rows = [each.token_ids for each in stored]
            counts.append(len(rows))
            texts += [self._text([*before, token_id, *row]) for row in rows]
        found = iter(self._outcomes(texts))
        outcomes = [[next(found) for _ in range(count)] for count in counts]
        position.outcomes = dict(zip(position.probs, outcomes, strict=True))
        weights = list(position.probs.values())
        if sum(weights) > 0:
            seed = position.step.site.sampler.seed
            # Enough that the smallest p is still small after the correction for all positions.
            times = max(PERMUTATIONS, 100 * len(self._open))
            position.numbers = fork_numbers(weights, outcomes, position.taken, seed, times)

    def _text(self, token_ids: Sequence[int]) -> str:
        model = self._steps[0].site.model
        written = (model.token_bytes(i) for i in token_ids if model.is_text(i))
        text = b"".join(written).decode(errors="replace")
        return min((text.split(stop, 1)[0] for stop in self._stops), key=len, default=text)

    def _outcomes(self, texts: Sequence[str]) -> list[str]:
        pattern = self._asked.outcome
        if not pattern and last_number(self._text([each.token_id for each in self._steps])) is None:
            return [" ".join(text.split()) for text in texts]
        if pattern in ("", NUMBER):
            return [last_number(text) or "" for text in texts]
        # An expression may take for ever: it runs where it can be ended.
        with Checker(CheckSettings(pattern)) as checker:
            return [each.answer or "" for each in checker.check(texts, None)]

    def result(self) -> ForksResult:
        """Says what was found so far."""
        ps = [None if each.numbers is None else each.numbers.p for each in self._found]
        corrected = holm(ps)
        positions = zip(self._found, corrected, strict=True)
        return ForksResult(
            text=self._text([each.token_id for each in self._steps]),
            tokens=tuple(self._text([each.token_id]) for each in self._steps),
            entropies=tuple(self._entropies),
            open_positions=self._open,
            positions=tuple(self._position(each, p_holm) for each, p_holm in positions),
        )

    def _position(self, found: _Position, p_holm: float | None) -> ForkPosition:
        numbers = found.numbers
        token_bytes = found.step.site.model.token_bytes
        alternatives = []
        for token_id, prob in found.probs.items():
            counted = Counter(found.outcomes.get(token_id, ()))
            samples: tuple[DrawnSample, ...] = ()
            if token_id in found.going:
                samples = found.drawn.stored(found.going.index(token_id))
            alternatives.append(
                ForkAlternative(
                    token_id=token_id,
                    text=token_bytes(token_id).decode(errors="replace"),
                    prob=prob,
                    taken=token_id == found.step.token_id,
                    outcomes=tuple(
                        OutcomeCount(text=text, count=count)
                        for text, count in counted.most_common()
                    ),
                    samples=samples,
                )
            )
        return ForkPosition(
            position=found.place,
            entropy=found.step.before.entropy,
            score=None if numbers is None else numbers.score,
            chance=None if numbers is None else numbers.chance,
            p=None if numbers is None else numbers.p,
            p_holm=p_holm,
            effective=None if numbers is None else numbers.effective,
            covered=math.fsum(found.probs.values()),
            alternatives=tuple(alternatives),
        )
