"""Nudging inside a session: at its cursor, round by round, as commands that can be undone."""

from __future__ import annotations

import math
from collections.abc import Callable

from bftui.core.errors import UsageError
from bftui.core.pair.nudging_rounds import NudgeSettings, Piece, Round, handed_over, look_ahead
from bftui.core.tree import Tree
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_writers import BaseWriter, NudgingSite, PartnerWriter
from bftui.session.commands import Command, Nudge
from bftui.session.model_tree import ModelTree
from bftui.session.partner.session_partner import Partner


def start_nudging(
    base: ModelTree,
    partner: Partner | None,
    do: Callable[[Command], int],
    settings: NudgeSettings | None = None,
    *,
    measure: bool = True,
) -> Nudging:
    """Nudges at the cursor; each finished round is a `commands.Nudge`, which `do` carries out.

    Raises UsageError without a partner, where the text has ended, and after a further turn of the user.
    """
    setting = setting_at(base, partner)
    last = base.state.cursor

    def write(made: Round) -> bool:
        nonlocal last
        if base.state.cursor != last:
            return False
        last = do(Nudge(made.pieces))
        return True

    return Nudging(setting, settings, measure=measure, node=last, write=write)


def setting_at(base: ModelTree, partner: Partner | None) -> NudgingSite:
    """Describes the cursor as a place to nudge at; raises like `start_nudging`, and where a template fails."""
    tree = base.state.tree
    if partner is None:
        raise UsageError("there is no partner to nudge with", hint="open one first")
    if base.ended:
        raise UsageError("the text ends here", hint="go back")
    root, *path = tree.path(base.state.cursor)
    if any(tree.of_prompt(node) for node in path):
        raise UsageError(
            "a conversation of several turns cannot be nudged",
            "the partner reads the first question only",
            "start from another prompt",
        )
    begun = tuple(token for node in path if (token := tree.token_id(node)) is not None)
    return NudgingSite(partner.pair, partner.prepare(root), begun, base.state.sampler)


def look_ahead_at(
    base: ModelTree, partner: Partner | None, settings: NudgeSettings | None = None
) -> tuple[Piece, ...]:
    """Asks what the partner would write at the cursor, word by word, each with its blank; changes nothing.

    A `commands.Nudge` of the first is one word by hand; the last one may be cut. Raises as `start_nudging` does, and
    ModelError.
    """
    setting = setting_at(base, partner)
    writer, limit = BaseWriter(setting), (settings or NudgeSettings()).draft
    draft, _ = look_ahead(PartnerWriter(setting), [], limit)
    ends = [*(len(accepted) for accepted, _ in handed_over(draft)[0]), len(draft)]
    words = [draft[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(Piece("partner", word, writer.spell(word)) for word in words if word)


def top_prob(tree: Tree, node: int) -> float | None:
    """Returns P of the base's most probable token after a node; None where nothing comes after it."""
    following = tree.next(node)
    return None if following is None else math.exp(following.top_logprobs[0])
