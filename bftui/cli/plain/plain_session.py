"""The session of the plain workbench: one session and its second model, and what is said when it moves."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from bftui.cli.plain import plain_sentences as tell
from bftui.cli.plain.plain_sentences import say
from bftui.cli.shared.opening import Watched, finish
from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, UsageError
from bftui.core.text import safe
from bftui.session import commands as c
from bftui.workbench.kill_process import crash

if TYPE_CHECKING:
    from bftui.cli.shared.interrupt import Interruption
    from bftui.cli.shared.progress_bars import Bar
    from bftui.core.job import Job
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session
    from bftui.trace.journal import Journal
    from bftui.workbench.settings import PartnerSettings, WorkbenchSettings


class Plain:
    """One session and what its commands need.

    Attributes:
        model: the model, in a process of its own.
        session, journal: as soon as there is a prompt.
    """

    def __init__(self, settings: WorkbenchSettings, interruption: Interruption, show: Bar) -> None:
        """Opens the model. Raises ModelError, Cancelled."""
        self.settings = settings
        self.session: Session | None = None
        self.journal: Journal | None = None
        self._watched = Watched(interruption, show)
        self._partner = ExitStack()
        self.model = self._opened(settings)
        interruption.stop.append(lambda: self.model.client.cancel())

    def _opened(self, wanted: WorkbenchSettings | PartnerSettings) -> Model:
        from bftui.model.loaded_model import open_model

        opened = open_model(
            wanted.model,
            backend=wanted.backend,
            label=wanted.label,
            worker=True,
            progress=self._watched.show,
            **wanted.options,
        )
        # All bytes are fetched here, so that what was made can be saved also where the model ends.
        opened.token_bytes(0)
        return opened

    def reload(self) -> None:
        """Opens the model again, which may have ended; the session goes on with it."""
        self.model.close()
        self.model = self._opened(self.settings)
        if self.session is not None:
            self.session.reload(self.model)

    # The session -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Takes up the session that is resumed, or begins one where a prompt is given, and says where it stands."""
        settings, info = self.settings, self.model.info
        say(
            f"{safe(info.name)}, {info.backend} {info.device} {info.dtype}. help lists the commands."
        )
        if info.note:
            say(safe(info.note))
        if settings.resumed is not None:
            from bftui.workbench.journal_keeping import take_up

            self.session, self.journal = take_up(
                self.model,
                settings.resumed,
                settings.state_dir,
                lambda event: None,
                lambda text, kind: say(safe(text)),
            )
        elif settings.prompt is not None:
            self.plant(settings.prompt)
        if self.session is None:
            say("There is no prompt yet: prompt TEXT gives one.")
            return
        if settings.partner is not None:
            self.pair(settings.partner)
        say(tell.sampler(self.session.sampler))
        say(tell.place(self.session))

    def plant(self, prompt: Prompt) -> None:
        """Begins the session, or gives it another prompt."""
        if self.session is None:
            self._begin(prompt)
        else:
            self.session.set_prompt(prompt)
        for note in self.live.rendered.notes:
            say(safe(note))

    def _begin(self, prompt: Prompt) -> None:
        from bftui.session.session import Session
        from bftui.workbench.journal_keeping import drop_journal, open_journal

        drawn = asdict(self.settings.sampler) if self.settings.sampler else {}
        journal = open_journal(self.settings.state_dir, lambda text, kind: say(safe(text)))
        try:
            self.session = Session(
                self.model, prompt, journal=journal, beside_chat=self._beside_chat, **drawn
            )
        except BaseException:
            drop_journal(journal)
            raise
        self.journal = journal

    @property
    def _beside_chat(self) -> bool:
        """Whether the partner that is to come has a chat template: see `templates.asking`."""
        from bftui.model.loaded_model import carries_template

        partner = self.settings.partner
        return partner is not None and carries_template(partner.model)

    def pair(self, wanted: PartnerSettings) -> None:
        """Opens a second model beside the first, in place of the one that was there."""
        session = self.live
        self.part()
        model = self._partner.enter_context(self._opened(wanted))
        self._watched.interruption.stop.append(model.client.cancel)
        try:
            partner = session.pair_with(model, wanted.template)
        except BaseException:
            self.part()
            raise
        by = "its ids" if partner.pair.by == "ids" else "its text"
        root = session.tree.root(session.cursor)
        templates = f"{session.rendered.template} and {partner.prepare(root).partner.template}"
        say(f"{safe(model.info.name)} reads along, by {by}. Templates: {templates}.")

    def part(self) -> None:
        """Closes the second model, if there is one."""
        if self.session is not None and self.session.partner is not None:
            self._watched.interruption.stop.remove(self.session.partner.model.client.cancel)
            self.session.part()
        self._partner.close()

    def close(self) -> None:
        """Closes journal and partner."""
        self._partner.close()
        if self.journal is not None:
            self.journal.close()

    def leave(self) -> int:
        """Saves what is to be saved and says where the session is kept; the exit code."""
        if self.session is None:
            return 0
        from bftui.workbench.journal_keeping import leave

        if self.settings.trace is not None:
            with suppress(BftuiError):
                self.session.model.floor.measure()
        return leave(self.session, self.journal, self.settings)

    def check(self) -> None:
        """Raises UsageError where there is no session yet."""
        _ = self.live

    @property
    def live(self) -> Session:
        """The session. Raises UsageError where there is none."""
        if self.session is None:
            raise UsageError("there is no prompt yet", hint="prompt TEXT gives one")
        return self.session

    @property
    def partner(self) -> Partner:
        """The partner. Raises UsageError where there is none."""
        if self.live.partner is None:
            raise UsageError("there is no partner yet", hint="partner MODEL opens one")
        return self.live.partner

    # Doing -----------------------------------------------------------------------------------------------------

    def step(self, count: int, *, greedy: bool) -> None:
        """Samples tokens, or takes the best ones, up to the end of the text."""
        session = self.live
        start = session.cursor
        try:
            for done in range(count):
                self._watched.interruption.check()
                if done and session.ended:
                    break
                session.do(c.Greedy() if greedy else c.Step())
        finally:
            session.align()
            self.moved(start)

    def moved(self, start: int) -> None:
        """Says which tokens were passed on the way down from a node, and where the session stands."""
        session = self.live
        if session.cursor != start:
            path = session.tree.path(session.cursor)
            if start in path:
                say(tell.added(session, path[path.index(start) + 1 :]))
        say(tell.place(session))
        if session.partner is not None:
            self._ask_partner(session.partner)

    def _ask_partner(self, partner: Partner) -> None:
        """What the partner says of the token at the cursor."""
        session = self.live
        error = self.advance(partner.catch_up(), "the partner reads") or partner.error
        if (ended := crash(partner.model)) is not None:
            self.part()
            raise BackendCrashed(
                f"partner: {ended.message}", ended.reason, "the session goes on alone"
            )
        if error is not None:
            raise error
        found = partner.view(session.cursor)
        if found is not None and found.compared is not None:
            kind = found.compared.partner
            say(f"The partner gives this token rank {kind.rank}, P {kind.prob:.4g}: {kind.kind}.")
        if found is not None and found.next is not None:
            say(f"The partner's BF here is {found.next.bf:.2f}.")

    def command(self, command: c.Command) -> None:
        """Does a command of the session and says where it led."""
        session = self.live
        start = session.cursor
        session.do(command)
        session.align()
        self.moved(start)

    def measure(self, job: Job, doing: str) -> None:
        """Does an experiment and keeps what there is of it; says what stopped it, if anything did."""
        error = self.advance(job, doing)
        self.live.experiments.keep(job)
        if error is not None:
            why = "stopped" if isinstance(error, Cancelled) else safe(error.line())
            say(f"{why}; what was found by then follows, if there is any")

    def advance(self, job: Job, doing: str) -> BftuiError | None:
        """Does a job; the error that stopped it, if one did."""
        return finish(job, self._watched, lambda: doing)
