"""What the engine's thread does with an open session: commands, playing, numbers made anew, files, answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.core.text import counted
from bftui.session import commands
from bftui.workbench.jumps import ids_between
from bftui.workbench.measuring import Experimenting
from bftui.workbench.pairing import Partnering
from bftui.workbench.undo_message import Snapshot, changed
from bftui.workbench.workbench_state import EngineState

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.core.pair.nudging_rounds import NudgeSettings
    from bftui.model.prompt import Prompt, Rendered
    from bftui.session.session import Session
    from bftui.workbench.queries import PageKey, PreviewKey, SplitKey

_ALIGNED = 64
"""Nodes whose numbers are made anew between two looks at what a person asks for."""


class EngineDoing:
    """The jobs of an open session. Without one they do nothing; they raise what a session raises.

    Attributes:
        state: what the screen knows too.
        experiments: what is measured beside all this; others read its `measured`.
        partnering: the second model, if there is one; others read its `paired`.
    """

    def __init__(self, state: EngineState, wake: Callable[[], None]) -> None:
        """`wake` has what came for the partner looked at soon; from any thread."""
        self.state = state
        self.experiments = Experimenting()
        self.partnering = Partnering(wake, state.tell)
        self._stepped = False
        self._align_began = 0.0

    def do(self, command: commands.Command) -> None:
        """Carries out a command."""
        session = self.state.session
        if session is None:
            return
        told = ""
        if isinstance(command, commands.Undo):
            told = f"undone: {session.undoes}"
        elif isinstance(command, commands.Redo):
            told = f"done again: {session.redoes}"
        before = Snapshot.of(session) if told else None
        start = session.cursor
        session.do(command)
        self.partnering.moved()
        if before is not None:
            self.state.say(f"{told}; {changed(session, before, Snapshot.of(session))}")
        if not isinstance(command, commands.Step):
            self._look_for_stale(session)
        if isinstance(command, commands.Force | commands.ForceIds):
            self._respond_to(session, start)

    def _respond_to(self, session: Session, start: int) -> None:
        """Measures what was forced after a node, where that is wanted and anything comes after it."""
        if self.state.automatic and not session.ended:
            ids = ids_between(session.tree, start, session.cursor)
            self.experiments.respond(start, ids, session.cursor, asked=False)

    def stop_experiments(self) -> None:
        """Ends what is measured."""
        stopped = self.experiments.stop()
        if stopped is not None:
            self.state.say(f"stopped: {stopped}")

    def force_answer(self, root: int, index: int) -> None:
        """Goes along the partner's answer to a prompt, up to one of its tokens, and forces that."""
        session = self.state.session
        if session is not None:
            *before, last = self.partnering.along_answer(root, index)
            for command in before:
                session.do(command)
            self.do(last)

    def force_partners(self, node: int) -> None:
        """Goes to a node and forces the token that the partner would take there."""
        session = self.state.session
        if session is None or session.partner is None:
            return
        ids = session.partner.tokens_here(node)
        if node != session.cursor:
            session.do(commands.Goto(node))
        self.do(commands.ForceIds(ids))

    def take_word(self, settings: NudgeSettings) -> None:
        """Appends the partner's next word."""
        self.do(self.partnering.next_word(settings))

    def _look_for_stale(self, session: Session) -> None:
        """Numbers of the visible path may be of another sampler now."""
        state = self.state
        state.left = session.stale()
        if state.left and not state.unaligned:
            self._align_began = time.monotonic()
        state.unaligned = state.left > 0

    def _align(self) -> None:
        """Makes some numbers of the visible path anew; what a person asks for comes between."""
        state = self.state
        try:
            state.left = state.session.align(_ALIGNED) if state.session is not None else 0
        except BaseException:
            state.unaligned = False
            raise
        if state.left == 0:
            state.unaligned = False

    def force_word(self, word: str) -> None:
        """Forces a palette word, with the space before it that it needs here."""
        if self.state.session is not None:
            self.do(commands.Force(self.state.session.spaced(word)))

    def _play_step(self) -> None:
        state = self.state
        rate = state.rates[state.rate]
        now = time.monotonic()
        state.due = max(now, state.due + 1 / rate) if rate else now
        self.do(commands.Step())
        state.steps.append(time.monotonic())
        self._stepped = True
        if state.session is not None and state.session.ended:
            state.playing = False
            state.say("the text ends here")

    def export(self, path: Path) -> None:
        """Writes the trace."""
        if self.state.session is None:
            return
        trace = self.state.session.trace()
        trace.save(path)
        self.state.say(f"saved {counted(trace.count, 'node')} to {path}")

    # Answers, None where there is nobody to ask ------------------------------------------------------------------

    def page(self, key: PageKey) -> Page | None:
        """Rows of a distribution."""
        session = self.state.session
        if session is None:
            return None
        if key.by is not None:
            return key.by.page(key.start, key.stop, key.node)
        return session.page(key.start, key.stop, node=key.node, query=key.query)

    def split(self, key: SplitKey) -> list[tuple[bytes, bool]] | None:
        """The tokens of a text to force, and whether each is a control token."""
        model = self.state.model
        if model is None:
            return None
        special = model.info.special_ids
        return [(model.token_bytes(i), i in special) for i in model.tokenize(*key)]

    def preview(self, key: PreviewKey) -> NextToken | str | None:
        """The distribution at the cursor under another sampler."""
        session = self.state.session
        if session is None or session.cursor != key.node:
            return None
        return session.preview(key.sampler) or "the text ends here"

    def render(self, prompt: Prompt) -> Rendered | str | None:
        """A prompt as the model would get it."""
        model, session = self.state.model, self.state.session
        if model is None:
            return None
        if session is not None:
            return model.render(session.settled(prompt))
        from bftui.model.templates import asking

        return model.render(asking(prompt, bool(model.info.chat_template), self.partnering.chats))
