"""The loop: the one place where model and session are used, in a thread of its own or in that of who calls `work`."""

from __future__ import annotations

import os
import queue
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.session.commands import Command
from bftui.workbench.floors import Floors
from bftui.workbench.measuring import Measuring
from bftui.workbench.pairing import Pairing
from bftui.workbench.session_slot import SessionSlot
from bftui.workbench.snapshot import Notice, Status, Tone
from bftui.workbench.workbench_state import OpeningJob, Queued, Wake, WorkbenchState, look_again

if TYPE_CHECKING:
    from bftui.workbench.live_model import LiveModel
    from bftui.workbench.model_slot import ModelSlot
    from bftui.workbench.recorded_trace import RecordedTrace

T = TypeVar("T")

_LONG_S = 0.1
"""Recomputing numbers is called busy when it takes longer."""

_LOOK_S = 0.05
"""Between two looks at whether to stop, while a model opens in another thread."""


@dataclass(frozen=True, slots=True)
class _Duty:
    """Something to be done piece by piece while no job is queued."""

    waits: Callable[[], bool]
    do: Callable[[], None]


class Loop:
    """Does the jobs that are queued, one after another; plays, recomputes and measures while none waits.

    Attributes:
        session: the session, and what is measured in it.
    """

    def __init__(
        self, state: WorkbenchState, source: LiveModel | RecordedTrace, partner: ModelSlot
    ) -> None:
        self._state, self._source = state, source
        measuring = Measuring(lambda found: state.publish(measured=found))
        pairing = Pairing(partner, self.wake, lambda found: state.publish(paired=found))
        self.session = SessionSlot(state, measuring, pairing, recomputes=source.recomputes)
        self._stepped = False
        pair, floors = partial(self._do_piece, pairing.advance), Floors()
        # By priority: what a person waits for, what was asked for, what only an idle machine does.
        self._stale = _Duty(lambda: state.recomputing, self._recompute)
        # In turn, so that neither waits for the other's end.
        self._turns = (
            _Duty(lambda: pairing.waiting, pair),
            _Duty(lambda: measuring.waiting, partial(self._do_piece, measuring.advance)),
        )
        self._latest: _Duty | None = None
        self._idle = (
            _Duty(lambda: pairing.curious, pair),
            _Duty(
                lambda: state.now.status is Status.READY and floors.waiting(state.now.session),
                partial(self._do_piece, floors.advance),
            ),
        )

    def wake(self) -> None:
        """Has the partner's news looked at soon; from any thread."""
        self._state.jobs.put(Wake(partial(self._do_piece, self.session.pairing.advance)))

    def open(self) -> None:
        """Opens what there is to open. The partner comes after the base, which is what a person waits for."""
        partner = self._state.settings.partner
        try:
            self._guarded(partial(self._source.open, self.session))
            if partner is not None:
                self.session.pairing.open(partner)
        finally:
            self._finish()

    def close(self) -> None:
        """Ends what is measured, the journal, the partner and the model."""
        self.session.close()
        journal = self._state.now.journal
        if journal is not None:
            journal.close()
        self.session.pairing.close()
        self._source.close()

    # In a thread of its own ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Opens, and works until a None is queued; then ends everything."""
        self._contain(self.open)
        while (job := self._next()) is not None:
            self._contain(job)
        self.close()

    def _contain(self, job: Callable[[], None]) -> None:
        """Does a job of which no fault ends the thread."""
        try:
            job()
        except Exception as error:
            # fd 2 is the log file while the screen is up.
            os.write(2, traceback.format_exc().encode())
            self._state.publish(playing=False)
            self._state.say(f"a fault of bftui: {type(error).__name__}: {error}", Tone.ERROR)

    def work(self, stop: Callable[[], bool]) -> None:
        """Does everything that a person asked for, until nothing of it is left or `stop` says so.

        Faults of ours are raised; what fails otherwise is a notice.
        """
        while not stop() and (job := self._next(until_idle=True)) is not None:
            job()

    def _next(self, *, until_idle: bool = False) -> Callable[[], None] | None:
        """Waits for what is to be done next; None where all is to end, or `until_idle` nothing asked for is left."""
        state, duty = self._state, self._waiting(idle=not until_idle)
        otherwise: Callable[[], None] | None = None
        wait: float | None = None
        if duty is not None:
            otherwise, wait = partial(self._do_duty, duty), 0.0
        if state.now.playing:
            due = max(0.0, state.due - time.monotonic())
            # At full speed there is never time to wait: one piece comes after each step.
            if duty is None or not (due > 0 or (self._stepped and duty in self._turns)):
                otherwise, wait = self._step, due
        elif duty is None and until_idle:
            opens = self.session.pairing.opens
            otherwise, wait = (look_again, _LOOK_S) if opens else (None, 0.0)
        try:
            job = state.jobs.get(timeout=wait)
        except queue.Empty:
            return otherwise
        return None if job is None else partial(self._do_queued, job)

    def _waiting(self, *, idle: bool) -> _Duty | None:
        """What is to be done while no job is queued; `idle`: also what nobody asked for."""
        if self._stale.waits():
            return self._stale
        waiting = [duty for duty in self._turns if duty.waits()]
        if waiting:
            return next((duty for duty in waiting if duty is not self._latest), waiting[0])
        if not idle or self._state.now.playing:
            return None
        return next((duty for duty in self._idle if duty.waits()), None)

    # Jobs and pieces -------------------------------------------------------------------------------------------

    def _do_queued(self, job: Queued) -> None:
        state = self._state
        if isinstance(job, Wake):
            self._rest()
            self._guarded(job.run)
            state.tell()
            return
        if isinstance(job, OpeningJob):
            state.publish(status=Status.LOADING)
        else:
            self._rest(busy=job is not look_again)
        try:
            if isinstance(job, Command):
                self._guarded(partial(self._source.do, self.session, job))
            else:
                self._guarded(job)
        finally:
            self._finish()

    def _finish(self) -> None:
        """Counts a job as done."""
        self._rest()
        self._state.done += 1
        self._state.tell()

    def _do_duty(self, duty: _Duty) -> None:
        self._latest = duty
        duty.do()

    def _step(self) -> None:
        self._rest(busy=True)
        self._guarded(partial(self._source.play, self.session))
        self._stepped = True
        self._rest()
        self._state.tell()

    def _recompute(self) -> None:
        session = self.session
        self._rest(busy=session.stale_s > _LONG_S)
        self._guarded(session.recompute)
        self._rest()
        self._state.tell()

    def _do_piece(self, advance: Callable[[], tuple[bool, Notice | None]]) -> None:
        """Does one piece of what nobody waits for; where it fails, nothing else stops."""
        state = self._state
        self._rest()
        self._stepped, state.aside = False, True
        try:
            news, notice = self._guarded(advance) or (False, None)
        finally:
            state.aside = False
        state.notify(notice)
        if news:
            state.tell()

    def _rest(self, *, busy: bool = False) -> None:
        """Publishes the status between jobs; a failure stays until the model is opened again."""
        now = self._state.now
        status = Status.FAILED
        if now.status is not Status.FAILED and now.model is not None:
            status = self._source.resting(busy=busy or now.playing)
        if status is not now.status:
            self._state.publish(status=status)

    def _guarded(self, job: Callable[[], T]) -> T | None:
        """Does a job and gives what it gives; what fails is said."""
        state = self._state
        try:
            return job()
        except BackendCrashed as error:
            session = state.now.session
            self._source.fail(error, None if session is None else session.cursor)
        except Cancelled as error:
            state.publish(playing=False)
            state.say(error.line(), Tone.INFO, error)
        except BftuiError as error:
            state.publish(playing=False)
            tone = Tone.WARNING if error.exit_code == 2 else Tone.ERROR
            state.say(error.line(), tone, error)
        return None
