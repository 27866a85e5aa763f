"""The session that is open, and what is asked of it: commands, playing, stale numbers, files, answers for drawing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.core.errors import UsageError
from bftui.core.sampler import MOST_WEIGHT
from bftui.core.text import counted
from bftui.model.token_names import checked_settings
from bftui.session import commands
from bftui.session.breakpoint_judge import BreakpointJudge
from bftui.workbench.journal_keeping import (
    drop_journal,
    open_journal,
    resume_session,
)
from bftui.workbench.jumps import ids_between
from bftui.workbench.measuring import Measuring
from bftui.workbench.pairing import Pairing
from bftui.workbench.snapshot import Tone
from bftui.workbench.wording import Undoable, changed
from bftui.workbench.workbench_state import WorkbenchState

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.core.kept_tokens import RuleEffect
    from bftui.core.pair.nudging_rounds import NudgeSettings
    from bftui.core.valid.node_reading import NodeReading
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt, Rendered
    from bftui.session.records.resume import Saved
    from bftui.session.session import Session
    from bftui.trace.journal import Journal
    from bftui.workbench.queries import PageKey, PreviewKey, SplitKey, ValidKey

_RECOMPUTED = 64
"""Nodes whose numbers are recomputed between two looks at what a person asks for."""


class SessionSlot:
    """The jobs of an open session. Without one they do nothing; they raise what a session raises.

    Attributes:
        measuring, pairing: what is measured beside it, and its partner.
    """

    def __init__(
        self, state: WorkbenchState, measuring: Measuring, pairing: Pairing, *, recomputes: bool
    ) -> None:
        """`recomputes`: whether there is a model that recomputes numbers of another sampler."""
        self._state, self.measuring, self.pairing = state, measuring, pairing
        self._recomputes = recomputes
        self._stale_since = 0.0
        self._judge = BreakpointJudge()
        # What playing reached and nobody judged yet.
        self._unjudged: int | None = None

    @property
    def session(self) -> Session | None:
        """The session, as soon as there is a prompt."""
        return self._state.now.session

    # Another session -------------------------------------------------------------------------------------------

    def begin(self, model: Model, prompt: Prompt) -> None:
        """Begins the first session, with a journal of its own. Raises ModelError, UsageError, Cancelled."""
        session, journal = self.made(model, prompt, self._state.settings.drawing())
        self._state.publish(session=session, journal=journal)
        self.attend(session)

    def made(
        self, model: Model, prompt: Prompt, drawing: Mapping[str, Any]
    ) -> tuple[Session, Journal | None]:
        """Makes a session and its journal, and says what is odd about its prompt. Raises as `begin` does.

        drawing: settings of the sampler, by name; tokens may be named by their text.
        """
        from bftui.session.session import Session

        journal = open_journal(self._state.settings.state_dir, self._state.say)
        try:
            session = Session(
                model,
                prompt,
                journal=journal,
                on_journal_failure=self._unwritten,
                beside_chat=self.pairing.chats,
                **drawing,
            )
        except BaseException:
            drop_journal(journal)
            raise
        for note in session.rendered.notes:
            self._state.say(note, Tone.WARNING)
        return session, journal

    def resume(self, model: Model, saved: Saved) -> None:
        """Goes on with a session that was kept, and publishes what it had measured. Raises ModelError, UsageError."""
        from bftui.workbench.restore_results import restored, restored_pair

        state = self._state
        session, journal = resume_session(
            model, saved, state.settings.state_dir, self._unwritten, state.say
        )
        state.publish(session=session, journal=journal)
        self.attend(session)
        player = saved.player
        self.measuring.restore(restored(player.measurements, session.tree, player.state.samplers))
        self.pairing.restore(restored_pair(player.measurements), player.partner)
        self.look_for_stale()

    def attend(self, session: Session | None) -> None:
        """Has measurements and partner be about a session from now on."""
        self._judge.close()
        self.measuring.attend(session)
        self.pairing.attend(session)

    def close(self) -> None:
        """Ends what is measured and what matches regular expressions."""
        self.measuring.renew()
        self._judge.close()

    def _unwritten(self, reason: str) -> None:
        self._state.say(
            f"the journal cannot be written: {reason}; the session goes on, what is missing is written as soon as "
            "that can be",
            Tone.WARNING,
        )

    # Commands --------------------------------------------------------------------------------------------------

    def turn_dial(self, by: float) -> None:
        """Moves the weight of a mixture, as far as it goes."""
        if self.session is not None:
            weight = max(-MOST_WEIGHT, min(self.session.sampler.weight + by, MOST_WEIGHT))
            self.do(commands.SetSampler(weight=round(weight, 3)))

    def do(self, command: commands.Command, *, responds: bool = True) -> None:
        """Carries out a command; `responds`: whether a forced text is measured, where that is asked for."""
        session = self.session
        if session is None:
            return
        told = ""
        if isinstance(command, commands.Undo):
            told = f"undone: {session.state.history.undoes}"
        elif isinstance(command, commands.Redo):
            told = f"done again: {session.state.history.redoes}"
        before = Undoable.of(session) if told else None
        start = session.cursor
        session.do(command)
        self.pairing.moved()
        if before is not None:
            self._state.say(f"{told}; {changed(session, before, Undoable.of(session))}")
        if not isinstance(command, commands.Step):
            self.look_for_stale()
        forced = isinstance(command, commands.Force | commands.ForceIds)
        if responds and forced and self._state.now.automatic and not session.ended:
            ids = ids_between(session.tree, start, session.cursor)
            try:
                self.measuring.respond(start, ids, session.cursor, self._state.now.plan)
            except UsageError as error:
                # It was forced, which is what was asked for.
                self._state.say(f"response: {error.line()}", Tone.WARNING)

    def play_step(self, rate: float) -> None:
        """Samples a token while it plays, `rate` tokens a second; 0 is as fast as the model goes.

        Stops where a breakpoint holds. Where that asks for the partner, its word is waited for before the next token.
        """
        session = self.session
        if session is None:
            return
        if self._unjudged != session.cursor:
            self._sample(rate)
            self._unjudged = session.cursor
        asked = session.state.view.breakpoints
        if self.pairing.waiting and any(each.kind == "fork" for each in asked):
            return
        self._unjudged = None
        reached = self._judge.reached(session.model_tree, session.partner, asked)
        if reached is not None:
            self._state.publish(playing=False)
            self._state.say(reached.line())

    def _sample(self, rate: float) -> None:
        state = self._state
        now = time.monotonic()
        state.due = max(now, state.due + 1 / rate) if rate else now
        self.do(commands.Step())
        state.steps.append(time.monotonic())
        if self.session is not None and self.session.ended:
            state.publish(playing=False)
            state.say("the text ends here")

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs here."""
        if self.session is not None:
            self.do(commands.Force(self.session.model_tree.spaced(word)))

    def force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt, up to one of its tokens, and forces that."""
        session = self.session
        if session is not None:
            *before, last = self.pairing.work.along_answer(root, index)
            for command in before:
                session.do(command)
            self.do(last)

    def force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        session = self.session
        if session is None or session.partner is None:
            return
        ids = session.partner.tokens_here(node)
        if node != session.cursor:
            session.do(commands.Goto(node))
        self.do(commands.ForceIds(ids))

    def take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self.do(self.pairing.work.next_word(settings))

    # Stale numbers ---------------------------------------------------------------------------------------------

    def look_for_stale(self) -> None:
        """Counts the numbers of the visible path that are of another sampler, to be recomputed."""
        state, session = self._state, self.session
        if not self._recomputes or session is None:
            return
        left = session.state.stale()
        if left and not state.recomputing:
            self._stale_since = time.monotonic()
        state.publish(left=left)
        state.recomputing = left > 0

    @property
    def stale_s(self) -> float:
        """Seconds since the oldest numbers became stale."""
        return time.monotonic() - self._stale_since

    def recompute(self) -> None:
        """Recomputes some stale numbers of the visible path; what a person asks for comes between."""
        state = self._state
        try:
            left = 0 if self.session is None else self.session.recompute_stale(_RECOMPUTED)
        except BaseException:
            state.recomputing = False
            raise
        state.publish(left=left)
        if left == 0:
            state.recomputing = False

    def export(self, path: Path) -> None:
        """Writes the trace. Raises BftuiError where the file cannot be written."""
        if self.session is None:
            return
        trace = self.session.trace()
        trace.save(path)
        self._state.say(f"saved {counted(trace.count, 'node')} to {path}")

    # Answers, None where there is nobody to ask ------------------------------------------------------------------

    def page(self, key: PageKey) -> Page | None:
        """Rows of a distribution."""
        session = self.session
        if session is None:
            return None
        if key.by is not None:
            return key.by.page(key.start, key.stop, key.node)
        return session.model_tree.page(key.start, key.stop, node=key.node, query=key.query)

    def reading(self, key: ValidKey) -> NodeReading | None:
        """One place of the valid set that is loaded."""
        return None if self.session is None else self.measuring.read_place(key)

    def split(self, key: SplitKey) -> list[tuple[bytes, bool]] | None:
        """The tokens of a text to force, and whether each is a control token."""
        model = self._state.now.model
        if model is None:
            return None
        special = model.info.special_ids
        return [(model.token_bytes(i), i in special) for i in model.tokenize(*key)]

    def preview(self, key: PreviewKey) -> NextToken | str | None:
        """The distribution at the cursor under another sampler."""
        session = self.session
        if session is None or session.cursor != key.node:
            return None
        return session.model_tree.preview(key.sampler) or "the text ends here"

    def effects(self, key: PreviewKey) -> tuple[RuleEffect, ...] | None:
        """What each truncation rule of a sampler would keep alone at the cursor."""
        session = self.session
        if session is None or session.cursor != key.node:
            return None
        return tuple(session.model_tree.rule_effects(key.sampler))

    def sample_with(self, settings: Mapping[str, Any]) -> None:
        """Changes settings of the sampler, in which tokens may be named by their text."""
        session = self.session
        if session is not None:
            self.do(commands.SetSampler(**checked_settings(session.model, settings)))

    def render(self, prompt: Prompt) -> Rendered | str | None:
        """A prompt as the model would get it."""
        model, session = self._state.now.model, self.session
        if model is None:
            return None
        if session is not None:
            return model.render(session.model_tree.settled(prompt))
        from bftui.model.templates import asking

        return model.render(asking(prompt, bool(model.info.chat_template), self.pairing.chats))
