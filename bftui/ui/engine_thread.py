"""The engine's thread: the one place where model and session are used, and where they are opened and replaced.

The screen's side is `bridge.py`, which adds what may be asked; nothing here is called by anybody else.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.session import commands
from bftui.session.prompt import Prompt
from bftui.ui.asked import Asked, PageKey, PreviewKey
from bftui.ui.experimenting import Experimenting
from bftui.ui.keeping import (
    drop_journal,
    open_journal,
    recalled,
    recalled_pair,
    take_up,
    without_model,
)
from bftui.ui.keys import key
from bftui.ui.notice import Kind, Notice
from bftui.ui.partnering import Partnering
from bftui.ui.sampling import Snapshot, changed
from bftui.ui.settings import WorkbenchSettings
from bftui.ui.strips import counted

if TYPE_CHECKING:
    from bftui.backends.host import Page
    from bftui.core.distribution import NextToken
    from bftui.core.nudging import NudgeSettings
    from bftui.core.sampler import Sampler
    from bftui.core.tree import Tree
    from bftui.session.events import Event
    from bftui.session.model import Model
    from bftui.session.prompt import Rendered
    from bftui.session.resume import Saved
    from bftui.session.session import Session
    from bftui.trace.journal import Journal

RATES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 0.0)
"""Tokens a second that playing may be held to; 0 is as fast as the model goes."""
RECORDED = -1.0
"""The pace of what was recorded."""

_ALIGNED = 64
"""Nodes whose numbers are made anew between two looks at what a person asks for."""
_LONG_S = 0.1
"""Making numbers anew is called busy when it takes longer."""


class Word(StrEnum):
    """The state in the words of the status line."""

    LOADING = "loading"
    READY = "ready"
    REPLAY = "replay"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Opening:
    """A job that opens a model: it stays queued when work is stopped, as the screen says that it loads."""

    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()


class EngineThread:
    """Runs the jobs that are queued, one after another; plays, makes numbers anew and measures while none waits.

    Attributes:
        session, model, journal: as soon as they are there; read-only for everybody else.
        word, share, doing: the state; how much is loaded and what is being done, while loading.
        source, loading: the MODEL form of what runs, and of what is being opened.
        playing, rate: whether it steps by itself, and the place in `rates`.
        played: of a replay, how many actions were done again and how many there are; None where a model runs.
        prompt, refused: the latest prompt that was asked for; the one that could not be taken.
        left: nodes of the visible path whose numbers wait to be made anew under the sampler in force.
        pages, splits, previews, rendered: what was asked of the model; None, an empty list or an error in words where
            there is no answer.
        kept: the sessions that ended before this one, as (nodes, journal).
        experiments: what is measured beside all this; others read its `measured`.
        partnering: the second model, if there is one; others read its `paired`.
    """

    rates: tuple[float, ...] = RATES
    played: tuple[int, int] | None = None

    def __init__(self, settings: WorkbenchSettings, changed: Callable[[], None]) -> None:
        """`changed` is called from the engine's thread; it must return at once."""
        self._settings = settings
        self._changed = changed
        self._backend = settings.backend
        self.session: Session | None = None
        self.model: Model | None = None
        self.journal: Journal | None = None
        self._coming: Model | None = None
        self.word = Word.LOADING
        self.share: float | None = None
        self.doing = ""
        self.source = settings.model
        self.loading = short_name(settings.model)
        self.playing = False
        self.rate = 3
        self.prompt = settings.prompt
        self.refused: Prompt | None = None
        self.left = 0
        self.kept: list[tuple[int, Path]] = []
        self.experiments = Experimenting(automatic=settings.response == "auto")
        self.partnering = Partnering(self._wake, self._tell)
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.pages: Asked[PageKey, Page] = Asked(self._put, self._page, _no_page)
        self.splits: Asked[str, list[bytes]] = Asked(self._put, self._split, lambda error: [])
        self.previews: Asked[PreviewKey, NextToken | str] = Asked(
            self._put, self._preview, BftuiError.line, latest=True, quiet=True
        )
        self.rendered: Asked[Prompt, Rendered | str] = Asked(
            self._put, self._render, BftuiError.line, latest=True, quiet=True
        )
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Each has one writer: given and dropped the screen's thread, done the engine's.
        self._given = 1
        self._dropped = self._done = 0
        self._stop_loading = self._closing = self._unaligned = False
        self._stepped = self._measuring = self._accompanied = False
        self._align_began = 0.0
        self._told = threading.Event()
        self._steps: deque[float] = deque(maxlen=256)
        self._due = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # The engine's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._open)
        if self._settings.partner is not None:
            # After the base, which is what a person waits for.
            self.partnering.open(self._settings.partner)
        self.word = self._resting(busy=False)
        self._done += 1
        self._tell()
        while (job := self._next()) is not None:
            beside = job in (self._experiment, self._accompany)
            own = beside or job in (self._play_step, self._align)
            if isinstance(job, Opening):
                self.word = Word.LOADING
            elif beside:
                self.word = self._resting(busy=self.playing)
                self._guarded(job)
                continue
            elif job == self._align:
                long = time.monotonic() - self._align_began > _LONG_S
                self.word = self._resting(busy=long or self.playing)
            else:
                self.word = self._resting(busy=job is not nothing)
            self._guarded(job)
            self.word = self._resting(busy=self.playing)
            self._done += not own
            self._tell()
        if self.journal is not None:
            self.journal.close()
        self.partnering.close()
        if self.model is not None:
            self.model.close()

    def _next(self) -> Callable[[], None] | None:
        beside = self._beside()
        if self.playing:
            wait = max(0.0, self._due - time.monotonic())
            # At full speed there is never time to wait: one piece comes after each step.
            turn = self._stepped and beside in (self._experiment, self._accompany)
            between = beside is not None and (wait > 0 or turn)
            try:
                return self._jobs.get(timeout=0.0 if between else wait)
            except queue.Empty:
                return beside if between else self._play_step
        try:
            return self._jobs.get(block=beside is None)
        except queue.Empty:
            return beside

    def _beside(self) -> Callable[[], None] | None:
        """What is to be done while nobody waits for anything."""
        if self._unaligned:
            return self._align
        measures = self.experiments.waiting
        if self.partnering.waiting(idle=not (self.playing or measures)):
            # In turn, so that neither waits for the other's end.
            return self._experiment if measures and self._accompanied else self._accompany
        return self._experiment if measures else None

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

    def _experiment(self) -> None:
        """One piece of an experiment; where one fails, nothing else stops."""
        self._accompanied = False
        self._do_piece(self.experiments.advance)

    def _accompany(self) -> None:
        """One piece of what is done with the partner, after whom nobody of the session waits."""
        self._accompanied = True
        self._do_piece(self.partnering.advance)

    def _do_piece(self, advance: Callable[[], tuple[bool, Notice | None]]) -> None:
        self._stepped, self._measuring = False, True
        try:
            news, notice = advance()
        finally:
            self._measuring = False
        if notice is not None:
            self.notices.put(notice)
        if news or notice is not None:
            self._tell()

    def _fail(self, error: BftuiError) -> None:
        self.playing = False
        self.word = Word.FAILED
        self._say(f"{error.line()} ({key('reload')} opens it again)", Kind.ERROR)

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

    def _load(self, source: str, backend: str) -> Model:
        from bftui.session.model import open_model

        self.share, self.doing = None, ""
        model = open_model(
            source, backend=backend, worker=True, progress=self._progress, **self._settings.options
        )
        # All bytes are fetched here, so that drawing a token never waits for the model.
        model.token_bytes(0)
        return model

    def _open(self) -> None:
        try:
            model = self._load(self.source, self._backend)
        except BftuiError as error:
            self._fail(error)
            if self.session is None and self._settings.resumed is not None:
                self._say(without_model(self._settings.resumed, error), Kind.ERROR)
            return
        if self.session is not None:
            try:
                self.session.reload(model)
            except BaseException:
                model.close()
                raise
            self.partnering.renew()
        self.model = model
        if self.session is None and self._settings.resumed is not None:
            self._take_up(model, self._settings.resumed)
        elif self.session is None and self.prompt is not None:
            self._plant()
        self.word = Word.READY
        self._tell()

    def _take_up(self, model: Model, saved: Saved) -> None:
        """Goes on with a session that was kept."""
        self.session, self.journal = take_up(
            model, saved, self._settings.state_dir, self._event, self._say
        )
        self.experiments.attend(self.session)
        self.experiments.recall(recalled(self.session, saved))
        self.partnering.attend(self.session)
        self.partnering.recall(*recalled_pair(saved))
        self._look_for_stale(self.session)

    def _reopen(self) -> None:
        old, self.model = self.model, None
        self.experiments.renew()
        if old is not None:
            old.close()
        self._tell()
        self._open()
        if self.word is Word.READY and old is not None:
            self._say("the model is open again")

    def _open_other(self, source: str, broken: bool) -> None:
        """Nothing of the old session is touched before the new one stands."""
        backend = self._backend if os.path.isdir(source) == os.path.isdir(self.source) else "auto"
        model = journal = None
        try:
            self._coming = model = self._load(source, backend)
            session, sampler, prompt = self.session, self._settings.sampler, self.prompt
            if session is not None:
                sampler, prompt = session.sampler, session.prompt
            new = None
            if prompt is not None:
                self.doing = "reading the prompt"
                journal = open_journal(self._settings.state_dir, self._say)
                new = self._new_session(model, prompt, sampler, journal)
        except BaseException as error:
            if model is not None:
                model.close()
            drop_journal(journal)
            self.word = Word.FAILED if broken or self.model is None else Word.READY
            if not isinstance(error, BftuiError):
                raise
            stays = "" if self.word is Word.FAILED else "; the model before stays open"
            kind = Kind.INFO if isinstance(error, Cancelled) else Kind.ERROR
            self._say(f"{error.line()}{stays}", kind)
            return
        finally:
            self._coming = None
        old, old_journal = self.model, self.journal
        before = self.session
        self.source, self._backend = source, backend
        for asked in self._asked:
            asked.forget()
        self.experiments.attend(new)
        self.partnering.attend(new)
        self.model, self.session, self.journal, self.prompt = model, new, journal, prompt
        self.left = 0
        self._unaligned = False
        self._tell()
        if old is not None:
            old.close()
        kept = ""
        if before is not None and old_journal is not None:
            self.kept.append((len(before.tree), old_journal.path))
            old_journal.close()
            kept = f"; the session before is kept in {old_journal.path}"
        self._say(f"{model.name} is open{kept}")

    def _plant(self) -> None:
        if self.model is None or self.prompt is None:
            return
        self.refused = self.prompt
        if self.session is not None:
            self._do(commands.SetPrompt(self.prompt))
            self.refused = None
            return
        self.word = Word.BUSY
        self._tell()
        journal = open_journal(self._settings.state_dir, self._say)
        try:
            self.session = self._new_session(
                self.model, self.prompt, self._settings.sampler, journal
            )
        except BaseException:
            drop_journal(journal)
            raise
        self.experiments.attend(self.session)
        self.partnering.attend(self.session)
        self.journal = journal
        self.refused = None

    def _new_session(
        self, model: Model, prompt: Prompt, sampler: Sampler | None, journal: Journal | None
    ) -> Session:
        from bftui.session.session import Session

        settings = asdict(sampler) if sampler else {}
        return Session(model, prompt, journal=journal, on_event=self._event, **settings)

    def _event(self, event: Event) -> None:
        from bftui.session.events import JournalFailed

        if isinstance(event, JournalFailed):
            self._say(
                f"the journal cannot be written: {event.reason}; the session goes on, what is missing "
                "is written as soon as that can be",
                Kind.WARNING,
            )

    def _do(self, command: commands.Command) -> None:
        session = self.session
        if session is None:
            return
        told = {
            commands.Undo: f"undone: {session.undoes}",
            commands.Redo: f"done again: {session.redoes}",
        }.get(type(command))
        before = Snapshot.of(session) if told else None
        start = session.cursor
        session.do(command)
        self.partnering.moved()
        if before is not None:
            self._say(f"{told}; {changed(session, before, Snapshot.of(session))}")
        if not isinstance(command, commands.Step):
            self._look_for_stale(session)
        if isinstance(command, commands.Force | commands.ForceIds):
            self._respond_to(session, start)

    def _respond_to(self, session: Session, start: int) -> None:
        """Measures what was forced after a node, where that is wanted and anything comes after it."""
        if self.experiments.automatic and not session.ended:
            ids = ids_between(session.tree, start, session.cursor)
            self.experiments.respond(start, ids, session.cursor, asked=False)

    def _stop_experiments(self) -> None:
        stopped = self.experiments.stop()
        if stopped is not None:
            self._say(f"stopped: {stopped}")

    def _force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt, up to one of its tokens, and forces that."""
        if self.session is not None:
            *before, last = self.partnering.along_answer(root, index)
            for command in before:
                self.session.do(command)
            self._do(last)

    def _force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        session = self.session
        if session is None or session.partner is None:
            return
        ids = session.partner.tokens_here(node)
        if node != session.cursor:
            session.do(commands.Goto(node))
        self._do(commands.ForceIds(ids))

    def _take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self._do(self.partnering.next_word(settings))

    def _look_for_stale(self, session: Session) -> None:
        """Numbers of the visible path may be of another sampler now."""
        self.left = session.stale()
        if self.left and not self._unaligned:
            self._align_began = time.monotonic()
        self._unaligned = self.left > 0

    def _align(self) -> None:
        """Makes some numbers of the visible path anew; what a person asks for comes between."""
        try:
            self.left = self.session.align(_ALIGNED) if self.session is not None else 0
        except BaseException:
            self._unaligned = False
            raise
        if self.left == 0:
            self._unaligned = False

    def _force_word(self, word: str) -> None:
        if self.session is not None:
            self._do(commands.Force(self.session.spaced(word)))

    def _play_step(self) -> None:
        rate = RATES[self.rate]
        now = time.monotonic()
        self._due = max(now, self._due + 1 / rate) if rate else now
        self._do(commands.Step())
        self._steps.append(time.monotonic())
        self._stepped = True
        if self.session is not None and self.session.ended:
            self.playing = False
            self._say("the text ends here")

    def _export(self, path: Path) -> None:
        if self.session is None:
            return
        trace = self.session.trace()
        trace.save(path)
        self._say(f"saved {counted(trace.count, 'node')} to {path}")

    # Answers -----------------------------------------------------------------------------------------------------

    def _page(self, key: PageKey) -> Page | None:
        if self.session is None:
            return None
        return self.session.page(key.start, key.stop, node=key.node, query=key.query)

    def _split(self, text: str) -> list[bytes] | None:
        model = self.model
        return None if model is None else [model.token_bytes(i) for i in model.tokenize(text)]

    def _preview(self, key: PreviewKey) -> NextToken | str | None:
        if self.session is None or self.session.cursor != key.node:
            return None
        return self.session.preview(key.sampler) or "the text ends here"

    def _render(self, prompt: Prompt) -> Rendered | str | None:
        if self.model is None:
            return None
        return self.model.render(prompt)

    # The queue -------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Has the engine's thread look at what came for the partner; from any thread."""
        self._jobs.put(self._accompany)

    def _put(self, job: Callable[[], None]) -> None:
        self._given += 1
        self._jobs.put(job)

    @property
    def _asked(self) -> tuple[Asked[Any, Any], ...]:
        return self.pages, self.splits, self.previews, self.rendered


def ids_between(tree: Tree, start: int, end: int) -> tuple[int, ...]:
    """The tokens after a node, up to one further down."""
    ids: list[int] = []
    while end != start:
        token, parent = tree.token_id(end), tree.parent(end)
        assert token is not None
        assert parent is not None
        ids.append(token)
        end = parent
    return tuple(reversed(ids))


def short_name(model: str) -> str:
    """A MODEL form for the status line."""
    return (Path(model).name or model) if "/" in model else model


def _no_page(error: BftuiError) -> Page:
    from bftui.backends.host import Page

    return Page((), 0, 0)


def nothing() -> None:
    """Wakes the engine's thread, so that it looks at what changed."""
