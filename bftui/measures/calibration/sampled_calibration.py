"""Calibration on a valid set that is too large to be read node by node: samples of the model, and which are valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.core.valid.sampled_numbers import sampled_numbers
from bftui.core.valid.valid_sets import ValidSet
from bftui.measures.calibration.compile_valid import CompiledSet
from bftui.measures.rollouts import Rollouts
from bftui.measures.site import Site
from bftui.results.calibration_result import CalibrationResult, CalibrationSettings
from bftui.results.stored_result import StoredResult

TRIED = 200
"""Answers of the set whose tokens say how long an answer may become."""

_ROOM = 4
"""Tokens beyond these: what ends an answer, and another way to split it."""


class SampledCalibration(Job):
    """A valid set after the path of a node, from `samples` continuations drawn from P.

    Attributes:
        site: where answers begin.
    """

    def __init__(
        self,
        site: Site,
        valid: ValidSet,
        some: CompiledSet,
        settings: CalibrationSettings,
        samples: int,
    ) -> None:
        """`some` answers of the set as tokens say how they begin, how long they are and what ends them."""
        self._settings, self._valid, self._some = settings, valid, some
        self.site = replace(site, sampler=Sampler(top_p=1.0, seed=site.sampler.seed))
        horizon = max(len(path.token_ids) for path in some.paths) + _ROOM
        self._rollouts = Rollouts(self.site, samples=samples, horizon=horizon)
        super().__init__()

    @property
    def node(self) -> int:
        """The node that answers begin after."""
        return self.site.node

    @property
    def share(self) -> float:
        return self._rollouts.share

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        return f"{self._settings.valid}: {self._rollouts.tokens:,} tokens sampled"

    def settings(self) -> CalibrationSettings:
        """Says what was asked for."""
        return self._settings

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before all is drawn."""
        if not self.done:
            return None
        return StoredResult("calibration", self.node, self._settings, self.result())

    def _work(self) -> Iterator[None]:
        yield from self._rollouts.piecemeal()

    def _is_valid(self, token_ids: tuple[int, ...]) -> bool:
        """Whether tokens spell one of the answers, with the blank before it that this place asks for."""
        text = b"".join(map(self.site.model.token_bytes, token_ids)).decode(errors="replace")
        answers, blank = self._valid.answers, self._some.blank
        if blank is not False and text[:1] == " " and self._holds(text[1:]):
            return True
        return (blank is not True and self._holds(text)) or (text[:1].isspace() and text in answers)

    def _holds(self, text: str) -> bool:
        forms = [text]
        if self._settings.case == "any":
            forms += [text.lower(), text.upper(), text[:1].upper() + text[1:]]
        return any(each in self._valid.answers for each in forms)

    def result(self) -> CalibrationResult:
        """Says what was found; order, shape and steps need the whole set."""
        found = sampled_numbers(
            self._rollouts.samples,
            self._is_valid,
            self._some.ends,
            self._valid.count,
            self.site.sampler.seed,
        )
        return CalibrationResult(
            how="sampled",
            answers_in_set=self._valid.count,
            nodes=1,
            read=0,
            validity=found.validity,
            validity_ci=found.validity_ci,
            diversity=found.diversity,
            diversity_ci=found.diversity_ci,
            validity_truncated=None,
            diversity_truncated=None,
            effective=None if found.diversity is None else found.diversity * self._valid.count,
            kl_uniform=None,
            distance_uniform=None,
            other_spellings=None,
            order=None,
            shape=None,
            steps=(),
            bounds=None,
            frontier=(),
            answers=(),
            notes=(
                *self._valid.notes,
                *self._some.notes,
                f"{found.valid:,} of {found.samples:,} samples are valid answers; a sample counts by its text, however "
                "it was split into tokens",
            ),
        )
