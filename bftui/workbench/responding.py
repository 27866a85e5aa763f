"""The responses of a session: which there are, which may go on, and how far what runs has come.

Nothing that was drawn is thrown away. One that stops stays where it stood, is kept in the trace, and goes on from there
when somebody asks, also in another run of the program.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.job import Job
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.snapshot import Measured

if TYPE_CHECKING:
    from bftui.measures.response import Response
    from bftui.measures.response_state import Setup
    from bftui.session.experiments import Experiments
    from bftui.session.session import Session
    from bftui.workbench.rollout_series import Place
    from bftui.workbench.settings import ResponsePlan

_HELD = 16
"""Responses whose samples are held; those of older ones are in the trace."""


class Responding:
    """One response, while it runs and while it waits.

    Attributes:
        response: what is measured.
        shown: how it is shown.
        published: when that was made, in seconds of the monotonic clock.
    """

    name = "response"

    def __init__(self, response: Response, shown: ResponseShown, budget: float) -> None:
        """`budget` is what it may take in seconds before somebody asks for it."""
        self.response, self.shown = response, shown
        self.published = 0.0
        self._budget: float | None = budget
        self._closed = False
        self._kept = self._known

    @property
    def job(self) -> Job:
        """What is advanced."""
        return self.response

    @property
    def told(self) -> str:
        """What it is, and how far."""
        return f"{self.name}, {self.response.doing or 'before its first token'}"

    @property
    def asked(self) -> bool:
        """Whether somebody asked for all of it."""
        return self._budget is None

    @property
    def spent(self) -> bool:
        """Whether it is to wait until somebody asks for the rest."""
        return self._budget is not None and self.response.spent(self._budget)

    @property
    def goes_on(self) -> bool:
        """Whether there is something that it may do now."""
        return not (self.response.done or self.spent)

    def ask(self) -> None:
        """Somebody wants all of it, with every kind of controls."""
        self._budget = None
        self.response.widen()

    def extend(self, samples: int, horizon: int) -> None:
        """Somebody wants more samples or longer ones; raises UsageError."""
        self.response.extend(samples, horizon)
        self._budget, self._closed = None, False

    def take_up(self) -> None:
        """Goes on where it stood."""
        if self._closed:
            self.response.go_on()
            self._closed = False

    def close(self) -> None:
        """Gives back what it holds of the model; what was drawn stays."""
        if not self.response.done:
            self.response.close()
            self._closed = True

    @property
    def _known(self) -> tuple[int, int, object]:
        state = self.response.state
        asked = None if state is None else state.extra
        return self.response.tokens, len(self.response.looks), asked

    def keep(self, experiments: Experiments) -> None:
        """Writes what is new of it into the trace and the journal."""
        if self._known != self._kept:
            self._kept = self._known
            experiments.keep(self.response)

    def keep_looks(self, experiments: Experiments) -> None:
        """Writes it down where a look was done since it was written last."""
        if self._known[1] != self._kept[1]:
            self.keep(experiments)

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        """All that is known with what this found by now."""
        job = self.response
        self.shown = replace(
            self.shown.measured(job),
            share=job.share,
            doing=job.doing,
            running=running,
            left=job.left,
            complete=job.done,
        )
        responses = {**measured.responses, self.shown.place: self.shown}
        speed = measured.speed if job.speed is None else job.speed
        return replace(measured, responses=responses, speed=speed)


class Responses:
    """The responses of one session whose samples are held, by their places."""

    def __init__(self) -> None:
        self._works: dict[Place, Responding] = {}

    def at(self, place: Place) -> Responding | None:
        """The one of a text under a sampler; None where its samples are not held."""
        return self._works.get(place)

    def others(self, work: object) -> list[Responding]:
        """All of them but one."""
        return [each for each in self._works.values() if each is not work]

    def begin(
        self,
        session: Session,
        node: int,
        ids: tuple[int, ...],
        end: int,
        plan: ResponsePlan,
        past: ResponseShown | None,
    ) -> Responding:
        """Begins one, or takes up what the trace kept of it; raises UsageError for what cannot be measured."""
        response = session.experiments.start_response(ids=ids, node=node, setup=_setup(plan, past))
        if response.state is not None and response.state.others is not None:
            # They were asked for when it was measured last.
            response.widen()
        shown = ResponseShown.begun(node, end, session.sampler_number, response)
        work = self._works[shown.place] = Responding(response, shown, plan.seconds)
        while len(self._works) > _HELD:
            self.let_go(next(iter(self._works)), session)
        return work

    def let_go(self, place: Place, session: Session | None) -> None:
        """Forgets the samples of one, whose result stays."""
        work = self._works.pop(place)
        work.response.close()
        if session is not None and work.response in session.experiments.responses:
            session.experiments.responses.remove(work.response)

    def let_all_go(self, session: Session | None) -> None:
        """Forgets the samples of all of them."""
        for place in list(self._works):
            self.let_go(place, session)


def _setup(plan: ResponsePlan, past: ResponseShown | None) -> Setup:
    """How one is measured: as it was begun where its samples were kept, else as planned now."""
    from bftui.measures.response_state import Setup

    if past is not None and past.held:
        asked = past.settings
        return Setup(asked.looks, asked.horizon, asked.controls, others=False, early=asked.early)
    return setup_of(plan)


def setup_of(plan: ResponsePlan) -> Setup:
    """How a response that begins is measured, without other kinds of controls."""
    from bftui.measures.response_state import LOOKS, Setup

    looks = *(samples for samples in LOOKS[:-1] if samples < plan.samples), plan.samples
    return Setup(looks, plan.horizon, others=False)
