"""Experiments beside what a person does: one piece at a time, in turn, and what they find published as it comes.

Belongs to the loop. What is found is frozen, and replaced as a whole whenever more is known.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, UsageError
from bftui.workbench.dial_shown import DialShown
from bftui.workbench.keys import hint
from bftui.workbench.partner_responding import PartnerResponding, begin_beside
from bftui.workbench.responding import Responding, Responses
from bftui.workbench.snapshot import GROWN_TREE, Measured, Notice, Running, Tone
from bftui.workbench.valid_shown import VALID_SET
from bftui.workbench.words_responding import WordResponses, WordsResponding

if TYPE_CHECKING:
    from bftui.core.job import Job
    from bftui.core.valid.node_reading import NodeReading
    from bftui.measures.dial import Dial
    from bftui.measures.lookahead import Lookahead
    from bftui.measures.rollouts import Rollouts
    from bftui.measures.tree_growth import HorizonAsked
    from bftui.session.session import Session
    from bftui.workbench.growing import GrownTrees
    from bftui.workbench.queries import ValidKey
    from bftui.workbench.restore_results import Restored
    from bftui.workbench.rollout_series import Place, RolloutSeries
    from bftui.workbench.settings import ResponsePlan
    from bftui.workbench.valid_set_work import ValidSets
    from bftui.workbench.valid_shown import AskedSet

AHEAD = 20
"""Candidates that one look-ahead looks at more."""

_EVERY_S = 0.25
"""Between two summaries of what still runs."""


_RESPONSES = Responding | PartnerResponding | WordsResponding
"""Of these only the latest runs, and what is drawn of them is kept at each look."""


class _Work(Protocol):
    """One experiment that runs, and how it is published."""

    published: float

    @property
    def name(self) -> str: ...
    @property
    def job(self) -> Job: ...
    @property
    def told(self) -> str:
        """What it is, and how far."""
        ...

    def close(self) -> None:
        """Gives back what it holds of the model; what was found stays."""
        ...

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        """All that is known with what this found by now."""
        ...


class _LookAhead:
    name = "look-ahead"

    def __init__(self, job: Lookahead, place: Place) -> None:
        self.job, self.place = job, place
        self.published = 0.0

    @property
    def told(self) -> str:
        return f"{self.name} at {self.job.share:.0%}"

    def close(self) -> None:
        self.job.close()

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        return replace(measured, looked={**measured.looked, self.place: self.job.result()})


class _Rolling:
    def __init__(self, job: Rollouts, series: RolloutSeries) -> None:
        self.job, self.series = job, series
        self.published = 0.0
        self.name = "rollouts" if job.original is None else "sampling again"

    @property
    def told(self) -> str:
        return f"{self.name} at {self.job.share:.0%}"

    def close(self) -> None:
        self.job.close()

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        series = self.series
        if not running and self.job in series.running:
            series.running.remove(self.job)
        found = series.rolled(measured.version)
        return replace(measured, rolled={**measured.rolled, series.place: found})


class _Dialling:
    name = "dial"

    def __init__(self, job: Dial) -> None:
        self.job = job
        self.published = 0.0

    @property
    def told(self) -> str:
        return f"{self.name} at {self.job.share:.0%}"

    def close(self) -> None:
        self.job.close()

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        job = self.job
        shown = DialShown(job.node, job.settings(), job.result(), running, job.share)
        return replace(measured, dials={**measured.dials, job.node: shown})


class Measuring:
    """The experiments of a session, one piece at a time.

    Attributes:
        session: what they measure.
        measured: everything that is known.
    """

    def __init__(self, publish: Callable[[Measured], None]) -> None:
        """`publish` is told all that is known, whenever that is more."""
        self.session: Session | None = None
        self.measured = Measured()
        self._tell = publish
        self._running: deque[_Work] = deque()
        self._series: dict[Place, RolloutSeries] = {}
        self._responses = Responses()
        self._words = WordResponses()
        self._valid_sets: ValidSets | None = None
        self._trees: GrownTrees | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is a piece to be done."""
        return bool(self._running)

    @property
    def _at(self) -> Session:
        if self.session is None:
            raise UsageError("there is no session to measure")
        return self.session

    # Starting --------------------------------------------------------------------------------------------------

    def look_ahead(self) -> None:
        """Looks at the best candidates after the cursor, or at more of them. Raises UsageError."""
        session = self._at
        place = session.cursor, session.sampler_number
        if any(isinstance(work, _LookAhead) and work.place == place for work in self._running):
            return
        known = self.measured.looked.get(place)
        count = AHEAD + (len(known.candidates) if known else 0)
        job = session.experiments.start_lookahead(min(count, session.tree.n_vocab))
        self._begin(_LookAhead(job, place))

    def roll(self, samples: int, horizon: int, node: int) -> None:
        """Draws continuations of a node; raises UsageError."""
        self._roll(self._at.experiments.start_rollouts(samples, horizon, node))

    def resample(self, samples: int, node: int) -> None:
        """Draws continuations of a node to compare with the path that goes on from it; raises UsageError."""
        self._roll(self._at.experiments.start_resampling(samples, node))

    def _roll(self, job: Rollouts) -> None:
        from bftui.workbench.rollout_series import RolloutSeries

        place = job.node, self._at.sampler_number
        series = self._series.get(place)
        if series is None or not series.takes(job.settings()):
            series = self._series[place] = RolloutSeries(place)
        series.join(job)
        self._begin(_Rolling(job, series))

    def grow(self, node: int, asked: HorizonAsked) -> None:
        """Grows the tree of all continuations of a node; one that was stopped goes on.

        Raises UsageError, ContextFull.
        """
        from bftui.workbench.growing import Growing, GrownTrees

        session = self._at
        for running in list(self._running):
            if isinstance(running, Growing):
                self._drop(running)
        if self._trees is None:
            self._trees = GrownTrees()
        self._begin(self._trees.begin(session, node, asked))

    def forget_grown(self, place: Place) -> None:
        """Takes a tree away; what it measured stays in the trace."""
        from bftui.workbench.growing import Growing, without

        for running in list(self._running):
            if isinstance(running, Growing) and running.place == place:
                self._drop(running)
        if self._trees is not None:
            self._trees.forget(place)
        self.show(replace(self.measured, grown=without(self.measured.grown, place)))

    def dial(self, node: int) -> None:
        """Measures a mixture after a node along its weight. Raises UsageError for one model alone."""
        if not any(isinstance(work, _Dialling) and work.job.node == node for work in self._running):
            self._begin(_Dialling(self._at.experiments.start_dial(node=node)))

    def calibrate(self, asked: AskedSet, node: int | None) -> None:
        """Loads a valid set after a node (default: the cursor) and reads it; one that was stopped goes on.

        It takes the place of the one before, which is read no further. Raises BftuiError for what names no set.
        """
        session = self._at
        before = self._valid.loaded
        work = self._valid.begin(session, asked, session.cursor if node is None else node)
        if before is not None and before in self._running:
            self._drop(before)
        if work.finished:
            self.show(replace(self.measured, valid=work.shown))
        else:
            self._begin(work)

    def read_place(self, key: ValidKey) -> NodeReading | None:
        """Reads one place of the loaded set; None where another one was loaded since. Raises ModelError."""
        work = self._valid.loaded
        if work is None or work.shown.loaded != key.loaded:
            return None
        return work.read(key.number, self._at)

    @property
    def _valid(self) -> ValidSets:
        if self._valid_sets is None:
            from bftui.workbench.valid_set_work import ValidSets

            self._valid_sets = ValidSets()
            self._valid_sets.keep(self.measured.valid)
        return self._valid_sets

    def respond(
        self,
        node: int,
        ids: tuple[int, ...],
        end: int,
        plan: ResponsePlan,
        *,
        asked: bool = False,
    ) -> None:
        """Measures what forcing a text after a node does; of several only the latest runs, the others wait.

        What was drawn before is not drawn again. With `asked` all of it is measured, other kinds of controls too, else
        as much as the plan's time allows. Raises UsageError for a text that cannot be measured.
        """
        session = self._at
        place = end, session.sampler_number
        self._drop_others(self._responses.at(place))
        work = self._responses.at(place)
        if work is None:
            past = self.measured.responses.get(place)
            work = self._responses.begin(session, node, ids, end, plan, past)
        if asked:
            work.ask()
        self._go_on(work)

    def respond_to_words(self, node: int, words: tuple[str, ...], plan: ResponsePlan) -> None:
        """Measures what each of some words does after a node, in the partner too; the responses that run then wait.

        What was drawn before is not drawn again. Raises UsageError where no word can be measured.
        """
        # What was drawn of another palette, or of a single word, is in the trace first.
        self._drop_others(None)
        work = self._words.begin(self._at, node, words, plan)
        if work.series.done:
            self._publish(work, running=False)
        else:
            self._begin(work)

    def _drop_others(self, work: Responding | None) -> None:
        """Has the responses that run wait, but for one."""
        for running in list(self._running):
            if isinstance(running, _RESPONSES) and running is not work:
                self._drop(running)

    def resize(self, end: int, plan: ResponsePlan) -> None:
        """Has a response draw as much as is planned now, beyond its looks; one that has drawn nothing begins so.

        Raises UsageError for sizes that make no sense.
        """
        session = self._at
        place = end, session.sampler_number
        work = self._responses.at(place)
        if work is None:
            return
        if work.response.state is not None:
            work.extend(plan.samples, plan.horizon)
            # What was asked for is known from now on, however the program ends.
            work.keep(session.experiments)
            self._go_on(work)
            return
        if work in self._running:
            self._running.remove(work)
        shown = work.shown
        self._responses.let_go(place, session)
        self.respond(shown.node, shown.settings.token_ids, end, plan, asked=work.asked)

    def _go_on(self, work: Responding) -> None:
        if work in self._running:
            self._publish(work, running=True)
        elif work.goes_on:
            work.take_up()
            self._begin(work)
        else:
            self._beside(work)

    def _beside(self, work: _Work) -> None:
        """Has the partner's response follow one that is complete and that somebody asked for."""
        if isinstance(work, PartnerResponding):
            work.close()
        partner = self._at.partner
        if not isinstance(work, Responding) or partner is None:
            return
        if not (work.asked and work.response.done):
            return
        place = work.shown.place
        known = self.measured.beside.get(place)
        if known is not None and known.model == partner.model.info.name and known.complete:
            return
        found = begin_beside(self._at, partner, work.response, place)
        if isinstance(found, PartnerResponding):
            self._begin(found)
        else:
            self.show(replace(self.measured, beside={**self.measured.beside, place: found}))

    def _begin(self, work: _Work) -> None:
        held: list[_Work] = [*self._responses.others(work), *self._words.others(work)]
        for waiting in held:
            if waiting not in self._running:
                waiting.close()
        self._running.append(work)
        self._publish(work, running=True)

    # Advancing -------------------------------------------------------------------------------------------------

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece of the experiment whose turn it is.

        Returns whether something new is published, and what to tell. Raises BackendCrashed, and faults of ours; the
        experiment is then gone.
        """
        work = self._running[0]
        try:
            more = work.job.advance()
        except BackendCrashed:
            self.stop()
            raise
        except BftuiError as error:
            self._drop(work)
            if isinstance(error, Cancelled):
                return True, Notice(_stopped([work]))
            return True, Notice(f"{work.name}: {error.line()}", Tone.ERROR, error)
        except BaseException:
            self._drop(work)
            raise
        if not more:
            self._running.remove(work)
            # Before it is said to have ended: nobody is told that nothing runs, or looks for what is not kept yet.
            self._beside(work)
            self._keep(work)
            self._publish(work, running=False)
            if self._valid_sets is not None:
                self._valid_sets.keep(self.measured.valid)
            return True, None
        if isinstance(work, _RESPONSES):
            work.keep_looks(self._at.experiments)
            if work.spent:
                # Its stream stays open, so that it goes on at once when somebody asks.
                self._running.remove(work)
                self._keep(work)
                self._publish(work, running=False)
                return True, None
        self._running.rotate(-1)
        if time.monotonic() - work.published < _EVERY_S:
            return False, None
        self._publish(work, running=True)
        return True, None

    def _publish(self, work: _Work, *, running: bool) -> None:
        # Results carry the version that they are published with.
        measured = replace(self.measured, version=self.measured.version + 1)
        measured = work.publish(measured, running=running)
        shares = tuple(Running(each.name, each.job.share) for each in self._running)
        self.measured = replace(measured, running=shares)
        self._tell(self.measured)
        work.published = time.monotonic()

    def _drop(self, work: _Work) -> None:
        """Ends one experiment that runs; what was found stays."""
        self._running.remove(work)
        work.close()
        if isinstance(work, _RESPONSES):
            self._keep(work)
        self._publish(work, running=False)

    def _keep(self, work: _Work) -> None:
        """Writes what was found into the trace and the journal."""
        if isinstance(work, _RESPONSES):
            work.keep(self._at.experiments)
        else:
            self._at.experiments.keep(work.job)

    def stop(self) -> str | None:
        """Ends everything that runs; says so, or None where nothing ran."""
        stopped = list(self._running)
        for work in stopped:
            self._drop(work)
        return _stopped(stopped) if stopped else None

    def restore(self, found: Restored) -> None:
        """Publishes what the session measured in another run of the program; further rollouts are added to it."""
        self.show(found.measured)
        self._series.update(found.series)

    def renew(self) -> None:
        """Ends everything, as the model's process is another one; what was found stays."""
        self.stop()
        self._responses.let_all_go(self.session)
        self._words.let_all_go(self.session)

    def attend(self, session: Session | None) -> None:
        """Ends everything and forgets what was found: it is about another session from now on."""
        self.renew()
        self._series.clear()
        self._valid_sets = self._trees = None
        self.session = session
        self.show(Measured())

    def show(self, measured: Measured) -> None:
        """Publishes all that is known."""
        self.measured = replace(measured, version=self.measured.version + 1)
        self._tell(self.measured)


def _stopped(works: Sequence[_Work]) -> str:
    """What is said of what was stopped."""
    told = f"stopped: {', '.join(work.told for work in works)}"
    if any(isinstance(work, Responding | PartnerResponding) for work in works):
        told += hint("; {response} goes on where it stood")
    if any(isinstance(work, WordsResponding) for work in works):
        told += hint("; {all_words} goes on where it stood")
    if any(work.name == GROWN_TREE for work in works):
        told += hint("; {grow} goes on")
    if any(work.name == VALID_SET for work in works):
        told += hint("; {valid} goes on")
    return told
