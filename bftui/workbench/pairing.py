"""The partner of a session: opened beside it, joined with it, taken away; and how it ends.

Belongs to the loop, but for `give_way`, which may come from any thread. Whatever happens to the partner, the session
goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.workbench.keys import hint, key
from bftui.workbench.model_slot import ModelSlot, kill
from bftui.workbench.pair_work import PairWork
from bftui.workbench.settings import QUESTIONS, PartnerSettings
from bftui.workbench.snapshot import Beside, Notice, Paired, Tone

if TYPE_CHECKING:
    from bftui.measures.style_lexicon import Harvest
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Template
    from bftui.session.session import Session

_JOIN_S = 0.5
_LONG_S = 0.2
"""A pass of the partner that takes longer gives way to what a person asks for."""

_SILENT_S = 10.0
"""A partner that keeps a person waiting for longer without an answer is ended."""

_ALONE = "the session goes on alone"

_NOTHING: dict[str, Any] = {"shifted": {}, "draft": None, "nudged": None}
"""What was done with a partner, where nothing was."""


class Pairing:
    """Opens the partner and joins it with the session.

    Attributes:
        work: what is done with it.
    """

    def __init__(
        self, slot: ModelSlot, wake: Callable[[], None], publish: Callable[[Paired], None]
    ) -> None:
        """`slot` is where the partner stands; `wake` has `advance` called soon, from any thread."""
        self.work = PairWork(publish)
        self._slot, self._wake = slot, wake
        self._template: Template = "auto"
        # The head of the partner that shifts and nudged texts are of.
        self._whose: Mapping[str, Any] | None = None
        # When the pass that goes on now began, and whether somebody waits for its end.
        self._since: float | None = None
        self._gives_way = False
        self._watch: threading.Timer | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is a piece to be done that somebody may look at."""
        return self._slot.arrived or self.work.waiting

    @property
    def curious(self) -> bool:
        """Whether there is a piece to be done for the palette, while nobody waits for anything."""
        return self.work.partner is not None and self.work.harvest is not None

    @property
    def opens(self) -> bool:
        """Whether a partner is being opened."""
        return self._slot.loading is not None

    @property
    def chats(self) -> bool:
        """Whether the partner, or the one that is being opened, has a chat template: see `templates.asking`."""
        return self._slot.chats

    # Opening ---------------------------------------------------------------------------------------------------

    def open(self, wanted: PartnerSettings) -> None:
        """Begins to open a partner; the one before stays until the new one is there."""
        self._slot.begin(wanted, self._wake)
        self.work.publish(state=Beside.LOADING, name=wanted.model, error="")

    def part(self) -> Notice:
        """Takes the partner away."""
        name = self.work.paired.name
        self._leave()
        self._slot.wanted = None
        self.work.show(Paired())
        return Notice(f"{name} is closed; {_ALONE}")

    def _leave(self) -> None:
        """Ends all work with the partner, and the partner."""
        work = self.work
        work.drop()
        work.forget_draft()
        if work.session is not None and work.session.partner is not None:
            work.session.part()
        self._slot.close()

    def _arrived(self) -> Notice:
        wanted, stays = self._slot.wanted, self._slot.model is not None
        assert isinstance(wanted, PartnerSettings)
        try:
            model = self._slot.take()
        except BftuiError as error:
            self._named()
            if isinstance(error, Cancelled):
                told = hint("the partner is not opened; {partner} opens one")
                return Notice(told, error=error)
            if not stays:
                self._slot.wanted = None
                self.work.publish(state=Beside.FAILED, error=error.line(), name=wanted.model)
            more = "the one before stays" if stays else hint(f"{_ALONE}, {{partner}} opens another")
            return Notice(f"partner: {error.line()} ({more})", Tone.ERROR, error)
        self._leave()
        self._slot.model, self._template = model, wanted.template
        return self._join(model)

    def _join(self, model: Model) -> Notice:
        """Puts the open model beside the session, as soon as there is one."""
        from bftui.session.records.journal_player import same_partner

        work = self.work
        session = work.session
        if session is None:
            self._named()
            return Notice(f"{model.name} is open; it joins when there is a prompt")
        try:
            session.pair_with(model, self._template)
        except BftuiError as error:
            self._slot.model = self._slot.wanted = None
            model.close()
            work.show(Paired(state=Beside.FAILED, error=error.line()))
            return Notice(f"partner: {error.line()} ({_ALONE})", Tone.ERROR, error)
        work.behind = True
        # Results of another partner are not shown with this one.
        whose, self._whose = self._whose, session.partner_head
        if not same_partner(whose, self._whose):
            work.publish(**_NOTHING)
        self._named()
        work.harvest = self._harvest(model)
        paired = work.paired
        way = "as ids" if paired.hand_over == "ids" else f"as text: {paired.why_text}"
        template = ""
        if paired.template:
            template = f"; templates: {session.rendered.template} and {paired.template}"
        return Notice(f"{model.name} is the partner; tokens go to it {way}{template}")

    def _named(self) -> None:
        """Publishes who the partner is."""
        model, partner = self._slot.model, self.work.partner
        if model is None:
            self.work.show(Paired())
            return
        contexts = partner.contexts(self.work.root) if partner is not None else None
        self.work.publish(
            state=Beside.READY,
            name=model.name,
            short=model.info.name,
            hand_over="" if partner is None else partner.pair.by,
            why_text="" if partner is None else partner.pair.why,
            template="" if contexts is None else contexts.partner.template,
            seam=None if contexts is None else contexts.seam,
            error="",
        )

    def _harvest(self, model: Model) -> Harvest:
        from bftui.measures.style_lexicon import Harvest
        from bftui.model.prompt import Prompt
        from bftui.model.templates import asking

        chat = bool(model.info.chat_template)
        prompts = [asking(Prompt(each, template=self._template), chat) for each in QUESTIONS]
        return Harvest(model, prompts)

    # The session -----------------------------------------------------------------------------------------------

    def attend(self, session: Session | None) -> None:
        """Has the partner be that of another session from now on."""
        work, model = self.work, self._slot.model
        work.drop()
        work.forget_draft()
        if work.session is not None and work.session.partner is not None:
            work.session.part()
        work.session = session
        work.publish(**_NOTHING)
        self._whose = None
        if model is not None and session is not None:
            notice = self._join(model)
            if notice.tone is Tone.ERROR:
                work.publish(error=notice.text)

    def restore(self, found: Paired, whose: Mapping[str, Any] | None) -> None:
        """Publishes what was done in another run of the program with a partner, as soon as that one is open."""
        self._whose = whose
        self.work.publish(shifted=found.shifted, nudged=found.nudged)

    def renew(self) -> None:
        """Takes that the session goes on with another process of its model."""
        self.work.drop()
        self.work.behind = True

    def moved(self) -> None:
        """Takes that the visible path may be another one."""
        self.work.behind = True

    # Working ---------------------------------------------------------------------------------------------------

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece of what is to be done; whether something new is published, and what to tell.

        Raises BackendCrashed where the session's own model died, and faults of ours.
        """
        work = self.work
        version = work.paired.version
        self._since, self._gives_way = time.monotonic(), False
        try:
            notice: Notice | None
            if self._slot.arrived:
                notice = self._arrived()
            elif (crash := self._slot.crash) is not None:
                # Also while nobody asked it anything.
                notice = self._crashed(crash)
            else:
                notice = work.advance()
        except BackendCrashed as error:
            work.drop()
            if not _alive(work.session):
                raise
            return True, self._crashed(error)
        except BftuiError as error:
            if self._gives_way and isinstance(error, Cancelled):
                self._begin_again()
                return False, None
            work.drop(reading=False)
            if isinstance(error, Cancelled):
                return True, Notice(error.line(), Tone.INFO, error)
            return True, Notice(f"partner: {error.line()}", Tone.WARNING, error)
        except BaseException:
            work.drop()
            raise
        finally:
            self._since = None
        return work.paired.version != version, notice

    def _begin_again(self) -> None:
        """Has what gave way begin again when nobody waits: prefixes for the palette."""
        if self.work.harvest is not None and self._slot.model is not None:
            self.work.harvest.close()
            self.work.harvest = self._harvest(self._slot.model)

    def _crashed(self, error: BackendCrashed) -> Notice:
        """Takes the partner away, which is gone: said once, and the session goes on."""
        self._leave()
        self._slot.wanted = None
        self.work.publish(state=Beside.FAILED, error=error.line(), hand_over="", template="")
        told = f"partner: {error.line()} ({key('partner')} opens it again)"
        alone = BackendCrashed(f"partner: {error.message}", error.reason, _ALONE)
        return Notice(told, Tone.ERROR, alone)

    # Stopping --------------------------------------------------------------------------------------------------

    def give_way(self) -> None:
        """Ends a long pass of the partner that nobody asked for, as somebody waits for the session; from any thread.

        A partner that does not answer at all is ended too: the session must not hang on it.
        """
        since, model = self._since, self._slot.model
        if since is None or model is None:
            return
        if time.monotonic() - since > _LONG_S and not self.work.asked:
            self._gives_way = True
            model.client.cancel()
        if self._watch is None or not self._watch.is_alive():
            self._watch = threading.Timer(_SILENT_S, self._end_silent, (since, model))
            self._watch.daemon = True
            self._watch.start()

    def _end_silent(self, since: float, model: Model) -> None:
        """Ends a partner that is still at what it was asked when somebody began to wait."""
        if self._since == since:
            kill(model)

    def stop(self) -> Notice | None:
        """Ends what a person asked for; None where nothing was."""
        if not self._slot.arrived:
            self._slot.cancel()
        stopped = self.work.stop()
        return Notice(f"stopped: {stopped}") if stopped else None

    def close(self) -> None:
        """Ends the partner."""
        self._slot.close(_JOIN_S)


def _alive(session: Session | None) -> bool:
    """Whether the session's own model answers."""
    try:
        return session is not None and session.model.client.evaluated() >= 0
    except BackendCrashed:
        return False
