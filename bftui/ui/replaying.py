"""A trace in the place of a model: walked as a session is, and played action by action.

What a model would be asked for is refused in words, here and in `actions.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.session import commands
from bftui.ui.bridge import Bridge
from bftui.ui.engine_thread import RATES, RECORDED, Word
from bftui.ui.measured import Measured
from bftui.ui.notice import Kind
from bftui.ui.sampling import sampling
from bftui.ui.settings import WorkbenchSettings

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.session.replay import Replay
    from bftui.session.session import Session
    from bftui.ui.recalled import Recalled
    from bftui.ui.view import View

LONGEST_S = 2.0
"""Longer pauses of a person are not waited for."""

_PIECE = 64
"""Actions that are read between two looks at whether to stop."""


class ReplayBridge(Bridge):
    """The bridge to a trace."""

    rates = (RECORDED, *RATES)

    def __init__(
        self, settings: WorkbenchSettings, replay: Replay, changed: Callable[[], None]
    ) -> None:
        super().__init__(settings, changed)
        self._replay = replay
        self._recalled: Recalled | None = None
        self.rate = self.rates.index(settings.pace) if settings.pace in self.rates else 0
        self.played = (0, replay.count)
        self._told_sampler: Sampler | None = None

    # The engine's thread ---------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Stands where the trace was saved: everything is there to be walked."""
        from bftui.ui.recalled import recall

        replay = self._replay
        while not replay.at_end:
            for _ in range(_PIECE):
                replay.advance()
            if not self._progress(replay.done / replay.count, "reading"):
                break
        session = replay.session
        self._recalled = recall(
            replay.file.measurements(), session.tree, replay.file.samplers, replay.model.token_bytes
        )
        self.model = replay.model
        self._attend(session)
        self.word = Word.REPLAY
        self._say("a replay: p plays it from the beginning, space does one action after another")

    def _attend(self, session: Session) -> None:
        """Shows another session: the same one from its beginning, or the first."""
        from bftui.ui.recalled_pair import pair_of

        for asked in self._asked:
            asked.forget()
        self.experiments.attend(session)
        self.partnering.paired = replace(
            pair_of(self._replay.file.measurements(), session, self._replay.partner),
            version=self.partnering.paired.version + 1,
        )
        self.session = session
        self._show()

    def _show(self) -> None:
        """Publishes how far it is, and what was measured at nodes that are there by now."""
        replay = self._replay
        self.played = (replay.done, replay.count)
        if self._recalled is None or self.session is None:
            return
        count, all_ = len(self.session.tree), self._recalled.measured
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
            self.playing = False
            self._say("the replay ends here: p plays it again")

    def _tell_of_sampler(self, session: Session) -> None:
        """Says, once while it plays, that what is shown was not seen so: a trace keeps the numbers of one sampler."""
        later = self._later_sampler(session)
        if later is not None and later != self._told_sampler:
            self._say(
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
        rate = self.rates[self.rate]
        pause = min(self._replay.pause_s, LONGEST_S) if rate == RECORDED else 0.0
        self._due = time.monotonic() + (1 / rate if rate > 0 else pause)

    def _do(self, command: commands.Command) -> None:
        if isinstance(command, commands.Step):
            # A key takes the notice away: by hand it is said again.
            self._told_sampler = None
            self._next_action()
        else:
            super()._do(command)

    def _look_for_stale(self, session: Session) -> None:
        """Numbers are as they were recorded."""

    def _resting(self, *, busy: bool) -> Word:
        return Word.FAILED if self.model is None else Word.REPLAY

    # What a model is needed for --------------------------------------------------------------------------------

    def _refuse(self, *asked: Any, **named: Any) -> None:
        self._say("this is a replay: there is no model to ask", Kind.WARNING)

    def _silent(self, *asked: Any, **named: Any) -> None:
        """What screens ask for by themselves."""

    roll = resample = force_answer = force_partners = nudge = take_word = force_word = _refuse
    look_ahead = reload = open_other = open_partner = part = set_prompt = export = _refuse
    look = respond = shift = _silent


def bridge_of(settings: WorkbenchSettings, changed: Callable[[], None]) -> Bridge:
    """The bridge to a model, or to a trace."""
    if settings.replay is not None:
        return ReplayBridge(settings, settings.replay, changed)
    return Bridge(settings, changed)


def recorded(view: View) -> frozenset[str]:
    """The actions whose results are known where the session stands."""
    rolled = view.rolled
    known = {
        "rollouts": rolled is not None and not rolled.resampled,
        "resample": rolled is not None and rolled.resampled,
        "response": view.responded is not None,
        "nudge": view.paired.nudged is not None,
    }
    return frozenset(action for action, is_known in known.items() if is_known)
