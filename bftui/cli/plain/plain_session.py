"""The workbench on lines of text: what its commands need, and what is said when the session moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.cli.plain import plain_sentences as tell
from bftui.cli.plain.plain_sentences import say
from bftui.cli.shared.opening import Watched, finish, measured_noise
from bftui.core.errors import BftuiError, Cancelled, UsageError
from bftui.core.text import safe
from bftui.session import commands as c
from bftui.session.breakpoint_judge import BreakpointJudge
from bftui.workbench.workbench import Workbench

if TYPE_CHECKING:
    from bftui.cli.shared.interrupt import Interruption
    from bftui.cli.shared.progress_bars import Bar
    from bftui.core.job import Job
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session
    from bftui.workbench.settings import PartnerSettings, WorkbenchSettings


class Plain:
    """The workbench, worked in this thread a line at a time."""

    def __init__(self, settings: WorkbenchSettings, interruption: Interruption, show: Bar) -> None:
        """Opens nothing yet."""
        self.settings = settings
        # The partner is opened after the session is said to stand: its templates are told then.
        self.workbench = workbench = Workbench(replace(settings, partner=None), self._changed)
        workbench.partner.wanted = settings.partner
        # Nobody looks at it while the next line is awaited.
        workbench.respond_by_itself(False)
        self._watched = Watched(interruption, show)
        interruption.stop += [
            workbench.interrupt,
            workbench.model.interrupt,
            workbench.partner.interrupt,
        ]

    def _changed(self) -> None:
        """Shows how far the opening of a model is."""
        workbench = self.workbench
        workbench.heard()
        loading = workbench.model.loading or workbench.partner.loading
        if loading is not None:
            self._watched.show(loading.progress, loading.activity)

    def work(self, *, aloud: bool = True) -> None:
        """Does what was asked for, and says what there is to say, but with `aloud` only. Raises what failed first."""
        workbench, interruption = self.workbench, self._watched.interruption
        workbench.work(lambda: interruption.requested)
        failed = None
        while not workbench.notices.empty():
            notice = workbench.notices.get()
            if notice.error is None and aloud:
                say(safe(notice.text))
            failed = failed or notice.error
        if failed is not None:
            raise failed
        interruption.check()

    # The session -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Opens the model and the session that is asked for, if one is, and says where it stands.

        Raises ModelError, UsageError, Cancelled.
        """
        workbench = self.workbench
        try:
            workbench.work(lambda: self._watched.interruption.requested)
            if (model := workbench.now.model) is not None:
                info = model.info
                say(
                    f"{safe(info.name)}, {info.backend} {info.device} {info.dtype}. help lists the commands."
                )
                if info.note:
                    say(safe(info.note))
        finally:
            self.work()
        if workbench.now.session is None:
            say("There is no prompt yet: prompt TEXT gives one.")
            return
        if self.settings.partner is not None:
            self.pair(self.settings.partner)
        say(tell.sampler(self.live.sampler))
        say(tell.place(self.live))

    def pair(self, wanted: PartnerSettings) -> None:
        """Opens a second model beside the first, in place of the one that was there."""
        self.workbench.open_partner(wanted)
        self.work(aloud=False)
        paired = self.workbench.now.paired
        by = "its ids" if paired.hand_over == "ids" else "its text"
        templates = f"{self.live.rendered.template} and {paired.template}"
        say(f"{safe(paired.short)} reads along, by {by}. Templates: {templates}.")

    def leave(self) -> int:
        """Ends everything, saves what is to be saved and says where the session is kept; the exit code."""
        model = self.workbench.now.model
        if model is not None and self.settings.trace is not None:
            measured_noise(model, self._watched)
        self.workbench.close()
        return self.workbench.leave()

    @property
    def live(self) -> Session:
        """The session. Raises UsageError where there is none."""
        if (session := self.workbench.now.session) is None:
            raise UsageError("there is no prompt yet", hint="prompt TEXT gives one")
        return session

    @property
    def partner(self) -> Partner:
        """The partner. Raises UsageError where there is none."""
        if self.live.partner is None:
            raise UsageError("there is no partner yet", hint="partner MODEL opens one")
        return self.live.partner

    # Doing -----------------------------------------------------------------------------------------------------

    def step(self, count: int, *, greedy: bool) -> None:
        """Samples tokens, or takes the best ones, up to the end of the text or to a breakpoint."""
        session, judge = self.live, BreakpointJudge()
        start = session.cursor
        try:
            for done in range(count):
                if done and session.ended:
                    break
                self.workbench.send(c.Greedy() if greedy else c.Step())
                self.work()
                asked = session.state.view.breakpoints if count > 1 else ()
                reached = judge.reached(session.model_tree, session.partner, asked)
                if reached is not None:
                    say(reached.line())
                    break
        finally:
            judge.close()
            self.moved(start)

    def command(self, command: c.Command) -> None:
        """Does a command of the session and says where it led."""
        session, failed = self.live, None
        start = session.cursor
        self.workbench.send(command)
        try:
            self.work()
        except BftuiError as error:
            failed = error
        if failed is None or session.cursor != start:
            self.moved(start)
        if failed is not None:
            raise failed

    def moved(self, start: int) -> None:
        """Says which tokens were passed on the way down from a node, and where the session stands."""
        session = self.live
        if session.cursor != start:
            path = session.tree.path(session.cursor)
            if start in path:
                say(tell.added(session, path[path.index(start) + 1 :]))
        say(tell.place(session))
        found = None if session.partner is None else session.partner.view(session.cursor)
        if found is not None and found.compared is not None:
            kind = found.compared.partner
            say(f"The partner gives this token rank {kind.rank}, P {kind.prob:.4g}: {kind.kind}.")
        if found is not None and found.next is not None:
            say(f"The partner's BF here is {found.next.bf:.2f}.")

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
