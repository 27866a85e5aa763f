"""Between the screen and the model: what the screen may ask of the thread that owns Model and Session.

Jobs go in through a queue. Out come a state, notices and a payload-free "changed" call; who draws reads the session's
tree, which only ever grows. Nothing here touches a widget, and nothing wakes up when nothing happens.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.session import commands
from bftui.session.prompt import Prompt
from bftui.ui.ending import kill
from bftui.ui.engine_thread import EngineThread, Opening, Word, nothing, short_name
from bftui.ui.measured import Ids, Measured
from bftui.ui.notice import Notice
from bftui.ui.paired import Paired
from bftui.ui.settings import PartnerSettings

if TYPE_CHECKING:
    from bftui.core.nudging import NudgeSettings

_QUEUED = 64
_JOIN_S = 1.0


class Bridge(EngineThread):
    """The engine's thread as the screen sees it. Public methods return at once and are for the screen's thread only."""

    # Asked by the screen ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens the model, and the session where there is a prompt."""
        self._thread.start()

    @property
    def working(self) -> bool:
        """Whether anything waits or is being done."""
        return self.playing or self._unaligned or self._given > self._dropped + self._done

    def heard(self) -> None:
        """Lets the next change be told; called before its state is read."""
        self._told.clear()

    def send(self, command: commands.Command) -> bool:
        """Queues a command; False where too much waits already."""
        if self._jobs.qsize() >= _QUEUED:
            return False
        if not isinstance(command, commands.Force | commands.ForceIds):
            self.playing = False
        self.partnering.give_way()
        self._put(lambda: self._do(command))
        return True

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs where the session then stands."""
        self._put(lambda: self._force_word(word))

    def set_prompt(self, prompt: Prompt) -> None:
        """Starts from a prompt: the session's first, or a new root."""
        self.prompt = prompt
        self.playing = False
        self._put(self._plant)

    def play(self, on: bool) -> None:
        """Steps by itself from now on, or not any more."""
        self.playing = on
        self._due = 0.0
        self._steps.clear()
        self._put(nothing)

    def set_rate(self, rate: int) -> None:
        """Plays at another of the `rates`."""
        self.rate = max(0, min(rate, len(self.rates) - 1))
        self._put(nothing)

    def cancel(self) -> bool:
        """Stops what runs and forgets what waits; False where there was nothing."""
        something = self.working
        self.playing = self._unaligned = False
        self._stop_loading = True
        self._drain()
        if self.model is not None and self.word is Word.BUSY and not self._measuring:
            self.model.host.cancel()
        if self._coming is not None:
            self._coming.host.cancel()
        return something

    def stop_experiments(self) -> bool:
        """Stops what is measured; False where nothing is."""
        if not self.experiments.waiting:
            return False
        if self.model is not None:
            self.model.host.cancel()
        self._put(self._stop_experiments)
        return True

    def reload(self) -> None:
        """Opens the model again; one that hangs is ended first."""
        if self.word is Word.BUSY or self.experiments.waiting:
            self._kill()
        self._drain()
        self.loading = short_name(self.source)
        self._begin_loading(self._reopen)

    def open_other(self, model: str) -> None:
        """Opens any MODEL form and starts a new session on it; the old one stays until the new one is there."""
        broken = self.word is Word.FAILED
        if self.model is not None and self.word is Word.BUSY:
            self.model.host.cancel()
        self.loading = short_name(model)
        self._begin_loading(lambda: self._open_other(model, broken))

    def _begin_loading(self, job: Callable[[], None]) -> None:
        self.playing = self._stop_loading = False
        self.word, self.share = Word.LOADING, None
        self._put(Opening(job))

    # Measuring -------------------------------------------------------------------------------------------------

    @property
    def measured(self) -> Measured:
        """What experiments found so far."""
        return self.experiments.measured

    def look_ahead(self) -> None:
        """Looks at the best candidates, or at more of them."""
        self._put(self.experiments.look_ahead)

    def roll(self, samples: int, horizon: int, node: int) -> None:
        """Draws continuations of a node."""
        self._put(lambda: self.experiments.roll(samples, horizon, node))

    def resample(self, samples: int, node: int) -> None:
        """Draws continuations of a node, to compare with the path that goes on from it."""
        self._put(lambda: self.experiments.resample(samples, node))

    def respond(self, node: int, ids: Ids, end: int) -> None:
        """Measures all there is of the response to a text that was forced after a node, and ends at another."""
        self._put(lambda: self.experiments.respond(node, ids, end, asked=True))

    def respond_by_itself(self, on: bool) -> None:
        """Whether a forced text is measured without being asked for."""
        self.experiments.automatic = on

    # The partner -----------------------------------------------------------------------------------------------

    @property
    def paired(self) -> Paired:
        """What is known of the partner."""
        return self.partnering.paired

    def open_partner(self, wanted: PartnerSettings) -> None:
        """Opens a second model beside the session; the one before stays until it is there."""
        self._put(lambda: self.partnering.open(wanted))

    def part(self) -> None:
        """Takes the partner away."""
        self.partnering.cancel()
        self._put(lambda: self._told_of(self.partnering.part()))

    def shift(self) -> None:
        """Has the partner answer the visible prompt, and the base read the answer."""
        self._put(self.partnering.shift)

    def force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt and forces its token at a position."""
        self.playing = False
        self._put(lambda: self._force_answer(root, index))

    def force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        self.playing = False
        self._put(lambda: self._force_partners(node))

    def nudge(self, settings: NudgeSettings) -> None:
        """Has both models write on from the cursor, round by round."""
        self.playing = False
        self._put(lambda: self.partnering.nudge(settings))

    def take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self.playing = False
        self._put(lambda: self._take_word(settings))

    def look(self, settings: NudgeSettings) -> None:
        """Asks what the partner would write after the cursor."""
        self._put(lambda: self.partnering.look(settings))

    def stop_partner(self) -> bool:
        """Stops nudging, reading and opening; False where there is none of it."""
        if not self.partnering.works:
            return False
        self.partnering.cancel()
        if self.partnering.paired.running and self.model is not None:
            self.model.host.cancel()
        self._put(lambda: self._told_of(self.partnering.stop()))
        return True

    def _told_of(self, notice: Notice | None) -> None:
        if notice is not None:
            self.notices.put(notice)

    # Files and the end -----------------------------------------------------------------------------------------

    def export(self, path: Path) -> None:
        """Writes the trace."""
        self._put(lambda: self._export(path))

    def speed(self) -> float | None:
        """Tokens a second while playing."""
        if not self.playing or len(self._steps) < 2:
            return None
        return (len(self._steps) - 1) / max(1e-6, self._steps[-1] - self._steps[0])

    def close(self) -> None:
        """Ends model and thread; waits a second at most."""
        self.playing = False
        self._closing = True
        if not self._thread.is_alive():
            return
        self._drain()
        self._jobs.put(None)
        for model in (self.model, self._coming):
            if model is not None:
                model.host.cancel()
        self.partnering.cancel()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            self._kill()
            self.partnering.kill()
            # With nothing left to wait for it closes the journal.
            self._thread.join(_JOIN_S)

    def _drain(self) -> None:
        """Forgets what waits, but for opening the model again: the screen says that it loads."""
        kept = []
        with suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if isinstance(job, Opening) or job == self._accompany:
                    kept.append(job)
                else:
                    self._dropped += 1
        for job in kept:
            self._jobs.put(job)
        for asked in self._asked:
            asked.drop()

    def _kill(self) -> None:
        """Ends the session's model process, or the one that is coming: it does not answer."""
        for model in (self.model, self._coming):
            kill(model)
