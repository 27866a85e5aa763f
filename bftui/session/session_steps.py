"""Steps of a session that end where a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bftui.core.errors import UsageError
from bftui.session.breakpoint_judge import BreakpointJudge, Reached
from bftui.session.breakpoints import Breakpoint
from bftui.session.commands import Command, Greedy, Step
from bftui.session.model_tree import ModelTree
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.partner.session_partner import Partner


def steps_until(
    on: ModelTree,
    partner: Partner | None,
    do: Callable[[Command], int],
    conditions: Sequence[Breakpoint],
    limit: int,
    *,
    greedy: bool = False,
) -> Iterator[Reached | None]:
    """Takes steps, yielding after each what it reached, if anything; ends there, at the text's end and at `limit`.

    Args:
        on, partner: the session's tree, and who reads along.
        do: carries out a command of the session.
        conditions: the first of them that holds ends it; without any, `limit` and the text do.
        limit: steps that are taken at most.
        greedy: whether the most probable token is taken.

    Raises UsageError for a fork without a partner and for a regular expression that takes too long, ModelError,
    Cancelled.
    """
    forks = any(each.kind == "fork" for each in conditions)
    if forks and partner is None:
        raise UsageError("there is no partner to fork from", hint="open a second model")
    judge = BreakpointJudge()
    try:
        for _ in range(limit):
            if on.ended and not on.ignore_eos:
                return
            do(Greedy() if greedy else Step())
            if forks and partner is not None:
                PartnerSync(partner).finish()
            reached = judge.reached(on, partner, conditions)
            yield reached
            if reached is not None:
                return
    finally:
        judge.close()
