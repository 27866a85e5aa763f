"""A trace as what the workbench is over: walked and played action by action, with nothing to ask a model for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bftui.session import commands
from bftui.workbench.settings import LONGEST_S
from bftui.workbench.snapshot import Measured, Status
from bftui.workbench.wording import sampling
from bftui.workbench.workbench_state import RATES, RECORDED, WorkbenchState

if TYPE_CHECKING:
    from bftui.core.errors import BftuiError
    from bftui.core.sampler import Sampler
    from bftui.session.records.trace_replay import Replay
    from bftui.session.session import Session
    from bftui.workbench.model_slot import ModelSlot
    from bftui.workbench.restore_results import Restored
    from bftui.workbench.session_slot import SessionSlot

_PIECE = 64
"""Actions that are read between two looks at whether to stop."""


class RecordedTrace:
    """What was recorded, up to one of its actions. Numbers are as they were recorded."""

    rates = (RECORDED, *RATES)
    recomputes = False

    def __init__(self, state: WorkbenchState, slot: ModelSlot, replay: Replay) -> None:
        """`slot` says whether reading it is to be stopped."""
        self._state, self._slot, self._replay = state, slot, replay
        self._restored: Restored | None = None
        self._told_sampler: Sampler | None = None

    def can(self, what: str) -> bool:
        """Whether a recorded session can do something: it can be walked, and nothing else."""
        return what == "walk"

    def resting(self, *, busy: bool) -> Status:
        """The status between jobs, and while one is done."""
        return Status.REPLAY

    def open(self, session_slot: SessionSlot) -> None:
        """Stands where the trace was saved: everything is there to be walked."""
        from bftui.workbench.restore_results import restored

        replay, state = self._replay, self._state
        while not replay.at_end and not self._slot.stopped:
            for _ in range(_PIECE):
                replay.advance()
            state.publish(progress=replay.done / replay.count, activity="reading")
            state.tell()
        session = replay.session
        measurements, samplers = replay.file.measurements(), replay.file.samplers
        self._restored = restored(measurements, session.tree, samplers, live=False)
        state.publish(model=replay.model)
        self._attend(session_slot, session)
        state.publish(status=Status.REPLAY)
        state.say("a replay: p plays it from the beginning, space does one action after another")

    def fail(self, error: BftuiError, node: int | None = None) -> None:
        """Says nothing: a trace has no process that could end."""

    def close(self) -> None:
        """Ends nothing, likewise."""

    def do(self, session_slot: SessionSlot, command: commands.Command) -> None:
        """Carries out a command that walks; a step is the next recorded action."""
        if isinstance(command, commands.Step):
            # A key takes the notice away: by hand it is said again.
            self._told_sampler = None
            self._next_action(session_slot)
        else:
            session_slot.do(command)

    def play(self, session_slot: SessionSlot) -> None:
        """Does the next recorded action, at the recorded pace or another one."""
        self._next_action(session_slot)
        rate = self.rates[self._state.now.rate]
        pause = min(self._replay.pause_s, LONGEST_S) if rate == RECORDED else 0.0
        self._state.due = time.monotonic() + (1 / rate if rate > 0 else pause)

    def _attend(self, session_slot: SessionSlot, session: Session) -> None:
        """Shows another session: the same one from its beginning, or the first."""
        from bftui.workbench.restore_results import recorded_pair

        state, replay = self._state, self._replay
        state.forget()
        session_slot.measuring.attend(session)
        found = recorded_pair(replay.file.measurements(), session, replay.partner)
        session_slot.pairing.work.show(found)
        state.publish(session=session)
        self._show(session_slot)

    def _show(self, session_slot: SessionSlot) -> None:
        """Publishes how far it is, and what was measured at nodes that are there by now."""
        replay, measuring = self._replay, session_slot.measuring
        self._state.publish(played=(replay.done, replay.count))
        if self._restored is None:
            return
        count, all_ = len(replay.session.tree), self._restored.measured
        known = Measured(
            version=measuring.measured.version,
            looked={place: each for place, each in all_.looked.items() if place[0] < count},
            rolled={place: each for place, each in all_.rolled.items() if place[0] < count},
            responses={place: each for place, each in all_.responses.items() if place[0] < count},
            beside={place: each for place, each in all_.beside.items() if place[0] < count},
            words={place: each for place, each in all_.words.items() if place[0] < count},
            grown={place: each for place, each in all_.grown.items() if place[0] < count},
            valid=all_.valid if all_.valid and all_.valid.node < count else None,
        )
        if known != measuring.measured:
            measuring.show(known)

    def _next_action(self, session_slot: SessionSlot) -> None:
        """Does the next recorded action; at the end it begins again."""
        replay, state = self._replay, self._state
        if replay.at_end:
            replay.restart()
            self._attend(session_slot, replay.session)
        else:
            replay.advance()
            self._show(session_slot)
        self._tell_of_sampler(replay.session)
        if replay.at_end:
            state.publish(playing=False)
            state.say("the replay ends here: p plays it again")

    def _tell_of_sampler(self, session: Session) -> None:
        """Says, once while it plays, that what is shown was not seen so: a trace keeps the numbers of one sampler."""
        later = self._later_sampler(session)
        if later is not None and later != self._told_sampler:
            self._state.say(
                f"some numbers here are those of {sampling(later)}, which was set later: "
                "a trace keeps the last ones"
            )
        self._told_sampler = later

    def _later_sampler(self, session: Session) -> Sampler | None:
        """The sampler of the first numbers of the visible path that are not of the one in force."""
        if not session.state.stale():
            return None
        tree = session.tree
        numbers = map(tree.sampler, tree.path(session.cursor))
        other = next(n for n in numbers if n != session.sampler_number)
        return session.state.samplers[other]
