"""Experiments beside what a person does: one piece at a time, in turn, and what they find published as it comes.

Belongs to the loop. What is found is frozen, and replaced as a whole whenever more is known.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, UsageError
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.snapshot import Measured, Notice, Running, Tone

if TYPE_CHECKING:
    from bftui.core.job import Job
    from bftui.measures.lookahead import Lookahead
    from bftui.measures.response import Response
    from bftui.measures.rollouts import Rollouts
    from bftui.model.loaded_model import Model
    from bftui.session.session import Session
    from bftui.workbench.restore_results import Restored
    from bftui.workbench.rollout_series import Place, RolloutSeries

AHEAD = 20
"""Candidates that one look-ahead looks at more."""

PATIENCE_S = 10.0
"""A response that nobody asked for is measured to its end where all of it takes no longer."""

_EVERY_S = 0.25
"""Between two summaries of what still runs."""

_RESPONSES = 16
"""Responses whose samples are kept, so that other controls can be measured beside them."""


class _Work(ABC):
    """One experiment that runs, and how it is published."""

    name = ""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.published = 0.0

    @property
    def told(self) -> str:
        """What it is, and how much is done."""
        return f"{self.name} at {self.job.share:.0%}"

    @abstractmethod
    def publish(self, measured: Measured, *, running: bool) -> Measured:
        """What is known with what this found by now."""

    def yields(self) -> bool:
        """Whether it waits for somebody to ask for the rest; looked at after each piece."""
        return False


class _LookAhead(_Work):
    name = "look-ahead"

    def __init__(self, job: Lookahead, place: Place) -> None:
        super().__init__(job)
        self._look, self.place = job, place

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        found = self._look.result()
        return replace(measured, looked={**measured.looked, self.place: found})


class _Rolling(_Work):
    def __init__(self, job: Rollouts, series: RolloutSeries) -> None:
        super().__init__(job)
        self.rollouts, self.series = job, series
        self.name = "rollouts" if job.original is None else "sampling again"

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        series = self.series
        if not running and self.rollouts in series.running:
            series.running.remove(self.rollouts)
        found = series.rolled(measured.version)
        return replace(measured, rolled={**measured.rolled, series.place: found})


class _Responding(_Work):
    name = "response"

    def __init__(self, job: Response, known: ResponseShown, *, asked: bool) -> None:
        super().__init__(job)
        self.response, self.known = job, known
        self._judged = asked
        self._left: float | None = None
        self._finished = -1

    @property
    def waits(self) -> bool:
        """Whether it takes so long that somebody must ask for the rest."""
        return self._left is not None

    def ask(self) -> None:
        """Somebody wants all of it, with every kind of controls."""
        self._judged, self._left = True, None
        self.response.widen()

    def yields(self) -> bool:
        if self._judged or not self.response.spent(PATIENCE_S):
            return False
        self._judged = True
        self._left = self.response.left
        return self.waits

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        # An interval is made when a text is finished, not with every piece.
        if self.response.tokens != self._finished or self.job.done:
            self._finished = self.response.tokens
            self.known = self.known.measured(self.response)
        self.known = replace(
            self.known,
            share=self.job.share,
            doing=self.response.doing,
            running=running,
            left=self.job.left if running else None,
            paused=self._left,
        )
        others = {end: each for end, each in measured.responses.items() if end != self.known.end}
        return replace(measured, responses={**others, self.known.end: self.known})


class Measuring:
    """The experiments of a session, one piece at a time.

    Attributes:
        session: what they measure.
        measured: everything that is known.
    """

    def __init__(self, publish: Callable[[Measured], None]) -> None:
        """`publish` is told all that is known, whenever that is more."""
        self.session: Session | None = None
        self.measured = Measured()
        self._tell = publish
        self._running: deque[_Work] = deque()
        self._series: dict[Place, RolloutSeries] = {}
        self._responses: dict[int, _Responding] = {}

    @property
    def waiting(self) -> bool:
        """Whether there is a piece to be done."""
        return bool(self._running)

    @property
    def _at(self) -> Session:
        if self.session is None:
            raise UsageError("there is no session to measure")
        return self.session

    # Starting --------------------------------------------------------------------------------------------------

    def look_ahead(self) -> None:
        """Looks at the best candidates after the cursor, or at more of them. Raises UsageError."""
        session = self._at
        place = session.cursor, session.sampler_number
        if any(isinstance(work, _LookAhead) and work.place == place for work in self._running):
            return
        known = self.measured.looked.get(place)
        count = AHEAD + (len(known.candidates) if known else 0)
        job = session.experiments.start_lookahead(min(count, session.tree.n_vocab))
        self._begin(_LookAhead(job, place))

    def roll(self, samples: int, horizon: int, node: int) -> None:
        """Draws continuations of a node; raises UsageError."""
        self._roll(self._at.experiments.start_rollouts(samples, horizon, node))

    def resample(self, samples: int, node: int) -> None:
        """Draws continuations of a node to compare with the path that goes on from it; raises UsageError."""
        self._roll(self._at.experiments.start_resampling(samples, node))

    def _roll(self, job: Rollouts) -> None:
        from bftui.workbench.rollout_series import RolloutSeries

        place = job.node, self._at.sampler_number
        series = self._series.get(place)
        if series is None or not series.takes(job.settings()):
            series = self._series[place] = RolloutSeries(place)
        series.join(job)
        self._begin(_Rolling(job, series))

    def respond(self, node: int, ids: tuple[int, ...], end: int, *, asked: bool) -> None:
        """Measures what forcing a text after a node does; of several only the latest runs.

        What was measured before is not measured again; with `asked` other kinds of controls are measured too. Raises
        UsageError where the text ends the generation.
        """
        session = self._at
        for running in [work for work in self._running if isinstance(work, _Responding)]:
            if running.known.end != end:
                self._drop(running)
        known = self._responses.get(end)
        if known is not None and known.known.sampler != session.sampler_number:
            self._let_go(self._responses.pop(end))
            known = None
        if known is None:
            self._measure(session, node, ids, end, asked=asked)
            return
        if asked:
            known.ask()
        if known not in self._running and not known.job.done and not known.waits:
            self._begin(known)

    def _measure(
        self, session: Session, node: int, ids: tuple[int, ...], end: int, *, asked: bool
    ) -> None:
        from bftui.measures.response_state import Setup

        setup = Setup(others=asked)
        job = session.experiments.start_response(ids=ids, node=node, setup=setup)
        known = ResponseShown(node, end, session.sampler_number, job.settings(), setup.controls)
        self._responses[end] = work = _Responding(job, known, asked=asked)
        if len(self._responses) > _RESPONSES:
            self._let_go(self._responses.pop(next(iter(self._responses))))
        self._begin(work)

    def _let_go(self, work: _Responding) -> None:
        """Forgets the samples of a response; what it found stays."""
        work.job.close()
        if self.session is not None and work.response in self.session.experiments.responses:
            self.session.experiments.responses.remove(work.response)

    def _begin(self, work: _Work) -> None:
        self._running.append(work)
        self._publish(work, running=True)

    # Advancing -------------------------------------------------------------------------------------------------

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece of the experiment whose turn it is.

        Returns whether something new is published, and what to tell. Raises BackendCrashed, and faults of ours; the
        experiment is then gone.
        """
        work = self._running[0]
        try:
            more = work.job.advance()
        except BackendCrashed:
            self.stop()
            raise
        except BftuiError as error:
            self._drop(work)
            if isinstance(error, Cancelled):
                return True, Notice(f"stopped: {work.told}")
            return True, Notice(f"{work.name}: {error.line()}", Tone.ERROR, error)
        except BaseException:
            self._drop(work)
            raise
        if not more:
            self._running.remove(work)
            self._publish(work, running=False)
            self._at.experiments.keep(work.job)
            return True, None
        if work.yields():
            self._running.remove(work)
            self._publish(work, running=False)
            return True, None
        self._running.rotate(-1)
        if time.monotonic() - work.published < _EVERY_S:
            return False, None
        self._publish(work, running=True)
        return True, None

    def _publish(self, work: _Work, *, running: bool) -> None:
        # Results carry the version that they are published with.
        measured = replace(self.measured, version=self.measured.version + 1)
        measured = work.publish(measured, running=running)
        shares = tuple(Running(each.name, each.job.share) for each in self._running)
        self.measured = replace(measured, running=shares)
        self._tell(self.measured)
        work.published = time.monotonic()

    def _drop(self, work: _Work) -> None:
        """Ends one experiment that runs; what was found stays."""
        self._running.remove(work)
        work.job.close()
        self._publish(work, running=False)
        if isinstance(work, _Responding):
            # What was stopped cannot go on: asked for again it starts over.
            self._responses.pop(work.known.end, None)
            self._let_go(work)

    def stop(self) -> str | None:
        """Ends everything that runs; says what, or None where nothing ran."""
        stopped = [work.told for work in self._running]
        for work in list(self._running):
            self._drop(work)
        return ", ".join(stopped) or None

    def restore(self, found: Restored) -> None:
        """Publishes what the session measured in another run of the program; further rollouts are added to it."""
        self.show(found.measured)
        self._series.update(found.series)

    def renew(self) -> None:
        """Ends everything, as the model's process is another one; what was found stays."""
        self.stop()
        for work in self._responses.values():
            self._let_go(work)
        self._responses.clear()

    def attend(self, session: Session | None) -> None:
        """Ends everything and forgets what was found: it is about another session from now on."""
        for work in self._running:
            work.job.close()
        self._running.clear()
        self._series.clear()
        self._responses.clear()
        self.session = session
        self.show(Measured())

    def show(self, measured: Measured) -> None:
        """Publishes all that is known."""
        self.measured = replace(measured, version=self.measured.version + 1)
        self._tell(self.measured)


class Floors:
    """Measures the noise floor of each open model once, while nobody waits for anything."""

    def __init__(self) -> None:
        self._job: tuple[Model, Job] | None = None

    def waiting(self, session: Session | None) -> bool:
        """Whether there is a piece to be done for the models of this session."""
        if session is None:
            return False
        models = [session.model]
        if session.partner is not None:
            models.append(session.partner.model)
        if self._job is not None:
            if self._job[0] in models:
                return True
            self._job[1].close()
            self._job = None
        model = next((each for each in models if each.floor.missing), None)
        if model is not None:
            self._job = model, model.floor.job()
        return model is not None

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece; whether a floor is known now. What fails is not tried again. Raises BackendCrashed."""
        job, self._job = self._job, None
        if job is None:
            return False, None
        try:
            if job[1].advance():
                self._job = job
                return False, None
        except BackendCrashed:
            raise
        except BftuiError:
            # Stopped, or a model that cannot be read so: it goes on without a floor.
            return False, None
        return True, None
