"""Between the screen and the model: what the screen may ask of the thread that owns Model and Session.

Jobs go in through a queue. Out come a state, notices and a payload-free "changed" call; who draws reads the session's
tree, which only ever grows. Nothing here touches a widget, and nothing wakes up when nothing happens.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError
from bftui.session import commands
from bftui.workbench.kill_process import kill
from bftui.workbench.queries import Asked
from bftui.workbench.snapshot import Measured, Paired, Running
from bftui.workbench.workbench_state import EngineState, Opening, Word, nothing, short_name

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.pair.nudging_rounds import NudgeSettings
    from bftui.model.prompt import Prompt
    from bftui.workbench.loop import Engine
    from bftui.workbench.measured_results import Ids
    from bftui.workbench.notice import Notice
    from bftui.workbench.pairing import Partnering
    from bftui.workbench.settings import PartnerSettings, WorkbenchSettings

NOTHING_MEASURED, NO_PARTNER = Measured(), Paired()
"""What is known before the engine's thread runs."""

_QUEUED = 64
_JOIN_S = 1.0


class Bridge(EngineState):
    """The engine's state, and what may be asked of it.

    Public methods return at once and are for the screen's thread only.

    Attributes:
        engine: what the thread runs; None until it is imported there.
    """

    def __init__(self, settings: WorkbenchSettings, changed: Callable[[], None]) -> None:
        super().__init__(settings, changed)
        self.engine: Engine | None = None
        self.pages = Asked(self._put, lambda key: self._at.page(key), _no_page)
        self.splits = Asked(self._put, lambda key: self._at.split(key), lambda error: [])
        self.previews = Asked(
            self._put, lambda key: self._at.preview(key), BftuiError.line, latest=True, quiet=True
        )
        self.rendered = Asked(
            self._put,
            lambda typed: self._at.render(typed),
            BftuiError.line,
            latest=True,
            quiet=True,
        )
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Opens the model, and the session where there is a prompt."""
        self._thread.start()

    # The engine's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        self.engine = self._made()
        self.engine.run()

    def _made(self) -> Engine:
        from bftui.workbench.loop import Engine

        return Engine(self)

    @property
    def _at(self) -> Engine:
        """What runs the job that asks."""
        assert self.engine is not None
        return self.engine

    # Asked by the screen ---------------------------------------------------------------------------------------

    def send(self, command: commands.Command) -> bool:
        """Queues a command; False where too much waits already."""
        if self.jobs.qsize() >= _QUEUED:
            return False
        if not isinstance(command, commands.Force | commands.ForceIds):
            self.playing = False
        if self.partnering is not None:
            self.partnering.give_way()
        self._put(lambda: self._at.do(command))
        return True

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs where the session then stands."""
        self._put(lambda: self._at.force_word(word))

    def set_prompt(self, prompt: Prompt) -> None:
        """Starts from a prompt: the session's first, or a new root."""
        self.prompt = prompt
        self.playing = False
        self._put(lambda: self._at.plant())

    def play(self, on: bool) -> None:
        """Steps by itself from now on, or not any more."""
        self.playing = on
        self.due = 0.0
        self.steps.clear()
        self._put(nothing)

    def set_rate(self, rate: int) -> None:
        """Plays at another of the `rates`."""
        self.rate = max(0, min(rate, len(self.rates) - 1))
        self._put(nothing)

    def cancel(self) -> bool:
        """Stops what runs and forgets what waits; False where there was nothing."""
        something = self.working
        self.playing = self.unaligned = False
        self.stop_loading = True
        self._drain()
        if self.model is not None and self.word is Word.BUSY and not self.beside:
            self.model.client.cancel()
        if self.coming is not None:
            self.coming.client.cancel()
        return something

    def stop_experiments(self) -> bool:
        """Stops what is measured; False where nothing is."""
        if not self.measuring:
            return False
        if self.model is not None:
            self.model.client.cancel()
        self._put(lambda: self._at.stop_experiments())
        return True

    def reload(self) -> None:
        """Opens the model again; one that hangs is ended first."""
        if self.word is Word.BUSY or self.measuring:
            self._kill()
        self._drain()
        self.loading = short_name(self.source)
        self._begin_loading(lambda: self._at.reopen())

    def open_other(self, model: str) -> None:
        """Opens any MODEL form and starts a new session on it; the old one stays until the new one is there."""
        broken = self.word is Word.FAILED
        if self.model is not None and self.word is Word.BUSY:
            self.model.client.cancel()
        self.loading = short_name(model)
        self._begin_loading(lambda: self._at.open_other(model, broken))

    def _begin_loading(self, job: Callable[[], None]) -> None:
        self.playing = self.stop_loading = False
        self.word, self.share = Word.LOADING, None
        self._put(Opening(job))

    # Measuring -------------------------------------------------------------------------------------------------

    @property
    def measured(self) -> Measured:
        """What experiments found so far."""
        return NOTHING_MEASURED if self.engine is None else self.engine.experiments.measured

    @property
    def measuring(self) -> bool:
        """Whether an experiment runs."""
        return bool(self.measured.running)

    def look_ahead(self) -> None:
        """Looks at the best candidates, or at more of them."""
        self._put(lambda: self._at.experiments.look_ahead())

    def roll(self, samples: int, horizon: int, node: int) -> None:
        """Draws continuations of a node."""
        self._put(lambda: self._at.experiments.roll(samples, horizon, node))

    def resample(self, samples: int, node: int) -> None:
        """Draws continuations of a node, to compare with the path that goes on from it."""
        self._put(lambda: self._at.experiments.resample(samples, node))

    def respond(self, node: int, ids: Ids, end: int) -> None:
        """Measures all there is of the response to a text that was forced after a node, and ends at another."""
        self._put(lambda: self._at.experiments.respond(node, ids, end, asked=True))

    def respond_by_itself(self, on: bool) -> None:
        """Whether a forced text is measured without being asked for."""
        self.automatic = on

    # The partner -----------------------------------------------------------------------------------------------

    @property
    def paired(self) -> Paired:
        """What is known of the partner."""
        return NO_PARTNER if self.partnering is None else self.partnering.paired

    @property
    def opening_partner(self) -> Running | None:
        """How far the opening of a partner is."""
        return None if self.partnering is None else self.partnering.loading

    @property
    def partnering(self) -> Partnering | None:
        """What is done with the partner, for what cannot wait for its turn."""
        return None if self.engine is None else self.engine.partnering

    def open_partner(self, wanted: PartnerSettings) -> None:
        """Opens a second model beside the session; the one before stays until it is there."""
        self._put(lambda: self._at.partnering.open(wanted))

    def part(self) -> None:
        """Takes the partner away."""
        if self.partnering is not None:
            self.partnering.cancel()
        self._put(lambda: self._told_of(self._at.partnering.part()))

    def shift(self) -> None:
        """Has the partner answer the visible prompt, and the base read the answer."""
        self._put(lambda: self._at.partnering.shift())

    def force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt and forces its token at a position."""
        self.playing = False
        self._put(lambda: self._at.force_answer(root, index))

    def force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        self.playing = False
        self._put(lambda: self._at.force_partners(node))

    def nudge(self, settings: NudgeSettings) -> None:
        """Has both models write on from the cursor, round by round."""
        self.playing = False
        self._put(lambda: self._at.partnering.nudge(settings))

    def take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self.playing = False
        self._put(lambda: self._at.take_word(settings))

    def look(self, settings: NudgeSettings) -> None:
        """Asks what the partner would write after the cursor."""
        self._put(lambda: self._at.partnering.look(settings))

    def stop_partner(self) -> bool:
        """Stops nudging, reading and opening; False where there is none of it."""
        if self.partnering is None or not self.partnering.works:
            return False
        self.partnering.cancel()
        if self.paired.running and self.model is not None:
            self.model.client.cancel()
        self._put(lambda: self._told_of(self._at.partnering.stop()))
        return True

    def _told_of(self, notice: Notice | None) -> None:
        if notice is not None:
            self.notices.put(notice)

    # Files and the end -----------------------------------------------------------------------------------------

    def export(self, path: Path) -> None:
        """Writes the trace."""
        self._put(lambda: self._at.export(path))

    def speed(self) -> float | None:
        """Tokens a second while playing."""
        if not self.playing or len(self.steps) < 2:
            return None
        return (len(self.steps) - 1) / max(1e-6, self.steps[-1] - self.steps[0])

    def close(self) -> None:
        """Ends model and thread; waits a second at most."""
        self.playing = False
        self.closing = True
        if not self._thread.is_alive():
            return
        self._drain()
        self.jobs.put(None)
        for model in (self.model, self.coming):
            if model is not None:
                model.client.cancel()
        if self.partnering is not None:
            self.partnering.cancel()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            self._kill()
            if self.partnering is not None:
                self.partnering.kill()
            # With nothing left to wait for it closes the journal.
            self._thread.join(_JOIN_S)

    def _put(self, job: Callable[[], None]) -> None:
        self.given += 1
        self.jobs.put(job)

    def _drain(self) -> None:
        """Forgets what waits, but for opening the model again: the screen says that it loads."""
        kept = []
        with suppress(queue.Empty):
            while True:
                job = self.jobs.get_nowait()
                engine = self.engine
                told = engine is not None and job in (engine.accompany, engine.notice_end)
                if told or isinstance(job, Opening):
                    kept.append(job)
                else:
                    self.dropped += 1
        for job in kept:
            self.jobs.put(job)
        for asked in self.asked:
            asked.drop()

    def _kill(self) -> None:
        """Ends the session's model process, or the one that is coming: it does not answer."""
        for model in (self.model, self.coming):
            kill(model)


def _no_page(error: BftuiError) -> Page:
    from bftui.backends.client.client_protocol import Page

    return Page((), 0, 0)
