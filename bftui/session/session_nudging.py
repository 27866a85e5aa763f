"""Nudging inside a session: at its cursor, round by round, as commands that can be undone."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from bftui.core.errors import UsageError
from bftui.core.pair.nudging_rounds import NudgeSettings, Piece, Round, handed_over, look_ahead
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_writers import BaseWriter, NudgingSite, PartnerWriter
from bftui.session import commands as c

if TYPE_CHECKING:
    from bftui.session.session import Session


def start_nudging(
    session: Session, settings: NudgeSettings | None = None, *, measure: bool = True
) -> Nudging:
    """Nudges at the cursor; each finished round is a `commands.Nudge` of the session.

    Raises UsageError without a partner, where the text has ended, and after a further turn of the user.
    """
    setting = setting_at(session)
    place = session.cursor

    def write(made: Round) -> bool:
        nonlocal place
        if session.cursor != place:
            return False
        place = session.do(c.Nudge(made.pieces))
        return True

    return Nudging(setting, settings, measure=measure, node=place, write=write)


def setting_at(session: Session) -> NudgingSite:
    """The cursor of a session as a place to nudge at; raises like `start_nudging`, and where a template fails."""
    partner, tree = session.partner, session.tree
    if partner is None:
        raise UsageError("there is no partner to nudge with", hint="open one first")
    if session.ended:
        raise UsageError("the text ends here", hint="go back")
    root, *path = tree.path(session.cursor)
    if any(tree.of_prompt(node) for node in path):
        raise UsageError(
            "a conversation of several turns cannot be nudged",
            "the partner reads the first question only",
            "start from another prompt",
        )
    begun = tuple(token for node in path if (token := tree.token_id(node)) is not None)
    return NudgingSite(partner.pair, partner.prepare(root), begun, session.sampler)


def look_ahead_at(session: Session, settings: NudgeSettings | None = None) -> tuple[Piece, ...]:
    """What the partner would write at the cursor, word by word, each with its blank; nothing changes.

    A `commands.Nudge` of the first is one word by hand; the last one may be cut. Raises as `start_nudging` does, and
    ModelError.
    """
    setting = setting_at(session)
    base, limit = BaseWriter(setting), (settings or NudgeSettings()).draft
    draft, _ = look_ahead(PartnerWriter(setting), [], limit)
    ends = [*(len(accepted) for accepted, _ in handed_over(draft)[0]), len(draft)]
    words = [draft[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(Piece("partner", word, base.spell(word)) for word in words if word)


def top_prob(session: Session, node: int) -> float | None:
    """P of the base's most probable token after a node; None where nothing comes after it."""
    following = session.tree.next(node)
    return None if following is None else math.exp(following.top_logprobs[0])


def would_nudge(session: Session, gamma: float = 0.4, node: int | None = None) -> list[int]:
    """The nodes of a path (default: to the cursor) before whose token the base is unsure; needs no partner.

    Tokens of prompts and turns are left out.
    """
    tree = session.tree
    path = tree.path(session.cursor if node is None else node)
    found = []
    for before, each in pairwise(path):
        sure = top_prob(session, before)
        if sure is not None and sure < gamma and not tree.of_prompt(each):
            found.append(each)
    return found
