"""Between the screen and the model: one daemon thread that owns Model and Session.

Jobs go in through a queue. Out come a state, notices and a payload-free "changed" call; who draws reads the session's
tree, which only ever grows. Nothing here touches a widget, and nothing wakes up when nothing happens.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.session import commands
from bftui.ui.settings import WorkbenchSettings
from bftui.ui.strips import counted

if TYPE_CHECKING:
    from bftui.backends.host import Page
    from bftui.session.events import Event
    from bftui.session.model import Model
    from bftui.session.session import Session
    from bftui.trace.journal import Journal

RATES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 0.0)
"""Tokens a second that playing may be held to; 0 is as fast as the model goes."""

_QUEUED = 64
_JOIN_S = 1.0
_KEPT = 32


class Word(StrEnum):
    """The state in the words of the status line."""

    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"


class Kind(StrEnum):
    """How a notice is meant."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell, in one line."""

    text: str
    kind: Kind = Kind.INFO


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which rows of which distribution; `query` keeps the tokens whose label contains it."""

    node: int
    sampler: int
    start: int
    stop: int
    query: str


class Bridge:
    """Owns the engine thread. Public methods return at once and may be called from the screen's thread only.

    Attributes:
        session, model, journal: as soon as they are there; read-only for everybody else.
        word, share, doing: the state; how much is loaded and what is being done, while loading.
        playing, rate: whether it steps by itself, and the place in RATES.
        prompt: the latest prompt that was asked for.
    """

    def __init__(self, settings: WorkbenchSettings, changed: Callable[[], None]) -> None:
        """`changed` is called from the engine's thread; it must return at once."""
        self._settings = settings
        self._changed = changed
        self.session: Session | None = None
        self.model: Model | None = None
        self.journal: Journal | None = None
        self.word = Word.LOADING
        self.share: float | None = None
        self.doing = ""
        self.playing = False
        self.rate = 3
        self.prompt = settings.prompt
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.pages: dict[PageKey, Page] = {}
        self.splits: dict[str, list[bytes]] = {}
        self._asked: set[PageKey | str] = set()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Each has one writer: given and dropped the screen's thread, done the engine's.
        self._given = 1
        self._dropped = self._done = 0
        self._stop_loading = self._closing = False
        self._told = threading.Event()
        self._steps: deque[float] = deque(maxlen=256)
        self._due = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # Asked by the screen ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens the model, and the session where there is a prompt."""
        self._thread.start()

    @property
    def working(self) -> bool:
        """Whether anything waits or is being done."""
        return self.playing or self._given > self._dropped + self._done

    def heard(self) -> None:
        """Lets the next change be told; called before its state is read."""
        self._told.clear()

    def send(self, command: commands.Command) -> bool:
        """Queues a command; False where too much waits already."""
        if self._jobs.qsize() >= _QUEUED:
            return False
        if not isinstance(command, commands.Force | commands.ForceIds):
            self.playing = False
        self._put(lambda: self._do(command))
        return True

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs where the session then stands."""
        self._put(lambda: self._force_word(word))

    def set_prompt(self, text: str) -> None:
        """Starts from a prompt: the session's first, or a new root."""
        self.prompt = text
        self.playing = False
        self._put(self._plant)

    def play(self, on: bool) -> None:
        """Steps by itself from now on, or not any more."""
        self.playing = on
        self._due = 0.0
        self._steps.clear()
        self._put(_nothing)

    def set_rate(self, rate: int) -> None:
        """Plays at another of the RATES."""
        self.rate = max(0, min(rate, len(RATES) - 1))
        self._put(_nothing)

    def cancel(self) -> bool:
        """Stops what runs and forgets what waits; False where there was nothing."""
        something = self.working
        self.playing = False
        self._stop_loading = True
        self._drain()
        if self.model is not None and self.word is Word.BUSY:
            self.model.host.cancel()
        return something

    def reload(self) -> None:
        """Opens the model again; one that hangs is ended first."""
        if self.word is Word.BUSY:
            self._kill()
        self._drain()
        self.word = Word.LOADING
        self._put(self._reopen)

    def export(self, path: Path) -> None:
        """Writes the trace."""
        self._put(lambda: self._export(path))

    def ask_page(self, key: PageKey) -> None:
        """Fetches rows of the full vocabulary into `pages`."""
        if key not in self.pages and key not in self._asked:
            self._asked.add(key)
            self._put(lambda: self._page(key))

    def ask_split(self, text: str) -> None:
        """Fetches how a text is cut into tokens into `splits`."""
        if text not in self.splits and text not in self._asked:
            self._asked.add(text)
            self._put(lambda: self._split(text))

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
        if self.model is not None:
            self.model.host.cancel()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            self._kill()

    # The engine's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._open)
        self.word = self._resting(busy=False)
        self._done += 1
        self._tell()
        while (job := self._next()) is not None:
            self.word = (
                Word.LOADING if job == self._reopen else self._resting(busy=job is not _nothing)
            )
            self._guarded(job)
            self.word = self._resting(busy=self.playing)
            self._done += job != self._play_step
            self._tell()
        if self.model is not None:
            self.model.close()

    def _next(self) -> Callable[[], None] | None:
        if not self.playing:
            return self._jobs.get()
        try:
            return self._jobs.get(timeout=max(0.0, self._due - time.monotonic()))
        except queue.Empty:
            return self._play_step

    def _resting(self, *, busy: bool) -> Word:
        """The word between jobs; a failure stays until the model is opened again."""
        if self.word is Word.FAILED or self.model is None:
            return Word.FAILED
        return Word.BUSY if busy else Word.READY

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BackendCrashed as error:
            self._fail(error)
        except Cancelled as error:
            self.playing = False
            self._say(error.line(), Kind.INFO)
        except BftuiError as error:
            self.playing = False
            self._say(error.line(), Kind.WARNING if error.exit_code == 2 else Kind.ERROR)
        except Exception as error:
            # fd 2 is the log file while the screen is up.
            os.write(2, traceback.format_exc().encode())
            self.playing = False
            self._say(f"a fault of bftui: {type(error).__name__}: {error}", Kind.ERROR)

    def _fail(self, error: BftuiError) -> None:
        self.playing = False
        self.word = Word.FAILED
        self._say(f"{error.line()} (ctrl+r opens it again)", Kind.ERROR)

    def _say(self, text: str, kind: Kind = Kind.INFO) -> None:
        self.notices.put(Notice(text, kind))
        self._tell()

    def _tell(self) -> None:
        """Says that something changed, once until it was heard."""
        if not self._told.is_set():
            self._told.set()
            with suppress(RuntimeError):  # the screen is gone
                self._changed()

    def _progress(self, share: float | None, text: str) -> bool:
        self.share, self.doing = share, text
        self._tell()
        return not (self._stop_loading or self._closing)

    def _open(self) -> None:
        from bftui.session.model import open_model

        self._stop_loading = False
        self.share, self.doing = None, ""
        try:
            model = open_model(
                self._settings.model,
                backend=self._settings.backend,
                worker=True,
                progress=self._progress,
                **self._settings.options,
            )
            # All bytes are fetched here, so that drawing a token never waits for the model.
            model.token_bytes(0)
        except BftuiError as error:
            self._fail(error)
            return
        if self.session is not None:
            try:
                self.session.reload(model)
            except BaseException:
                model.close()
                raise
        self.model = model
        if self.session is None and self.prompt is not None:
            self._plant()
        self.word = Word.READY
        self._tell()

    def _reopen(self) -> None:
        old, self.model = self.model, None
        if old is not None:
            old.close()
        self._tell()
        self._open()
        if self.word is Word.READY and old is not None:
            self._say("the model is open again")

    def _plant(self) -> None:
        from bftui.session.session import Session

        if self.model is None or self.prompt is None:
            return
        if self.session is not None:
            self.session.do(commands.SetPrompt(self.prompt))
            return
        self.word = Word.BUSY
        self._tell()
        sampler = asdict(self._settings.sampler) if self._settings.sampler else {}
        journal = self._open_journal()
        try:
            self.session = Session(
                self.model, self.prompt, journal=journal, on_event=self._event, **sampler
            )
        except BaseException:
            if journal is not None:
                journal.close()
                journal.path.unlink(missing_ok=True)
            raise
        self.journal = journal

    def _open_journal(self) -> Journal | None:
        from bftui.trace.journal import Journal

        if self._settings.state_dir is None:
            return None
        try:
            return Journal(self._settings.state_dir())
        except OSError as error:
            self._say(
                f"no journal can be written: {error.strerror}; the session goes on", Kind.WARNING
            )
            return None

    def _event(self, event: Event) -> None:
        from bftui.session.events import JournalFailed

        if isinstance(event, JournalFailed):
            self._say(
                f"the journal cannot be written: {event.reason}; the session goes on", Kind.WARNING
            )

    def _do(self, command: commands.Command) -> None:
        if self.session is not None:
            self.session.do(command)

    def _force_word(self, word: str) -> None:
        if self.session is not None:
            self.session.do(commands.Force(self.session.spaced(word)))

    def _play_step(self) -> None:
        rate = RATES[self.rate]
        now = time.monotonic()
        self._due = max(now, self._due + 1 / rate) if rate else now
        self._do(commands.Step())
        self._steps.append(time.monotonic())
        if self.session is not None and self.session.ended:
            self.playing = False
            self._say("the text ends here")

    def _export(self, path: Path) -> None:
        if self.session is None:
            return
        trace = self.session.trace()
        trace.save(path)
        self._say(f"saved {counted(trace.count, 'node')} to {path}")

    def _page(self, key: PageKey) -> None:
        from bftui.backends.host import Page

        self._asked.discard(key)
        if self.session is None:
            return
        try:
            page = self.session.page(key.start, key.stop, node=key.node, query=key.query)
        except BftuiError:
            # Remembered, or the screen would ask for it again with every frame.
            self.pages[key] = Page((), key.start, 0)
            raise
        self.pages[key] = page
        while len(self.pages) > _KEPT:
            del self.pages[next(iter(self.pages))]

    def _split(self, text: str) -> None:
        self._asked.discard(text)
        if self.model is None:
            return
        self.splits[text] = []
        ids = self.model.tokenize(text)
        self.splits[text] = [self.model.token_bytes(i) for i in ids]
        while len(self.splits) > _KEPT:
            del self.splits[next(iter(self.splits))]

    # The queue and the end -------------------------------------------------------------------------------------

    def _put(self, job: Callable[[], None]) -> None:
        self._given += 1
        self._jobs.put(job)

    def _drain(self) -> None:
        """Forgets what waits, but for opening the model again: the screen says that it loads."""
        kept = []
        with suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job == self._reopen:
                    kept.append(job)
                else:
                    self._dropped += 1
        for job in kept:
            self._jobs.put(job)
        self._asked.clear()

    def _kill(self) -> None:
        """Ends a model process that does not answer."""
        pid = getattr(self.model.host, "pid", None) if self.model is not None else None
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _nothing() -> None:
    """Wakes the engine's thread, so that it looks at what changed."""
