"""The response to a forced text: does it change the branching factor, and more than texts like it would?

The forced text is held against texts of the same length that the model itself might have written there (matched
controls). Rollouts give the BF over the tokens that follow each; the verdict compares the forced text's with theirs.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bftui.core.bf.contrast import (
    FEWEST,
    Contrast,
    contrast,
    contrast_samples,
    mean_interval,
)
from bftui.core.bf.curves import CurvePoint, curve
from bftui.core.bf.estimate import Estimate, estimate
from bftui.core.bf.samples import Sample
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.measures.rollouts import Rollouts, Together, check_size
from bftui.measures.site import Site
from bftui.results.codec import finite
from bftui.results.response_result import (
    ControlsResult,
    ForcedResult,
    ResponseResult,
    ResponseSettings,
)
from bftui.results.stored_result import StoredResult

DRAWN = 256
"""Continuations that the matched controls are chosen from."""

NEUTRAL = ("The", "It", "This", "There", "In", "A", "When", "One")
"""Openings that commit a text to little; those that the forced text equals are left out."""

RANDOM = 8
"""Controls whose first token is drawn uniformly from the kept set."""

Kind = Literal["matched", "free", "neutral", "random", "top1"]


@dataclass(frozen=True, slots=True)
class Setup:
    """How a response is measured; the defaults are those of `bftui respond`."""

    samples: int = 32
    horizon: int = 64
    controls: int = 12
    others: bool = True


@dataclass(frozen=True, slots=True)
class Control:
    """One text to compare with, and ln BF over the tokens after it."""

    token_ids: tuple[int, ...]
    log_bf: float
    samples: tuple[Sample, ...]


class Response(Job):
    """Rollouts after a forced text and after its controls.

    Attributes:
        node, token_ids, sampler, setup: where, what was forced, and how it is measured.
        logprob: ln P of the forced text there, in nats; None until it was scored.
        forced: the rollouts after the forced text, None until they began.
        controls: what is finished, by kind.
        doing: what is measured now, for people.
    """

    def __init__(
        self,
        site: Site,
        token_ids: Sequence[int],
        neutral: Sequence[tuple[int, ...]],
        setup: Setup,
    ) -> None:
        """`neutral` are the neutral texts as tokens."""
        check_size("controls", setup.controls, DRAWN)
        self.node, self.sampler = site.node, site.sampler
        self.token_ids, self.setup = tuple(token_ids), setup
        self.logprob: float | None = None
        self.forced: Rollouts | None = None
        self.controls: dict[Kind, list[Control]] = {}
        self.doing = ""
        self._site, self._client = site, site.model.client
        self._key = prefix_key(site.prefix)
        self._first = 0.0
        self._neutral = [ids for ids in neutral if ids != self.token_ids]
        self._running: Together | None = None
        self._finished = 0
        self._curve: list[CurvePoint] = []
        self._kinds: tuple[ControlsResult, ...] = ()
        self._planned = 1 + setup.controls
        if setup.others:
            self._planned += 2 + len(self._neutral) + RANDOM
        # Refuses sizes that make no sense before anything runs.
        self._rollouts(())
        super().__init__()

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        running = 0.0
        if self._running is not None:
            running = self._running.share * len(self._running.rollouts)
        return min(1.0, (self._finished + running) / self._planned)

    @property
    def measured(self) -> int:
        """Texts whose rollouts are finished; none before the forced one, from which nothing is told in parts."""
        if self._running is None or self.forced is None or not self.forced.complete:
            return self._finished
        return self._finished + sum(each.complete for each in self._running.rollouts)

    @property
    def remaining(self) -> float | None:
        """Seconds that are left, from what was done so far; None before the first text is finished."""
        if not self.measured:
            return None
        return self.seconds / self.share * (1.0 - self.share)

    @property
    def estimate(self) -> Estimate | None:
        """BF over the tokens after the forced text, as far as they are drawn."""
        if self.forced is None or not self.forced.samples:
            return None
        return self.forced.branching_factor("entropy")

    @property
    def contrast(self) -> Contrast | None:
        """The verdict against the matched controls; None until all of them are measured."""
        matched = self.controls.get("matched")
        found = self.estimate
        if matched is None or found is None:
            return None
        return contrast(math.log(found.bf_entropy), [control.log_bf for control in matched])

    @property
    def positions(self) -> tuple[int, int]:
        """Positions that the BF of the forced text, and that of its matched controls, are means over."""
        own = () if self.forced is None else self.forced.samples
        theirs = (each for control in self.controls.get("matched", ()) for each in control.samples)
        return sum(len(each.token_ids) for each in own), sum(len(each.token_ids) for each in theirs)

    @property
    def reason(self) -> str | None:
        """Why there can be no verdict, where there can be none."""
        matched = self.controls.get("matched")
        if matched is None or len(matched) >= FEWEST:
            return None
        if self.setup.controls < FEWEST:
            return (
                f"only {self.setup.controls} matched controls were asked for; {FEWEST} are needed"
            )
        texts = "1 text" if len(matched) == 1 else f"{len(matched)} different texts"
        are = "is" if len(matched) == 1 else "are"
        return f"only {texts} of this length {are} among {DRAWN} draws; {FEWEST} are needed"

    def widen(self) -> None:
        """Measures the other kinds of controls too, also where all that was asked for is finished."""
        if self.setup.others:
            return
        self.setup = replace(self.setup, others=True)
        self._planned += 2 + len(self._neutral) + RANDOM
        if self.done:
            self.done = False
            self._pieces = self._others()

    def settings(self) -> ResponseSettings:
        """Says what was asked for."""
        return ResponseSettings(
            token_ids=self.token_ids,
            samples=self.setup.samples,
            horizon=self.setup.horizon,
            controls=self.setup.controls,
            sampler=self.sampler,
        )

    def result(self, verdict: Contrast | None = None) -> ResponseResult:
        """Says what was found so far; `verdict` stands for one corrected for several texts.

        As long as matched controls are missing there is no verdict. What is known of the controls is made once.
        """
        found, compared = self.estimate, verdict or self.contrast
        assert found is not None
        if len(self._kinds) != len(self.controls):
            self._kinds = tuple(map(self._controls_result, self.controls))
        return ResponseResult(
            forced=ForcedResult(
                text=self._text(self.token_ids),
                token_ids=self.token_ids,
                logprob=None if self.logprob is None else finite(self.logprob),
                bf=found.bf_entropy,
                ci=found.ci,
                ended=found.ended,
            ),
            controls=self._kinds,
            delta=None if compared is None else compared.delta,
            delta_ci=None if compared is None else compared.delta_ci,
            p=None if compared is None else compared.p,
            p_holm=None if compared is None else compared.p_holm,
            verdict=None if compared is None else compared.verdict,
            reason=self.reason,
            horizon=self.setup.horizon,
            samples=self.setup.samples,
            controls_curve=tuple(self.controls_curve()),
        )

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the matched controls are measured."""
        if self.contrast is None:
            return None
        return StoredResult("response", self.node, self.settings(), self.result())

    def controls_curve(self) -> list[CurvePoint]:
        """Cumulative BF over positions after the matched controls; empty before they are measured."""
        matched = self.controls.get("matched")
        if matched and not self._curve:
            self._curve = curve([each.samples for each in matched], "entropy")
        return self._curve

    def against(self, kind: Kind) -> Contrast | None:
        """The forced text against the controls of one kind; None while they are not measured."""
        controls, found = self.controls.get(kind), self.estimate
        if not controls or found is None or self.forced is None:
            return None
        if len(controls) == 1:
            return contrast_samples(self.forced.samples, controls[0].samples)
        return contrast(math.log(found.bf_entropy), [control.log_bf for control in controls])

    def _controls_result(self, kind: Kind) -> ControlsResult:
        controls = self.controls[kind]
        compared = self.against(kind)
        logs = np.array([control.log_bf for control in controls])
        return ControlsResult(
            kind=kind,
            texts=tuple(self._text(control.token_ids) for control in controls),
            bf=None if not controls else math.exp(float(logs.mean())),
            ci=_mean_interval(controls),
            delta=None if compared is None else compared.delta,
            delta_ci=None if compared is None else compared.delta_ci,
        )

    def _text(self, token_ids: Sequence[int]) -> str:
        return b"".join(map(self._site.model.token_bytes, token_ids)).decode(errors="replace")

    # The work --------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[None]:
        self.doing = "the forced text"
        scores = self._score(self.token_ids)
        self._first, self.logprob = scores[0], math.fsum(scores)
        yield
        length = len(self.token_ids)
        self.doing = "drawing controls"
        drawn = yield from self._draw((), range(DRAWN), length, self.sampler)
        chosen = self._nearest(drawn)
        self._planned += len(chosen) - self.setup.controls
        self.forced = self._rollouts(self.token_ids)
        yield from self._measure({"matched": chosen}, self.forced)
        if self.setup.others:
            yield from self._others()

    def _others(self) -> Iterator[None]:
        length = len(self.token_ids)
        self.doing = "drawing controls"
        random = yield from self._random()
        best = yield from self._draw((), range(1), length, replace(self.sampler, top_k=1))
        top1 = [sample.token_ids for sample in best if sample.token_ids != self.token_ids]
        yield from self._measure(
            {"free": [()], "neutral": self._neutral, "random": random, "top1": top1}
        )

    def _rollouts(self, suffix: tuple[int, ...]) -> Rollouts:
        return Rollouts(self._site, suffix, samples=self.setup.samples, horizon=self.setup.horizon)

    def _measure(
        self, texts: dict[Kind, Sequence[tuple[int, ...]]], forced: Rollouts | None = None
    ) -> Iterator[None]:
        """Rollouts after each text of some kinds of controls; all kinds are there when all of them are done."""
        kinds: list[Kind] = [kind for kind, each in texts.items() for _ in each]
        controls = [self._rollouts(ids) for each in texts.values() for ids in each]
        self._running = Together([*([] if forced is None else [forced]), *controls])
        try:
            while self._running.advance():
                self.doing = _first_open(kinds, controls, forced)
                yield
        finally:
            self._running.close()
        self._finished += len(self._running.rollouts)
        self._running = None
        for kind in texts:
            self.controls[kind] = [
                _control(each) for of, each in zip(kinds, controls, strict=True) if of == kind
            ]

    def _draw(
        self, suffix: tuple[int, ...], numbers: Sequence[int], length: int, sampler: Sampler
    ) -> Generator[None, None, list[Sample]]:
        """Texts of `length` tokens from P~, in the order of their numbers; those that end before are left out."""
        rollouts = Rollouts(
            replace(self._site, sampler=sampler),
            suffix,
            samples=len(numbers),
            horizon=length,
            first=numbers[0],
            purpose=Purpose.CONTROL,
        )
        try:
            while rollouts.advance():
                yield
        finally:
            rollouts.close()
        return [
            sample
            for sample in rollouts.samples
            if sample.finish == "length" and sample.length == length
        ]

    def _nearest(self, drawn: Sequence[Sample]) -> list[tuple[int, ...]]:
        """Of the different texts those whose first token is nearest in ln P to the forced one."""
        distance = {
            sample.token_ids: abs(float(sample.logprob[0]) - self._first)
            for sample in drawn
            if sample.token_ids != self.token_ids
        }
        return sorted(distance, key=distance.__getitem__)[: self.setup.controls]

    def _random(self) -> Generator[None, None, list[tuple[int, ...]]]:
        """Texts of the forced one's length whose first token is uniform over the kept set."""
        found: dict[tuple[int, ...], None] = {}
        kept = self._client.preview(self._site.tree, self.node, self.sampler).kept
        rows = self._client.page(self._site.tree, self.node, self.sampler, 0, kept, "").rows
        for number in range(DRAWN, DRAWN + RANDOM):
            u = uniform(self.sampler.seed, Purpose.CONTROL, 0, number, self._key)
            text: tuple[int, ...] = (rows[int(u * len(rows))].token_id,)
            if len(self.token_ids) > 1:
                rest = len(self.token_ids) - 1
                ends = yield from self._draw(text, [number], rest, self.sampler)
                if not ends:
                    continue
                text += ends[0].token_ids
            found[text] = None
        return [ids for ids in found if ids != self.token_ids]

    def _score(self, token_ids: Sequence[int]) -> list[float]:
        scored = self._client.score(self._site.tree, self.node, token_ids, self.sampler)
        return [each.logprob for each in scored]


def _first_open(
    kinds: Sequence[Kind], controls: Sequence[Rollouts], forced: Rollouts | None
) -> str:
    """The first text that is not finished, for people."""
    if not controls or (forced is not None and not forced.complete):
        return "the forced text"
    place = next((i for i, each in enumerate(controls) if not each.complete), 0)
    first, count = kinds.index(kinds[place]), kinds.count(kinds[place])
    return f"{kinds[place]} control {place - first + 1} of {count}"


def _control(rollouts: Rollouts) -> Control:
    log_bf = math.log(rollouts.branching_factor("entropy").bf_entropy)
    return Control(rollouts.suffix, log_bf, rollouts.samples)


def _mean_interval(controls: Sequence[Control]) -> tuple[float, float] | None:
    """95 % interval of the geometric mean of the controls' BF; of a single control that of its samples."""
    if len(controls) == 1:
        return estimate(controls[0].samples, "entropy").ci
    return mean_interval([control.log_bf for control in controls])
