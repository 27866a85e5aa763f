"""The running program, with no screen: a model or a recorded trace, its session, its partner, and what is measured.

A terminal, lines of text, a notebook or a browser drive the same object. What is asked of it is queued and done by its
loop: in a thread of its own after `start`, else in that of who calls `work`. What is known is in `now`, a frozen
snapshot, and what is to be told in `notices`.

    workbench = Workbench(WorkbenchSettings(prompt=Prompt("Q: Name a fruit.")))
    workbench.send(commands.Step())
    workbench.work()
    workbench.now.session.text()
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BftuiError
from bftui.session import commands
from bftui.workbench.live_model import LiveModel
from bftui.workbench.model_slot import ModelSlot
from bftui.workbench.queries import (
    PageKey,
    PreviewKey,
    Query,
    SplitKey,
    ValidKey,
    checked_constraint,
    no_page,
    no_tokens,
)
from bftui.workbench.settings import ModelSettings, PartnerSettings, ResponsePlan, WorkbenchSettings
from bftui.workbench.snapshot import Notice, Running, Snapshot, Status, Tone
from bftui.workbench.workbench_state import OpeningJob, Wake, WorkbenchState, look_again, short_name

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.core.kept_tokens import RuleEffect
    from bftui.core.pair.nudging_rounds import NudgeSettings
    from bftui.core.sampler import Constraint
    from bftui.core.valid.node_reading import NodeReading
    from bftui.measures.tree_growth import HorizonAsked
    from bftui.model.prompt import Prompt, Rendered
    from bftui.workbench.loop import Loop
    from bftui.workbench.recorded_trace import RecordedTrace
    from bftui.workbench.rollout_series import Place
    from bftui.workbench.session_slot import SessionSlot
    from bftui.workbench.valid_shown import AskedSet

_QUEUED = 64
_JOIN_S = 1.0


class Workbench:
    """A model or a recorded trace, a slot for each of two models, and the loop that works with them.

    Public methods return at once, but for `work` and `close`, and are for one thread only.

    Attributes:
        model, partner: where the session's own model and its partner stand.
        source: what is worked on; it says what it can do.
        pages, splits, previews, effects, rendered, readings: what is asked of the model; None, nothing or an error in
            words where there is no answer.
        constraints: whether a constraint is read: "", or an error in words.
    """

    def __init__(
        self, settings: WorkbenchSettings, changed: Callable[[], None] = lambda: None
    ) -> None:
        """`changed` is called from any thread when there is something new; it must return at once."""
        self._state = state = WorkbenchState(settings, changed)
        first = ModelSettings(settings.model, settings.backend, settings.options, settings.label)
        self.model = ModelSlot(first, self._loads, self._ended, lambda: state.halted)
        self.partner = ModelSlot(
            settings.partner, lambda share, text: state.tell(), self._partner_ended
        )
        self.source: LiveModel | RecordedTrace = LiveModel(state, self.model)
        if settings.replay is not None:
            from bftui.workbench.recorded_trace import RecordedTrace

            self.source = RecordedTrace(state, self.model, settings.replay)
            rate = self.rates.index(settings.pace) if settings.pace in self.rates else 0
            state.publish(rate=rate, played=(0, settings.replay.count))
        self._loop: Loop | None = None
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        put = state.put
        self.pages: Query[PageKey, Page] = Query(put, lambda key: self._session.page(key), no_page)
        self.splits: Query[SplitKey, list[tuple[bytes, bool]]] = Query(
            put, lambda key: self._session.split(key), no_tokens
        )
        line = BftuiError.line
        self.previews: Query[PreviewKey, NextToken | str] = Query(
            put, lambda key: self._session.preview(key), line, latest=True, quiet=True
        )
        self.effects: Query[PreviewKey, tuple[RuleEffect, ...]] = Query(
            put, lambda key: self._session.effects(key), lambda error: (), latest=True, quiet=True
        )
        self.rendered: Query[Prompt, Rendered | str] = Query(
            put, lambda typed: self._session.render(typed), line, latest=True, quiet=True
        )
        self.readings: Query[ValidKey, NodeReading | str] = Query(
            put, lambda key: self._session.reading(key), line, quiet=True
        )
        self.constraints: Query[Constraint, str] = Query(
            put, checked_constraint, line, latest=True, quiet=True
        )
        asked = self.pages, self.splits, self.previews, self.effects
        state.queries = *asked, self.rendered, self.readings, self.constraints

    # What is known ---------------------------------------------------------------------------------------------

    @property
    def now(self) -> Snapshot:
        """All that is known."""
        return self._state.now

    @property
    def notices(self) -> queue.SimpleQueue[Notice]:
        """What is to be told, in turn."""
        return self._state.notices

    @property
    def rates(self) -> tuple[float, ...]:
        """The paces at which it may be played, in tokens a second."""
        return self.source.rates

    @property
    def working(self) -> bool:
        """Whether anything that was asked for waits or is being done."""
        return self._state.working

    @property
    def measuring(self) -> bool:
        """Whether an experiment runs."""
        return bool(self.now.measured.running)

    @property
    def opening_partner(self) -> Running | None:
        """How far the opening of a partner is; None where none is opened."""
        loading = self.partner.loading
        return None if loading is None else Running("partner", loading.progress or 0.0)

    def settled(self, *, idle: bool = False) -> bool:
        """Whether nothing of the partner waits either; `idle`: not even what nobody asked for."""
        if self.working or self._loop is None or self.partner.loading is not None:
            return False
        pairing = self._session.pairing
        return not (pairing.waiting or (idle and pairing.curious))

    def speed(self) -> float | None:
        """Tokens a second while it plays."""
        steps = self._state.steps
        if not self.now.playing or len(steps) < 2:
            return None
        return (len(steps) - 1) / max(1e-6, steps[-1] - steps[0])

    def heard(self) -> bool:
        """Lets the next change be told; says whether there was one. Called before the snapshot is read."""
        return self._state.heard()

    def say(self, text: str, tone: Tone = Tone.INFO) -> None:
        """Tells a person something."""
        self._state.say(text, tone)

    # Working ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Has a thread of its own open what there is to open, and work from then on."""
        self._thread.start()

    def work(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Does here what was asked for, until nothing of it is left or `stop` says so; the first time it opens.

        What fails is a notice with its error. Raises faults of ours.
        """
        if self._loop is None:
            self._assemble().open()
        assert self._loop is not None
        self._loop.work(stop)

    def close(self) -> None:
        """Ends models and thread; waits a second at most for work that does not stop."""
        state, thread = self._state, self._thread
        state.publish(playing=False)
        self.model.cancel()
        if not thread.is_alive():
            if self._loop is not None:
                self._loop.close()
                self._loop = None
            return
        state.drain()
        state.jobs.put(None)
        self._interrupt_both()
        self.partner.cancel()
        thread.join(_JOIN_S)
        if thread.is_alive():
            self.model.kill()
            self.partner.kill()
            # With nothing left to wait for it closes the journal.
            thread.join(_JOIN_S)

    def leave(self) -> int:
        """Saves the trace that was asked for, and says where the sessions are kept; the exit code."""
        from bftui.workbench.journal_keeping import leave

        return leave(self.now, self._state.settings)

    @property
    def _session(self) -> SessionSlot:
        """What jobs work with."""
        assert self._loop is not None
        return self._loop.session

    def _run(self) -> None:
        self._assemble().run()

    def _assemble(self) -> Loop:
        # Imported here: the first frame needs nothing of what the loop runs.
        from bftui.workbench.loop import Loop

        self._loop = Loop(self._state, self.source, self.partner)
        return self._loop

    def _can(self, what: str) -> bool:
        """Whether the source can do something; where it cannot that is said."""
        if self.source.can(what):
            return True
        self.say("this is a replay: there is no model to ask", Tone.WARNING)
        return False

    def _put(self, job: Callable[[SessionSlot], None], needs: str) -> None:
        """Queues a job that the source must be able to do."""
        if self._can(needs):
            self._state.put(lambda: job(self._session))

    def _loads(self, share: float | None, text: str) -> None:
        self._state.publish(progress=share, activity=text)
        self._state.tell()

    def _ended(self) -> None:
        if isinstance(self.source, LiveModel):
            self._state.jobs.put(Wake(self.source.notice_end))

    def _partner_ended(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    # The session -----------------------------------------------------------------------------------------------

    def send(self, command: commands.Command) -> bool:
        """Queues a command; False where too much waits already."""
        state = self._state
        if state.jobs.qsize() >= _QUEUED:
            return False
        if not isinstance(command, commands.Force | commands.ForceIds):
            state.publish(playing=False)
        if self._loop is not None:
            self._session.pairing.give_way()
        state.put(command)
        return True

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs where the session then stands."""
        self._put(lambda session: session.force_word(word), "force")

    def sample_with(self, settings: Mapping[str, Any]) -> None:
        """Changes settings of the sampler, by name; tokens may be named by their text."""
        self._state.publish(playing=False)
        self._put(lambda session: session.sample_with(settings), "sampler")

    def set_prompt(self, prompt: Prompt) -> None:
        """Starts from a prompt: the session's first, or a new root."""
        live = self._live()
        if live is not None:
            self._state.publish(prompt=prompt, playing=False)
            self._state.put(lambda: live.add_prompt(self._session))

    def play(self, on: bool) -> None:
        """Steps by itself from now on, or not any more."""
        self._state.publish(playing=on)
        self._state.due = 0.0
        self._state.steps.clear()
        self._state.put(look_again)

    def set_rate(self, rate: int) -> None:
        """Plays at another of the `rates`, by its index."""
        self._state.publish(rate=max(0, min(rate, len(self.rates) - 1)))
        self._state.put(look_again)

    def export(self, path: Path) -> None:
        """Writes the trace."""
        self._put(lambda session: session.export(path), "export")

    # Models ----------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Opens the model again; one that hangs is ended first."""
        live = self._live()
        if live is not None:
            if self.now.status is Status.BUSY or self.measuring:
                self.model.kill()
                # What is measured may be the partner's.
                self.partner.interrupt()
            self._state.drain()
            self._open(self.now.source, lambda: live.reopen(self._session))

    def open_other(self, model: str) -> None:
        """Opens any MODEL form and starts a new session on it; the old one stays until the new one is there."""
        live = self._live()
        if live is not None:
            broken = self.now.status is Status.FAILED
            if self.now.status is Status.BUSY:
                self.model.interrupt()
            self._open(model, lambda: live.open_other(self._session, model, broken=broken))

    def mix(self, model: str) -> None:
        """Opens a mixture whose first model is the session's own; the session goes on in it at weight 0."""
        live = self._live()
        if live is not None:
            self._open(model, lambda: live.mix(self._session, model))

    def _live(self) -> LiveModel | None:
        """What can open models; where nothing can that is said."""
        if isinstance(self.source, LiveModel):
            return self.source
        self._can("open")
        return None

    def _open(self, model: str, job: Callable[[], None]) -> None:
        self.model.expect()
        self._state.publish(
            playing=False, status=Status.LOADING, progress=None, loading=short_name(model)
        )
        self._state.put(OpeningJob(job))

    # Measuring -------------------------------------------------------------------------------------------------

    def look_ahead(self) -> None:
        """Looks at the best candidates, or at more of them."""
        self._put(lambda session: session.measuring.look_ahead(), "measure")

    def roll(self, samples: int, horizon: int, node: int) -> None:
        """Draws continuations of a node."""
        self._put(lambda session: session.measuring.roll(samples, horizon, node), "measure")

    def resample(self, samples: int, node: int) -> None:
        """Draws continuations of a node, to compare with the path that goes on from it."""
        self._put(lambda session: session.measuring.resample(samples, node), "measure")

    def turn_dial(self, by: float) -> None:
        """Moves the weight of a mixture from where it stands when that is done; what plays goes on."""
        if self._loop is not None:
            self._session.pairing.give_way()
        self._put(lambda session: session.turn_dial(by), "force")

    def dial(self, node: int) -> None:
        """Measures a mixture after a node along its weight."""
        self._put(lambda session: session.measuring.dial(node), "measure")

    def respond(self, node: int, ids: tuple[int, ...], end: int) -> None:
        """Measures all there is of the response to a text that was forced after a node, and ends at another.

        One that was stopped goes on. A screen asks for it by itself: of a recorded trace there is what there is.
        """
        if self.source.can("measure"):
            plan = self.now.plan
            self._put(
                lambda session: session.measuring.respond(node, ids, end, plan, asked=True),
                "measure",
            )

    def respond_to_words(self, node: int, words: tuple[str, ...]) -> None:
        """Measures the response to each of some words after a node, in the partner too; what was stopped goes on."""
        plan = self.now.plan
        self._put(lambda session: session.measuring.respond_to_words(node, words, plan), "measure")

    def calibrate(self, asked: AskedSet, node: int | None = None) -> None:
        """Loads a valid set after a node (default: where the session then stands); what was stopped goes on."""
        self._put(lambda session: session.measuring.calibrate(asked, node), "measure")

    def grow(self, node: int, asked: HorizonAsked) -> None:
        """Grows the tree of all continuations of a node; one that was stopped goes on."""
        self._put(lambda session: session.measuring.grow(node, asked), "measure")

    def forget_grown(self, place: Place) -> None:
        """Takes a tree away that was grown at a place."""
        self._put(lambda session: session.measuring.forget_grown(place), "measure")

    def take_way(self, ids: tuple[int, ...]) -> None:
        """Appends a way on of a valid set: nobody asks what that does to BF."""
        self._state.publish(playing=False)
        command = commands.ForceIds(ids)
        self._put(lambda session: session.do(command, responds=False), "force")

    def resize_response(self, end: int, plan: ResponsePlan) -> None:
        """Has the response to the text that ends at a node draw so much; before its first token it begins anew so."""
        self._put(lambda session: session.measuring.resize(end, plan), "measure")

    def respond_by_itself(self, on: bool) -> None:
        """Whether a forced text is measured without being asked for."""
        self._state.publish(automatic=on)

    def plan_responses(self, plan: ResponsePlan) -> None:
        """Has responses that begin from now on be measured so."""
        self._state.publish(plan=plan)

    # The partner -----------------------------------------------------------------------------------------------

    def open_partner(self, wanted: PartnerSettings) -> None:
        """Opens a second model beside the session; the one before stays until it is there."""
        self._put(lambda session: session.pairing.open(wanted), "pair")

    def part(self) -> None:
        """Takes the partner away."""
        if self._can("pair"):
            self._stop_partner()
            self._put(lambda session: self._state.notify(session.pairing.part()), "pair")

    def shift(self) -> None:
        """Has the partner answer the visible prompt, and the base read the answer. A screen asks for it by itself."""
        if self.source.can("pair"):
            self._put(lambda session: session.pairing.work.shift(), "pair")

    def look(self, settings: NudgeSettings) -> None:
        """Asks what the partner would write after the cursor. A screen asks for it by itself."""
        if self.source.can("pair"):
            self._put(lambda session: session.pairing.work.look(settings), "pair")

    def force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt and forces its token at a position."""
        self._halt(lambda session: session.force_answer(root, index))

    def force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        self._halt(lambda session: session.force_partners(node))

    def nudge(self, settings: NudgeSettings) -> None:
        """Has both models write on from the cursor, round by round."""
        self._halt(lambda session: session.pairing.work.nudge(settings))

    def take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self._halt(lambda session: session.take_word(settings))

    def _halt(self, job: Callable[[SessionSlot], None]) -> None:
        """Queues a job of the pair, and plays no more."""
        if self._can("pair"):
            self._state.publish(playing=False)
            self._put(job, "pair")

    # Stopping --------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Stops what runs and forgets what waits; False where there was nothing."""
        state, something = self._state, self.working
        state.publish(playing=False)
        state.recomputing = False
        self.model.cancel()
        state.drain()
        if self.now.status is not Status.LOADING:
            state.halt()
        if self.now.status is Status.BUSY and not state.aside:
            self._interrupt_both()
        return something

    def stop_experiments(self) -> bool:
        """Stops what is measured; False where nothing is."""
        if not self.measuring:
            return False
        self._interrupt_both()

        def stop(session: SessionSlot) -> None:
            told = session.measuring.stop()
            if told is not None:
                self.say(told)

        self._put(stop, "measure")
        return True

    def stop_partner(self) -> bool:
        """Stops nudging, reading and opening; False where there is none of it."""
        pairs = bool(self.now.paired.running)
        if not (pairs or self.partner.loading):
            return False
        self._stop_partner()
        if pairs:
            self.model.interrupt()
        self._put(lambda session: self._state.notify(session.pairing.stop()), "pair")
        return True

    def interrupt(self) -> None:
        """Stops everything that was asked for."""
        self.cancel()
        self.stop_partner()
        self.stop_experiments()

    def _interrupt_both(self) -> None:
        """Has both models stop what they do: what is measured may wait for the partner."""
        self.model.interrupt()
        self.partner.interrupt()

    def _stop_partner(self) -> None:
        """Has the partner stop what a person asked for, and its opening."""
        self.partner.cancel()
        if self.now.paired.running:
            self.partner.interrupt()
