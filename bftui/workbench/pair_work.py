"""What two models are asked together: an answer that the other reads, a text that both write, what comes next.

Belongs to the loop; one piece at a time. What is found is frozen, and replaced as a whole whenever more is known.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, UsageError
from bftui.session import commands
from bftui.workbench.keys import hint
from bftui.workbench.paired_results import Draft, NudgingShown, ShiftShown
from bftui.workbench.snapshot import Notice, Paired, Running, Tone

if TYPE_CHECKING:
    from bftui.core.pair.nudging_rounds import NudgeSettings, Piece
    from bftui.measures.nudging.nudging_run import Nudging
    from bftui.measures.shift.shift_reading import Shift
    from bftui.measures.style_lexicon import Harvest
    from bftui.session.partner.partner_sync import PartnerSync
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session

_EVERY_S = 0.1
"""Between two looks at what still runs."""


class PairWork:
    """Reading along, shift, nudging, drafts and the palette's prefixes.

    Attributes:
        session: whose partner it is.
        paired: everything that is known.
        behind: whether the partner may not have read all of the visible path.
        harvest: what looks how the partner's answers begin, while it does.
    """

    def __init__(self, publish: Callable[[Paired], None]) -> None:
        """`publish` is told all that is known, whenever that is more."""
        self.session: Session | None = None
        self.paired = Paired()
        self.behind = False
        self.harvest: Harvest | None = None
        self._tell = publish
        self._catching: PartnerSync | None = None
        self._shifting: tuple[int, Shift] | None = None
        self._nudging: tuple[int, Nudging] | None = None
        self._drafting: NudgeSettings | None = None
        self._drafted: tuple[int, tuple[Piece, ...]] = -1, ()
        self._published = 0.0
        self._turns: deque[Callable[[], Notice | None]] = deque((self._catch_up, self._read))

    @property
    def partner(self) -> Partner | None:
        """The session's partner, if there is one."""
        return self.session.partner if self.session is not None else None

    @property
    def root(self) -> int:
        """The prompt of the visible path."""
        assert self.session is not None
        return self.session.tree.root(self.session.cursor)

    @property
    def asked(self) -> bool:
        """Whether something runs that a person asked for."""
        return self._nudging is not None or self._shifting is not None

    @property
    def waiting(self) -> bool:
        """Whether there is a piece to be done that somebody may look at."""
        return self.partner is not None and (
            self.behind or self.asked or self._catching is not None or self._drafting is not None
        )

    def advance(self) -> Notice | None:
        """Does one piece, and gives what there is to tell. Raises ModelError, Cancelled, and faults of ours."""
        if self._nudging is not None:
            return self._nudge()
        self._turns.rotate(-1)
        for turn in self._turns:
            if (turn == self._catch_up and self.behind) or (turn == self._read and self._shifting):
                return turn()
        if self._drafting is not None:
            return self._draft()
        return self._gather()

    # Reading along ---------------------------------------------------------------------------------------------

    def _catch_up(self) -> Notice | None:
        from bftui.session.partner.partner_sync import PartnerSync

        partner = self.partner
        assert partner is not None
        if self._catching is None:
            self.behind = partner.waiting() > 0
            if not self.behind:
                return self._check(partner, told=False)
            self._catching = PartnerSync(partner)
        try:
            more = self._catching.advance()
        except Cancelled:
            # What was read stays; the rest is read after what a person asked for.
            self._catching = None
            raise
        if more:
            if self._due():
                self.publish()
            return None
        self._catching = None
        self.behind = partner.waiting() > 0
        return self._check(partner)

    def _check(self, partner: Partner, *, told: bool = True) -> Notice | None:
        """Publishes what the partner knows now, or why it knows nothing here. Raises BackendCrashed."""
        error = partner.error
        if isinstance(error, BackendCrashed):
            raise error
        assert self.session is not None
        # What stopped it may have been elsewhere on the path.
        known = partner.current(self.session.cursor)
        line = "" if error is None or known else error.line()
        news = line if told and line != self.paired.error else ""
        contexts = partner.contexts(self.root)
        template = contexts.partner.template if contexts is not None else self.paired.template
        self.publish(error=line, template=template)
        return Notice(f"partner: {news}", Tone.WARNING, error) if news else None

    # Shift -----------------------------------------------------------------------------------------------------

    def shift(self) -> None:
        """Has the partner answer the visible prompt and the base read it. Raises UsageError."""
        partner = self._asked()
        root = self.root
        known = self.paired.shifted.get(root)
        if self._shifting is not None and self._shifting[0] == root:
            return
        if known is None or known.stopped:
            self._shifting = root, partner.start_shift()
            self._show(running=True)

    def _read(self) -> Notice | None:
        assert self._shifting is not None
        assert self.session is not None
        job = self._shifting[1]
        if job.advance():
            if self._due():
                self._show(running=True)
            return None
        self.session.keep_shift(job)
        self._show(running=False)
        self._shifting = None
        return None

    def _show(self, *, running: bool) -> None:
        assert self._shifting is not None
        root, job = self._shifting
        found = ShiftShown(
            root,
            job.settings(),
            job.result(),
            running=running,
            stopped=not running and not job.done,
            share=job.share,
            left=job.left if running else None,
        )
        self.publish(shifted={**self.paired.shifted, root: found})

    def along_answer(self, root: int, index: int) -> list[commands.Command]:
        """Returns what leads to a position of the partner's answer; the last command forces its token there.

        Nodes that hold the text before it are gone along, however they came to be; the rest of that text is added as
        the partner's. Raises UsageError, ModelError.
        """
        from bftui.core.pair.nudging_rounds import Piece

        partner, session = self._asked(), self.session
        assert session is not None
        found, contexts = self.paired.shifted.get(root), partner.contexts(root)
        if found is None or contexts is None or index >= len(found.result.positions):
            raise UsageError(
                "there is no answer of the partner to this prompt", hint=hint("{shift} asks it")
            )
        at, answer = found.result.positions[index], found.result.answer.token_ids
        before, upto = (
            tuple(partner.pair.to_base(answer[:end], contexts))
            for end in (at.position, at.position + len(at.token_ids))
        )
        common = _common(before, upto)
        node, taken = _along(session, root, before[:common])
        led: list[commands.Command] = []
        if node != session.cursor:
            led.append(commands.Goto(node))
        if taken < common:
            ids = before[taken:common]
            text = b"".join(session.model.token_bytes(each) for each in ids)
            led.append(commands.Nudge((Piece("partner", text, ids),)))
        return [*led, commands.ForceIds(upto[common:])]

    # Nudging ---------------------------------------------------------------------------------------------------

    def nudge(self, settings: NudgeSettings) -> None:
        """Writes on from the cursor with both models. Raises UsageError."""
        self._asked()
        assert self.session is not None
        self._stop_nudging()
        start = self.session.cursor
        self._nudging = start, self.session.start_nudging(settings)
        self._tell_nudged(running=True)

    def _nudge(self) -> Notice | None:
        assert self._nudging is not None
        assert self.session is not None
        start, job = self._nudging
        rounds = len(job.rounds)
        more = job.advance()
        if len(job.rounds) != rounds:
            self.behind = True
        if more:
            if self._due() or len(job.rounds) != rounds:
                self._tell_nudged(running=True)
            return None
        self._nudging = None
        job.close()
        if job.pieces:
            self.session.keep(job.stored(start))
        self._tell_nudged(running=False, job=(start, job))
        return None

    def _tell_nudged(self, *, running: bool, job: tuple[int, Nudging] | None = None) -> None:
        start, found = job or self._nudging or (0, None)
        assert found is not None
        self.publish(nudged=NudgingShown(start, found.result(), running, found.doing))

    def look(self, settings: NudgeSettings) -> None:
        """Asks what the partner would write after the cursor."""
        self._drafting = settings

    def _draft(self) -> Notice | None:
        settings, self._drafting = self._drafting, None
        session = self.session
        assert session is not None
        assert settings is not None
        reason = ""
        try:
            self._words(settings)
        except Cancelled:
            self._drafting = settings
            raise
        except BackendCrashed:
            raise
        except BftuiError as error:
            self._drafted = session.cursor, ()
            reason = error.line()
        node, pieces = self._drafted
        self.publish(draft=Draft(node, tuple(piece.text for piece in pieces), reason))
        return None

    def _words(self, settings: NudgeSettings) -> tuple[Piece, ...]:
        """Returns what the partner would write at the cursor; asked for once at each place."""
        from bftui.session.session_nudging import look_ahead_at

        session = self.session
        assert session is not None
        node = session.cursor
        if self._drafted[0] != node:
            self._drafted = node, look_ahead_at(session.model_tree, session.partner, settings)
        return self._drafted[1]

    def next_word(self, settings: NudgeSettings) -> commands.Command:
        """Returns what appends the partner's next word. Raises UsageError where it has none, ModelError."""
        self._asked()
        self._stop_nudging()
        words = self._words(settings)
        if not words:
            raise UsageError("the partner ends the text here", hint="← goes back")
        return commands.Nudge(words[:1])

    # The style palette -----------------------------------------------------------------------------------------

    def _gather(self) -> Notice | None:
        """Looks how the partner's answers begin; nobody waits for that."""
        from bftui.measures.style_lexicon import offered

        job = self.harvest
        if job is None or job.advance():
            return None
        self.harvest = None
        self.publish(words=offered(job.prefixes()))
        return None

    # Stopping and publishing -----------------------------------------------------------------------------------

    def stop(self) -> str | None:
        """Ends what a person asked for, and says what; None where nothing was."""
        running = ("nudging", self._nudging), ("shift", self._shifting)
        stopped = [name for name, work in running if work is not None]
        self._stop_nudging()
        if self._shifting is not None:
            self._shifting[1].close()
            self._show(running=False)
            self._shifting = None
        return ", ".join(stopped) or None

    def drop(self, *, reading: bool = True) -> None:
        """Ends all work; without `reading` the partner goes on to read along, and to be looked at for prefixes."""
        self.stop()
        self._drafting = None
        catching, self._catching = self._catching, None
        if catching is not None:
            catching.close()
        if reading:
            harvest, self.harvest, self.behind = self.harvest, None, False
            if harvest is not None:
                harvest.close()

    def forget_draft(self) -> None:
        """Forgets what the partner would write: it is another one's."""
        self._drafted = -1, ()

    def _stop_nudging(self) -> None:
        if self._nudging is not None:
            start, job = self._nudging
            self._nudging = None
            job.close()
            self._tell_nudged(running=False, job=(start, job))

    def _asked(self) -> Partner:
        partner = self.partner
        if partner is None:
            raise UsageError("there is no partner", hint=hint("{partner} opens one"))
        return partner

    def _due(self) -> bool:
        return time.monotonic() - self._published >= _EVERY_S

    def publish(self, **changes: Any) -> None:
        """Publishes what changed, and what runs."""
        running = []
        if self._nudging is not None:
            running.append(Running("nudging", self._nudging[1].share))
        if self._shifting is not None and not self._shifting[1].done:
            running.append(Running("shift", self._shifting[1].share))
        self.show(replace(self.paired, running=tuple(running), **changes))

    def show(self, paired: Paired) -> None:
        """Publishes all that is known."""
        self.paired = replace(paired, version=self.paired.version + 1)
        self._published = time.monotonic()
        self._tell(self.paired)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Counts how many tokens two texts begin with alike; of the second one at least one is left."""
    same = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return min(next(same, len(a)), len(a), len(b) - 1)


def _along(session: Session, root: int, ids: Sequence[int]) -> tuple[int, int]:
    """Finds the node that a text after a prompt leads to, as far as the tree holds it, and how many tokens that is.

    The visible path goes first, then what was visited last.
    """
    tree, visible, node = session.tree, set(session.tree.path(session.cursor)), root
    for taken, token_id in enumerate(ids):
        last = tree.last_visited(node)
        found = [each for each in tree.children(node) if tree.token_id(each) == token_id]
        if not found:
            return node, taken
        node = max(found, key=lambda each: (each in visible, each == last, each))
    return node, len(ids)
