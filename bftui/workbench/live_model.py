"""A model as what the workbench is over: opened, opened again, replaced by another; and the session that it has."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, ModelError
from bftui.model.token_names import TOKEN_SETTINGS
from bftui.session import commands
from bftui.workbench.journal_keeping import farewell, without_model
from bftui.workbench.keys import key
from bftui.workbench.settings import ModelSettings
from bftui.workbench.snapshot import Status, Tone
from bftui.workbench.workbench_state import RATES, WorkbenchState

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.session.session import Session
    from bftui.workbench.model_slot import ModelSlot
    from bftui.workbench.session_slot import SessionSlot

_IDLE = -1
"""Stands for no node: nothing was asked."""


class LiveModel:
    """The session's own model. Where it cannot be opened that is said, and the status is then `failed`."""

    rates = RATES
    recomputes = True

    def __init__(self, state: WorkbenchState, slot: ModelSlot) -> None:
        """`slot` is where the model stands."""
        self._state, self._slot = state, slot
        # What the model's process ended at, the last time it did: opening, or a node.
        self._ended_at: tuple[str, int | None] | None = None
        self._crash: BftuiError | None = None

    def can(self, what: str) -> bool:
        """Whether a model can do something: it can do everything."""
        return True

    def resting(self, *, busy: bool) -> Status:
        """The status between jobs while there is a model."""
        return Status.BUSY if busy else Status.READY

    def do(self, session_slot: SessionSlot, command: commands.Command) -> None:
        """Carries out a command of the session."""
        session_slot.do(command)

    def play(self, session_slot: SessionSlot) -> None:
        """Samples a token while it plays."""
        state = self._state
        session_slot.play_step(self.rates[state.now.rate])

    # How it ends -----------------------------------------------------------------------------------------------

    def fail(self, error: BftuiError, node: int | None = None) -> None:
        """Says that there is no model any more; `node` is where its process ended, None while it opened."""
        state = self._state
        place = (state.now.source, node) if isinstance(error, BackendCrashed) else None
        # Several jobs may ask the process that is gone: each is told, and it ended once.
        ends = state.now.ends
        if error is not self._crash:
            ends = place is not None and place == self._ended_at
            self._ended_at, self._crash = place, error
        failure = error.message if place is not None and node is not None else ""
        state.publish(playing=False, status=Status.FAILED, failure=failure, ends=ends)
        again = (
            f"it did so before: {key('open')} opens another"
            if ends
            else f"{key('reload')} opens it again"
        )
        state.say(f"{error.line()} ({again})", Tone.ERROR, error)

    def notice_end(self) -> None:
        """Says that the model's process ended while nobody asked it anything."""
        error = self._slot.crash
        if error is not None and self._state.now.status not in (Status.FAILED, Status.LOADING):
            self._ended_at = None
            self.fail(error, _IDLE)

    def close(self) -> None:
        """Ends the model."""
        self._slot.close()

    # Opening ---------------------------------------------------------------------------------------------------

    def open(self, session_slot: SessionSlot) -> None:
        """Opens the model, and the session where there is a prompt or a saved one."""
        state, saved = self._state, self._state.settings.resumed
        wanted = self._slot.wanted
        assert wanted is not None
        try:
            model = self._load(wanted)
        except BftuiError as error:
            self.fail(error)
            if state.now.session is None and saved is not None:
                state.say(without_model(saved, error), Tone.ERROR, error)
            return
        session = state.now.session
        if session is not None:
            try:
                session.reload(model)
            except BaseException:
                model.close()
                raise
            session_slot.pairing.renew()
        self._stand(model)
        if session is None and saved is not None:
            session_slot.resume(model, saved)
        elif session is None and state.now.prompt is not None:
            self.add_prompt(session_slot)
        state.publish(status=Status.READY, failure="", ends=False)
        state.tell()

    def reopen(self, session_slot: SessionSlot) -> None:
        """Opens the same model again, in a process of its own; the session goes on with it."""
        state, old = self._state, self._slot.model
        state.publish(model=None)
        session_slot.measuring.renew()
        self._slot.close()
        state.tell()
        self.open(session_slot)
        if state.now.status is Status.READY and old is not None:
            state.say("the model is open again")

    def open_other(self, session_slot: SessionSlot, source: str, *, broken: bool) -> None:
        """Opens any MODEL form, and a new session with the prompt and the sampler of the one before.

        Nothing of that is touched before the new one stands; `broken`: it had failed already.
        """
        state, slot, before = self._state, self._slot, self._state.now
        assert slot.wanted is not None
        same_kind = _kind(source) == _kind(before.source)
        settings = state.settings
        wanted = replace(
            slot.wanted,
            model=source,
            backend=slot.wanted.backend if same_kind else "auto",
            label=settings.label if source == settings.model else "",
        )
        model = new = journal = None
        try:
            slot.coming = model = self._load(wanted)
            drawing, prompt = settings.drawing(), before.prompt
            if before.session is not None:
                drawing, prompt = _carried(before.session, model), before.session.prompt
            if prompt is not None:
                state.publish(activity="reading the prompt")
                new, journal = session_slot.made(model, prompt, drawing)
                if before.session is not None and drawing != before.session.sampler.settings():
                    state.say(
                        "biased, banned and pinned tokens of the model before are other tokens here, and left out",
                        Tone.WARNING,
                    )
        except BaseException as error:
            if model is not None:
                model.close()
            failed = broken or before.model is None
            state.publish(status=Status.FAILED if failed else Status.READY)
            if not isinstance(error, BftuiError):
                raise
            stays = "" if failed else "; the model before stays open"
            tone = Tone.INFO if isinstance(error, Cancelled) else Tone.ERROR
            state.say(f"{error.line()}{stays}", tone, error)
            return
        finally:
            slot.coming = None
        old, slot.wanted = slot.model, wanted
        state.forget()
        session_slot.attend(new)
        self._stand(model)
        state.recomputing = False
        state.publish(source=source, session=new, journal=journal, prompt=prompt, left=0)
        state.publish(status=Status.READY, failure="", ends=False)
        state.tell()
        if old is not None:
            old.close()
        told = ""
        if before.session is not None and before.journal is not None:
            before.journal.close()
            state.publish(kept=(*before.kept, farewell(before.session, before.journal)))
            told = f"; the session before: {state.now.kept[-1].text}"
        state.say(f"{model.name} is open{told}")

    def mix(self, session_slot: SessionSlot, source: str) -> None:
        """Opens a mixture whose first model is the session's own, and goes on with the session in it, tree and all.

        Nothing of that is touched before the mixture stands.
        """
        from bftui.session.records.mixed_session import in_mixture

        state, slot, before = self._state, self._slot, self._state.now
        if before.session is None or slot.wanted is None:
            return
        wanted = replace(slot.wanted, model=source, backend="auto", label="")
        model = None
        try:
            slot.coming = model = self._load(wanted)
            with TemporaryDirectory(prefix="bftui-") as folder:
                saved = in_mixture(before.session, model, Path(folder))
                state.forget()
                session_slot.resume(model, saved)
        except BaseException as error:
            if model is not None:
                model.close()
            state.publish(status=Status.READY)
            if not isinstance(error, BftuiError):
                raise
            tone = Tone.INFO if isinstance(error, Cancelled) else Tone.ERROR
            state.say(f"{error.line()}; the model before stays open", tone, error)
            return
        finally:
            slot.coming = None
        old, slot.wanted = slot.model, wanted
        self._stand(model)
        state.publish(source=source, status=Status.READY, failure="", ends=False)
        state.tell()
        if old is not None:
            old.close()
        if before.journal is not None:
            before.journal.close()
            state.publish(kept=(*before.kept, farewell(before.session, before.journal)))
        state.say(
            f"{model.name} is open at weight 0, its first model: {key('weight_up')} turns it up"
        )

    def add_prompt(self, session_slot: SessionSlot) -> None:
        """Starts from the prompt that was asked for: the session's first, or a new root."""
        state, now = self._state, self._state.now
        if now.model is None or now.prompt is None:
            return
        state.publish(refused=now.prompt)
        if now.session is not None:
            session_slot.do(commands.SetPrompt(now.prompt))
            for note in now.session.rendered.notes:
                state.say(note, Tone.WARNING)
        else:
            state.publish(status=Status.BUSY)
            state.tell()
            session_slot.begin(now.model, now.prompt)
        state.publish(refused=None)

    def _load(self, wanted: ModelSettings) -> Model:
        self._state.publish(progress=None, activity="")
        return self._slot.load(wanted)

    def _stand(self, model: Model) -> None:
        self._slot.model = model
        self._state.publish(model=model)


def _carried(session: Session, model: Model) -> dict[str, Any]:
    """Returns settings of a session's sampler for another model, without its tokens where they are other ones there."""
    drawing = session.sampler.settings()
    same = session.model.info.tokenizer_sha256
    if same is None or same != model.info.tokenizer_sha256:
        drawing |= dict.fromkeys(TOKEN_SETTINGS, ())
    return drawing


def _kind(source: str) -> str | None:
    """Says which kind of model a MODEL form means; None where there is none, which opening it then says."""
    from bftui.model.model_forms import source_of

    with suppress(ModelError):
        kind = source_of(source)[1]
        return None if kind is None else kind.name
    return None
