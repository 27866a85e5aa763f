"""The engine's thread: the one place where model and session are used.

Its jobs are in the modules beside this one, what the screen may ask in `bridge.py`, which starts it.
"""

from __future__ import annotations

import os
import queue
import time
import traceback
from collections.abc import Callable

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.workbench.model_slot import EngineOpening
from bftui.workbench.noise_floors import Floors
from bftui.workbench.notice import Kind, Notice
from bftui.workbench.workbench_state import EngineState, Opening, Word, nothing

_LONG_S = 0.1
"""Making numbers anew is called busy when it takes longer."""


class Engine(EngineOpening):
    """Runs the jobs that are queued, one after another; plays, makes numbers anew and measures while none waits."""

    def __init__(self, state: EngineState) -> None:
        super().__init__(state, self._wake)
        self._accompanied = False
        self._floors = Floors()

    def _wake(self) -> None:
        self.state.jobs.put(self.accompany)

    def run(self) -> None:
        """Opens what there is to open, and works until a None is queued; then ends everything."""
        state = self.state
        self.partnering.coming = state.settings.partner
        self._guarded(self.open)
        if state.settings.partner is not None:
            # After the base, which is what a person waits for.
            self.partnering.open(state.settings.partner)
        state.word = self._resting(busy=False)
        state.done += 1
        state.tell()
        while (job := self._next()) is not None:
            beside = job in (self._experiment, self.accompany, self._floor)
            own = beside or job in (self._play_step, self._align, self.notice_end)
            if isinstance(job, Opening):
                state.word = Word.LOADING
            elif beside:
                state.word = self._resting(busy=state.playing)
                self._guarded(job)
                continue
            elif job == self._align:
                long = time.monotonic() - self._align_began > _LONG_S
                state.word = self._resting(busy=long or state.playing)
            else:
                state.word = self._resting(busy=job is not nothing)
            self._guarded(job)
            state.word = self._resting(busy=state.playing)
            state.done += not own
            state.tell()
        if state.journal is not None:
            state.journal.close()
        self.partnering.close()
        if state.model is not None:
            state.model.close()

    def _next(self) -> Callable[[], None] | None:
        state, beside = self.state, self._beside()
        if state.playing:
            wait = max(0.0, state.due - time.monotonic())
            # At full speed there is never time to wait: one piece comes after each step.
            turn = self._stepped and beside in (self._experiment, self.accompany)
            between = beside is not None and (wait > 0 or turn)
            try:
                return state.jobs.get(timeout=0.0 if between else wait)
            except queue.Empty:
                return beside if between else self._play_step
        try:
            return state.jobs.get(block=beside is None)
        except queue.Empty:
            return beside

    def _beside(self) -> Callable[[], None] | None:
        """What is to be done while nobody waits for anything."""
        if self.state.unaligned:
            return self._align
        measures = self.experiments.waiting
        if self.partnering.waiting(idle=not (self.state.playing or measures)):
            # In turn, so that neither waits for the other's end.
            return self._experiment if measures and self._accompanied else self.accompany
        if measures:
            return self._experiment
        resting = not self.state.playing and self.state.word is Word.READY
        return self._floor if resting and self._floors.waiting(self.state.session) else None

    def _resting(self, *, busy: bool) -> Word:
        """The word between jobs; a failure stays until the model is opened again."""
        if self.state.word is Word.FAILED or self.state.model is None:
            return Word.FAILED
        return Word.BUSY if busy else Word.READY

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BackendCrashed as error:
            session = self.state.session
            self._fail(error, None if session is None else session.cursor)
        except Cancelled as error:
            self.state.playing = False
            self.state.say(error.line(), Kind.INFO)
        except BftuiError as error:
            self.state.playing = False
            self.state.say(error.line(), Kind.WARNING if error.exit_code == 2 else Kind.ERROR)
        except Exception as error:
            # fd 2 is the log file while the screen is up.
            os.write(2, traceback.format_exc().encode())
            self.state.playing = False
            self.state.say(f"a fault of bftui: {type(error).__name__}: {error}", Kind.ERROR)

    def _experiment(self) -> None:
        """One piece of an experiment; where one fails, nothing else stops."""
        self._accompanied = False
        self._do_piece(self.experiments.advance)

    def _floor(self) -> None:
        """One piece of what measures a noise floor."""
        self._do_piece(lambda: (self._floors.advance(), None))

    def accompany(self) -> None:
        """One piece of what is done with the partner, after whom nobody of the session waits."""
        self._accompanied = True
        self._do_piece(self.partnering.advance)

    def _do_piece(self, advance: Callable[[], tuple[bool, Notice | None]]) -> None:
        self._stepped, self.state.beside = False, True
        try:
            news, notice = advance()
        finally:
            self.state.beside = False
        if notice is not None:
            self.state.notices.put(notice)
        if news or notice is not None:
            self.state.tell()
