"""The partner of a session: opened beside it, fed as it goes on, taken away; what is done with it, a piece at a time.

Belongs to the engine's thread. Only `paired` is for others, who get a new frozen one whenever something is known, and
`cancel`, which may come from any thread. Whatever happens to the partner, the session goes on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.workbench.keys import hint, key
from bftui.workbench.kill_process import crash, kill
from bftui.workbench.notice import Kind, Notice
from bftui.workbench.pair_work import PairWork
from bftui.workbench.partner_loading import Loading
from bftui.workbench.settings import QUESTIONS, PartnerSettings
from bftui.workbench.snapshot import Beside, Paired, Running

if TYPE_CHECKING:
    from bftui.core.job import Job
    from bftui.measures.style_lexicon import Harvest
    from bftui.model.loaded_model import Model
    from bftui.session.partner.partner_sync import CatchUp
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session

_JOIN_S = 0.5
_LONG_S = 0.2
"""A pass of the partner that takes longer gives way to what a person asks for."""

_SILENT_S = 10.0
"""A partner that keeps a person waiting for longer without an answer is ended."""


class Partnering(PairWork):
    """Opens, feeds and asks the partner.

    Attributes:
        coming: a partner that is to be opened as soon as the session's own model is there.
    """

    def __init__(self, wake: Callable[[], None], tell: Callable[[], None]) -> None:
        """`wake` has `advance` called soon, `tell` says that something is published; both from any thread."""
        super().__init__()
        self._wake, self._tell = wake, tell
        self.coming: PartnerSettings | None = None
        self._loading: Loading | None = None
        self._model: Model | None = None
        self._wanted: PartnerSettings | None = None
        # The head of the partner that shifts and nudged texts are of.
        self._whose: Mapping[str, Any] | None = None
        self._catching: CatchUp | None = None
        # When the pass that goes on now began, and whether somebody waits for its end.
        self._since: float | None = None
        self._gives_way = False
        self._watch: threading.Timer | None = None
        self._kinds: deque[Callable[[], Notice | None]] = deque((self._catch_up, self._read))

    def waiting(self, *, idle: bool) -> bool:
        """Whether there is a piece to be done; `idle`: nothing of the session waits either."""
        if self._loading is not None and self._loading.done:
            return True
        if self._partner is None:
            return False
        more = self._nudging, self._catching, self._shifting, self._drafting
        return self._behind or any(more) or (idle and self._harvest is not None)

    @property
    def works(self) -> bool:
        """Whether something runs that a person asked for, or the partner is being opened."""
        return any((self._loading, self._nudging, self._shifting))

    @property
    def chats(self) -> bool:
        """Whether the partner, or the one that is being opened, has a chat template: see `templates.asking`."""
        from bftui.model.loaded_model import carries_template

        coming = self.coming if self._loading is None else self._loading.wanted
        if coming is not None:
            return carries_template(coming.model)
        return self._model is not None and bool(self._model.info.chat_template)

    # Opening ---------------------------------------------------------------------------------------------------

    def open(self, wanted: PartnerSettings) -> None:
        """Begins to open a partner; the one before stays until the new one is there."""
        self.coming = None
        if self._loading is not None:
            self._loading.abandon(0.0)

        def changed() -> None:
            if loading.done:
                self._wake()
            self._tell()

        self._loading = loading = Loading(wanted, changed)
        self._publish(state=Beside.LOADING, name=wanted.model, error="")
        loading.start()

    @property
    def loading(self) -> Running | None:
        """How far the opening of a partner is."""
        loading = self._loading
        return None if loading is None else Running("partner", loading.share or 0.0)

    def part(self) -> Notice:
        """Takes the partner away."""
        name = self.paired.name
        self._leave()
        self._publish(**_NOBODY)
        return Notice(f"{name} is closed; the session goes on alone")

    def _leave(self) -> None:
        """Ends all work with the partner, and the partner."""
        self._drop_work()
        self._drafted = -1, ()
        if self._loading is not None:
            self._loading.abandon(0.0)
            self._loading = None
        if self.session is not None and self.session.partner is not None:
            self.session.part()
        if self._model is not None:
            self._model.close()
        self._model = self._wanted = None

    def _arrived(self, loading: Loading) -> Notice:
        self._loading = None
        if loading.model is None:
            error = loading.error or Cancelled("stopped")
            stays = self._model is not None
            self._named()
            if isinstance(error, Cancelled):
                return Notice(hint("the partner is not opened; {partner} opens one"))
            if not stays:
                self._publish(state=Beside.FAILED, error=error.line(), name=loading.wanted.model)
            more = (
                "the one before stays"
                if stays
                else hint("the session goes on alone, {partner} opens another")
            )
            return Notice(f"partner: {error.line()} ({more})", Kind.ERROR)
        self._leave()
        self._model, self._wanted = loading.model, loading.wanted
        return self._join()

    def _join(self) -> Notice:
        """Puts the open model beside the session, as soon as there is one."""
        from bftui.session.records.journal_player import same_partner

        model, wanted = self._model, self._wanted
        assert model is not None
        assert wanted is not None
        if self.session is None:
            self._named()
            return Notice(f"{model.name} is open; it joins when there is a prompt")
        try:
            self.session.pair_with(model, wanted.template)
        except BftuiError as error:
            self._model = None
            model.close()
            self._publish(**_NOBODY | {"state": Beside.FAILED, "error": error.line()})
            return Notice(f"partner: {error.line()} (the session goes on alone)", Kind.ERROR)
        self._behind = True
        # What another partner did is none of this one's.
        whose, self._whose = self._whose, self.session.partner_head
        if not same_partner(whose, self._whose):
            self._publish(**_NOTHING)
        self._named()
        self._harvest = self._harvested(model, wanted)
        paired = self.paired
        way = "as ids" if paired.by == "ids" else f"as text: {paired.why}"
        template = ""
        if paired.template:
            template = f"; templates: {self.session.rendered.template} and {paired.template}"
        return Notice(f"{model.name} is the partner; tokens go to it {way}{template}")

    def _named(self) -> None:
        """Publishes who the partner is."""
        model, partner = self._model, self._partner
        if model is None:
            self._publish(**_NOBODY)
            return
        contexts = partner.contexts(self._root) if partner is not None else None
        self._publish(
            state=Beside.READY,
            name=model.name,
            short=model.info.name,
            by="" if partner is None else partner.pair.by,
            why="" if partner is None else partner.pair.why,
            template="" if contexts is None else contexts.partner.template,
            seam=None if contexts is None else contexts.seam,
            error="",
        )

    def _harvested(self, model: Model, wanted: PartnerSettings) -> Harvest:
        from bftui.measures.style_lexicon import Harvest
        from bftui.model.prompt import Prompt
        from bftui.model.templates import asking

        chat = bool(model.info.chat_template)
        prompts = [asking(Prompt(each, template=wanted.template), chat) for each in QUESTIONS]
        return Harvest(model, prompts)

    # The session -----------------------------------------------------------------------------------------------

    def attend(self, session: Session | None) -> None:
        """It is the partner of another session from now on."""
        self._drop_work()
        self._drafted = -1, ()
        if self.session is not None and self.session.partner is not None:
            self.session.part()
        self.session = session
        self._publish(**_NOTHING)
        self._whose = None
        if self._model is not None and session is not None:
            notice = self._join()
            if notice.kind is Kind.ERROR:
                self._publish(error=notice.text)

    def recall(self, found: Paired, whose: Mapping[str, Any] | None) -> None:
        """Publishes what was done in another run of the program with a partner, as soon as that one is open."""
        self._whose = whose
        self._publish(shifted=found.shifted, nudged=found.nudged)

    def renew(self) -> None:
        """The session goes on with another process of its model."""
        self._drop_work()
        self._behind = True

    def moved(self) -> None:
        """The visible path may be another one."""
        self._behind = True

    # Working ---------------------------------------------------------------------------------------------------

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece of what is to be done; whether something new is published, and what to tell.

        Raises BackendCrashed where the session's own model died, and faults of ours.
        """
        version = self.paired.version
        loading = self._loading
        self._since, self._gives_way = time.monotonic(), False
        try:
            notice: Notice | None
            if loading is not None and loading.done:
                notice = self._arrived(loading)
            elif (error := crash(self._model)) is not None:
                # Also while nobody asked it anything.
                self._drop_work()
                notice = self._crashed(error)
            else:
                notice = self._piece()
        except BackendCrashed as error:
            self._drop_work()
            if not self._alive(self.session.model if self.session else None):
                raise
            return True, self._crashed(error)
        except BftuiError as error:
            if self._gives_way and isinstance(error, Cancelled):
                self._begin_anew()
                return False, None
            self._drop_work(catching=False)
            kind = Kind.INFO if isinstance(error, Cancelled) else Kind.WARNING
            told = error.line()
            return True, Notice(told if isinstance(error, Cancelled) else f"partner: {told}", kind)
        except BaseException:
            self._drop_work()
            raise
        finally:
            self._since = None
        return self.paired.version != version, notice

    def _begin_anew(self) -> None:
        """What gave way begins again when nobody waits: prefixes for the palette, and what is read ahead."""
        if self._harvest is not None and self._model is not None and self._wanted is not None:
            self._harvest.close()
            self._harvest = self._harvested(self._model, self._wanted)

    def _piece(self) -> Notice | None:
        if self._nudging is not None:
            return self._nudge()
        self._kinds.rotate(-1)
        for kind in self._kinds:
            if (kind == self._catch_up and self._behind) or (kind == self._read and self._shifting):
                return kind()
        if self._drafting is not None:
            return self._draft()
        return self._gather()

    @staticmethod
    def _alive(model: Model | None) -> bool:
        try:
            return model is not None and model.client.evaluated() >= 0
        except BackendCrashed:
            return False

    def _crashed(self, error: BftuiError) -> Notice:
        """The partner is gone: said once, and the session goes on."""
        self._leave()
        self._publish(state=Beside.FAILED, error=error.line(), by="", template="")
        return Notice(f"partner: {error.line()} ({key('partner')} opens it again)", Kind.ERROR)

    def _catch_up(self) -> Notice | None:
        partner = self._partner
        assert partner is not None
        if self._catching is None:
            self._behind = partner.waiting() > 0
            if not self._behind:
                self._check(partner)
                return None
            self._catching = partner.catch_up()
        try:
            more = self._catching.advance()
        except Cancelled:
            # What was read stays; the rest is read after what a person asked for.
            self._catching = None
            raise
        if more:
            if self._due():
                self._publish()
            return None
        self._catching = None
        self._behind = partner.waiting() > 0
        return self._check(partner)

    def _check(self, partner: Partner) -> Notice | None:
        """Publishes what the partner knows now, or why it knows nothing here."""
        error = partner.error
        if isinstance(error, BackendCrashed):
            self._drop_work()
            return self._crashed(error)
        assert self.session is not None
        # What stopped it may have been elsewhere on the path.
        known = partner.current(self.session.cursor)
        told = "" if error is None or known else error.line()
        news = told if told != self.paired.error else ""
        contexts = partner.contexts(self._root)
        template = contexts.partner.template if contexts is not None else self.paired.template
        self._publish(error=told, template=template)
        return Notice(f"partner: {news}", Kind.WARNING) if news else None

    # Stopping --------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Has what runs stop soon; from any thread."""
        loading, model = self._loading, self._model
        if loading is not None:
            loading.cancel()
        if model is not None and (self._nudging or self._shifting):
            model.client.cancel()

    def give_way(self) -> None:
        """Ends a long pass of the partner that nobody asked for, as somebody waits for the session; from any thread.

        A partner that does not answer at all is ended too: the session must not hang on it.
        """
        since, model = self._since, self._model
        if since is None or model is None:
            return
        if time.monotonic() - since > _LONG_S and not (self._nudging or self._shifting):
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
        loading = self._loading
        stopped = [
            name
            for name, work in (("nudging", self._nudging), ("shift", self._shifting))
            if work is not None
        ]
        if loading is not None and not loading.done:
            loading.cancel()
        self._stop_nudging()
        self._stop_reading()
        return Notice(f"stopped: {', '.join(stopped)}") if stopped else None

    def _drop_work(self, *, catching: bool = True) -> None:
        self._stop_nudging()
        self._stop_reading()
        self._drafting = None
        jobs: list[Job | None] = [self._catching]
        self._catching = None
        if catching:
            jobs.append(self._harvest)
            self._harvest, self._behind = None, False
        for job in jobs:
            if job is not None:
                job.close()

    def kill(self) -> None:
        """Ends its process, which does not answer; from any thread."""
        if self._model is not None:
            kill(self._model)

    def close(self) -> None:
        """Ends the partner."""
        if self._loading is not None:
            self._loading.abandon(_JOIN_S)
        if self._model is not None:
            self._model.close()


_NOTHING: dict[str, object] = {"shifted": {}, "draft": None, "nudged": None}
"""What was done with a partner, where nothing was."""

_NOBODY: dict[str, object] = {
    "state": Beside.NONE,
    "name": "",
    "short": "",
    "by": "",
    "why": "",
    "template": "",
    "seam": None,
    "error": "",
    **_NOTHING,
    "words": (),
}
