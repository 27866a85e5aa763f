"""What the engine's thread runs for a replay: a trace in the place of a model, walked and played action by action."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.session import commands
from bftui.workbench.loop import Engine
from bftui.workbench.restore_pair import pair_of
from bftui.workbench.restore_results import recall
from bftui.workbench.sampler_words import sampling
from bftui.workbench.settings import LONGEST_S
from bftui.workbench.snapshot import Measured
from bftui.workbench.workbench_state import RECORDED, EngineState, Word

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.session.records.trace_replay import Replay
    from bftui.session.session import Session
    from bftui.workbench.restore_results import Recalled

_PIECE = 64
"""Actions that are read between two looks at whether to stop."""


class ReplayEngine(Engine):
    """Walks and plays a trace."""

    def __init__(self, state: EngineState, replay: Replay) -> None:
        super().__init__(state)
        self._replay = replay
        self._recalled: Recalled | None = None
        self._told_sampler: Sampler | None = None

    def open(self) -> None:
        """Stands where the trace was saved: everything is there to be walked."""
        replay = self._replay
        while not replay.at_end:
            for _ in range(_PIECE):
                replay.advance()
            if not self._progress(replay.done / replay.count, "reading"):
                break
        session = replay.session
        self._recalled = recall(replay.file.measurements(), session.tree, replay.file.samplers)
        self.state.model = replay.model
        self._attend(session)
        self.state.word = Word.REPLAY
        self.state.say(
            "a replay: p plays it from the beginning, space does one action after another"
        )

    def _attend(self, session: Session) -> None:
        """Shows another session: the same one from its beginning, or the first."""
        for asked in self.state.asked:
            asked.forget()
        self.experiments.attend(session)
        self.partnering.paired = replace(
            pair_of(self._replay.file.measurements(), session, self._replay.partner),
            version=self.partnering.paired.version + 1,
        )
        self.state.session = session
        self._show()

    def _show(self) -> None:
        """Publishes how far it is, and what was measured at nodes that are there by now."""
        replay = self._replay
        self.state.played = (replay.done, replay.count)
        if self._recalled is None or self.state.session is None:
            return
        count, all_ = len(self.state.session.tree), self._recalled.measured
        known = Measured(
            version=self.experiments.measured.version + 1,
            looked={place: each for place, each in all_.looked.items() if place[0] < count},
            rolled={place: each for place, each in all_.rolled.items() if place[0] < count},
            responses={end: each for end, each in all_.responses.items() if end < count},
        )
        if replace(known, version=self.experiments.measured.version) != self.experiments.measured:
            self.experiments.measured = known

    def _next_action(self) -> None:
        """Does the next recorded action; at the end it begins again."""
        replay = self._replay
        if replay.at_end:
            replay.restart()
            self._attend(replay.session)
        else:
            replay.advance()
            self._show()
        self._tell_of_sampler(replay.session)
        if replay.at_end:
            self.state.playing = False
            self.state.say("the replay ends here: p plays it again")

    def _tell_of_sampler(self, session: Session) -> None:
        """Says, once while it plays, that what is shown was not seen so: a trace keeps the numbers of one sampler."""
        later = self._later_sampler(session)
        if later is not None and later != self._told_sampler:
            self.state.say(
                f"some numbers here are those of {sampling(later)}, which was set later: "
                "a trace keeps the last ones"
            )
        self._told_sampler = later

    def _later_sampler(self, session: Session) -> Sampler | None:
        """The sampler of the first numbers of the visible path that are not of the one in force."""
        if not session.stale():
            return None
        tree = session.tree
        numbers = map(tree.sampler, tree.path(session.cursor))
        return session.sampler_at(next(n for n in numbers if n != session.sampler_number))

    def _play_step(self) -> None:
        self._next_action()
        rate = self.state.rates[self.state.rate]
        pause = min(self._replay.pause_s, LONGEST_S) if rate == RECORDED else 0.0
        self.state.due = time.monotonic() + (1 / rate if rate > 0 else pause)

    def do(self, command: commands.Command) -> None:
        if isinstance(command, commands.Step):
            # A key takes the notice away: by hand it is said again.
            self._told_sampler = None
            self._next_action()
        else:
            super().do(command)

    def _look_for_stale(self, session: Session) -> None:
        """Numbers are as they were recorded."""

    def _resting(self, *, busy: bool) -> Word:
        return Word.FAILED if self.state.model is None else Word.REPLAY
