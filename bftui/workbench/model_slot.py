"""How the engine's thread opens a model and its session, takes up a saved one, and replaces both."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.session import commands
from bftui.workbench.journal_keeping import (
    drop_journal,
    farewell,
    open_journal,
    recalled,
    recalled_pair,
    take_up,
    without_model,
)
from bftui.workbench.keys import key
from bftui.workbench.kill_process import crash, watch
from bftui.workbench.notice import Kind
from bftui.workbench.session_jobs import EngineDoing
from bftui.workbench.workbench_state import EngineState, Word

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt
    from bftui.session.events import Event
    from bftui.session.records.resume import Saved
    from bftui.session.session import Session
    from bftui.trace.journal import Journal

_IDLE = -1
"""Stands for no node: nothing was asked."""


class EngineOpening(EngineDoing):
    """The jobs that open something. A model that cannot be opened is said, and the state is then `failed`."""

    def __init__(self, state: EngineState, wake: Callable[[], None]) -> None:
        super().__init__(state, wake)
        self._backend = state.settings.backend
        # What the model's process ended at, the last time it did: opening, or a node.
        self._ended_at: tuple[str, int | None] | None = None

    def _fail(self, error: BftuiError, node: int | None = None) -> None:
        """Says that there is no model any more; `node` is where its process ended, None while it opened."""
        state = self.state
        state.playing = False
        state.word = Word.FAILED
        place = (state.source, node) if isinstance(error, BackendCrashed) else None
        state.ends = place is not None and place == self._ended_at
        self._ended_at = place
        again = (
            f"it did so before: {key('open')} opens another"
            if state.ends
            else f"{key('reload')} opens it again"
        )
        state.say(f"{error.line()} ({again})", Kind.ERROR)

    def notice_end(self) -> None:
        """Says that the model's process ended while nobody asked it anything."""
        error = crash(self.state.model)
        if error is not None and self.state.word not in (Word.FAILED, Word.LOADING):
            self._ended_at = None
            self._fail(error, _IDLE)

    def _progress(self, share: float | None, text: str) -> bool:
        self.state.share, self.state.doing = share, text
        self.state.tell()
        return not (self.state.stop_loading or self.state.closing)

    def _load(self, source: str, backend: str) -> Model:
        from bftui.model.loaded_model import open_model

        state = self.state
        state.share, state.doing = None, ""
        settings = state.settings
        model = open_model(
            source,
            backend=backend,
            label=settings.label if source == settings.model else "",
            worker=True,
            progress=self._progress,
            **settings.options,
        )
        # All bytes are fetched here, so that drawing a token never waits for the model.
        model.token_bytes(0)
        watch(model, lambda: state.jobs.put(self.notice_end))
        return model

    def open(self) -> None:
        """Opens the model, and the session where there is a prompt or a saved one."""
        state, saved = self.state, self.state.settings.resumed
        try:
            model = self._load(state.source, self._backend)
        except BftuiError as error:
            self._fail(error)
            if state.session is None and saved is not None:
                state.say(without_model(saved, error), Kind.ERROR)
            return
        if state.session is not None:
            try:
                state.session.reload(model)
            except BaseException:
                model.close()
                raise
            self.partnering.renew()
        state.model = model
        if state.session is None and saved is not None:
            self._take_up(model, saved)
        elif state.session is None and state.prompt is not None:
            self.plant()
        state.word = Word.READY
        state.tell()

    def _take_up(self, model: Model, saved: Saved) -> None:
        """Goes on with a session that was kept."""
        state = self.state
        session, state.journal = take_up(
            model, saved, state.settings.state_dir, self._event, state.say
        )
        state.session = session
        self.experiments.attend(session)
        self.experiments.recall(recalled(session, saved))
        self.partnering.attend(session)
        self.partnering.recall(*recalled_pair(saved))
        self._look_for_stale(session)

    def reopen(self) -> None:
        """Opens the same model again, in a process of its own; the session goes on with it."""
        state = self.state
        old, state.model = state.model, None
        self.experiments.renew()
        if old is not None:
            old.close()
        state.tell()
        self.open()
        if state.word is Word.READY and old is not None:
            state.say("the model is open again")

    def open_other(self, source: str, broken: bool) -> None:
        """Opens any MODEL form, and a new session with the prompt and the sampler of the one before.

        Nothing of that is touched before the new one stands; `broken`: it had failed already.
        """
        state = self.state
        backend = self._backend if os.path.isdir(source) == os.path.isdir(state.source) else "auto"
        model = journal = None
        try:
            state.coming = model = self._load(source, backend)
            session, sampler, prompt = state.session, state.settings.sampler, state.prompt
            if session is not None:
                sampler, prompt = session.sampler, session.prompt
            new = None
            if prompt is not None:
                state.doing = "reading the prompt"
                journal = open_journal(state.settings.state_dir, state.say)
                new = self._new_session(model, prompt, sampler, journal)
        except BaseException as error:
            if model is not None:
                model.close()
            drop_journal(journal)
            state.word = Word.FAILED if broken or state.model is None else Word.READY
            if not isinstance(error, BftuiError):
                raise
            stays = "" if state.word is Word.FAILED else "; the model before stays open"
            kind = Kind.INFO if isinstance(error, Cancelled) else Kind.ERROR
            state.say(f"{error.line()}{stays}", kind)
            return
        finally:
            state.coming = None
        old, old_journal = state.model, state.journal
        before = state.session
        state.source, self._backend = source, backend
        for asked in state.asked:
            asked.forget()
        self.experiments.attend(new)
        self.partnering.attend(new)
        state.model, state.session, state.journal, state.prompt = model, new, journal, prompt
        state.left = 0
        state.unaligned = False
        state.tell()
        if old is not None:
            old.close()
        kept = ""
        if before is not None and old_journal is not None:
            old_journal.close()
            state.kept.append(farewell(before, old_journal))
            kept = f"; the session before: {state.kept[-1].text}"
        state.say(f"{model.name} is open{kept}")

    def plant(self) -> None:
        """Starts from the prompt that was asked for: the session's first, or a new root."""
        state = self.state
        if state.model is None or state.prompt is None:
            return
        state.refused = state.prompt
        if state.session is not None:
            self.do(commands.SetPrompt(state.prompt))
            state.refused = None
            return
        state.word = Word.BUSY
        state.tell()
        journal = open_journal(state.settings.state_dir, state.say)
        try:
            state.session = self._new_session(
                state.model, state.prompt, state.settings.sampler, journal
            )
        except BaseException:
            drop_journal(journal)
            raise
        self.experiments.attend(state.session)
        self.partnering.attend(state.session)
        state.journal = journal
        state.refused = None

    def _new_session(
        self, model: Model, prompt: Prompt, sampler: Sampler | None, journal: Journal | None
    ) -> Session:
        from bftui.session.session import Session

        settings = asdict(sampler) if sampler else {}
        beside = self.partnering.chats
        session = Session(
            model, prompt, journal=journal, on_event=self._event, beside_chat=beside, **settings
        )
        for note in session.rendered.notes:
            self.state.say(note, Kind.WARNING)
        return session

    def _event(self, event: Event) -> None:
        from bftui.session.events import JournalFailed

        if isinstance(event, JournalFailed):
            self.state.say(
                f"the journal cannot be written: {event.reason}; the session goes on, what is missing "
                "is written as soon as that can be",
                Kind.WARNING,
            )
