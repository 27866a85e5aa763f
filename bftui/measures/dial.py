"""A mixture of models along its weight: at each one continuations of one place, and the entropy there.

The draws are those of rollouts from number 0 on, the same at every weight, so that what differs is the weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, Rollouts, check_size
from bftui.measures.site import Site
from bftui.results.dial_result import DialPoint, DialResult, DialSettings
from bftui.results.stored_result import StoredResult

WEIGHTS = (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Where it is measured where nobody says so: between the models, and as far beyond either."""

MOST_WEIGHTS = 200


@dataclass(frozen=True, slots=True)
class DialAsked:
    """How a dial is measured; see `DialSettings`."""

    weights: tuple[float, ...] = WEIGHTS
    samples: int = 32
    horizon: int = 32

    def check(self) -> None:
        """Raises UsageError for sizes that make no sense and for weights that are none, or stand twice."""
        check_size("samples", self.samples, MOST_SAMPLES)
        check_size("horizon", self.horizon, MOST_TOKENS)
        if not 0 < len(self.weights) <= MOST_WEIGHTS:
            raise UsageError(f"{len(self.weights)} weights are not 1 to {MOST_WEIGHTS}")
        if len(set(self.weights)) < len(self.weights):
            raise UsageError("a weight is named twice")


class Dial(Job):
    """BF of a mixture at each of some weights.

    Attributes:
        node: where the continuations begin.
    """

    def __init__(self, site: Site, asked: DialAsked) -> None:
        """Raises UsageError for one model, and for what cannot be asked."""
        asked.check()
        if not site.model.info.parts:
            raise UsageError(
                f"{site.model.info.name} is one model: it has no weight",
                hint="open two as dial:BASE::ALIGNED",
            )
        self.node = site.node
        self._asked, self._site = asked, site
        self._sites = [
            replace(site, sampler=replace(site.sampler, weight=weight)) for weight in asked.weights
        ]
        self._found: list[DialPoint] = []
        self._running: Rollouts | None = None
        super().__init__()

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        now = 0.0 if self._running is None else self._running.share
        return (len(self._found) + now) / len(self._sites)

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        at = min(len(self._found), len(self._sites) - 1)
        return f"weight {self._asked.weights[at]:g} ({at + 1} of {len(self._sites)})"

    def settings(self) -> DialSettings:
        """Says what was asked for."""
        asked = self._asked
        return DialSettings(
            weights=asked.weights,
            samples=asked.samples,
            horizon=asked.horizon,
            # What is found does not depend on the weight in force.
            sampler=replace(self._site.sampler, weight=Sampler().weight),
        )

    def result(self) -> DialResult:
        """Says what was found so far."""
        return DialResult(weights=tuple(self._found))

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before the first weight is done."""
        return (
            StoredResult("dial", self.node, self.settings(), self.result()) if self._found else None
        )

    def _work(self) -> Iterator[None]:
        for site in self._sites:
            drawn = Rollouts(site, samples=self._asked.samples, horizon=self._asked.horizon)
            self._running = drawn
            while drawn.advance():
                yield
            self._found.append(self._point(site, drawn))
            self._running = None
            yield

    def _point(self, site: Site, drawn: Rollouts) -> DialPoint:
        here = site.model.client.preview(site.tree, site.node, site.sampler)
        found, samples = drawn.branching_factor("entropy"), drawn.samples
        ids = samples[0].token_ids
        text = b"".join(site.model.token_bytes(i) for i in ids if site.model.is_text(i))
        return DialPoint(
            weight=site.sampler.weight,
            bf=found.bf,
            ci=found.ci,
            bf_full=found.bf_full,
            entropy=here.entropy,
            entropy_truncated=here.entropy_truncated,
            ended=found.ended,
            length=found.tokens / len(samples),
            text=text.decode(errors="replace"),
        )
