"""The words of forking tokens that command and report share."""

from __future__ import annotations

from bftui.core.text import counted, label, safe
from bftui.results.forks_result import ForkAlternative, ForksResult

_LEVEL = 0.05
_MOST = 3


def sentence(found: ForksResult) -> str:
    """Says in one sentence what was found; safe to print."""
    told = [each for each in found.ranked if (each.p_holm or 1.0) < _LEVEL]
    looked = counted(len(found.positions), "open position")
    if not told:
        return f"at none of {looked} does another token change the outcome more than chance does"
    first = told[0]
    taken = next((each for each in first.alternatives if each.taken), first.alternatives[0])
    rest = f", and at {counted(len(told) - 1, 'more position')}" if len(told) > 1 else ""
    return (
        f"of {looked} the path forks most at {first.position}, “{label(taken.text.encode())}”: another token there "
        f"changes the outcome in {100 * (first.score or 0.0):.0f} % of the cases, "
        f"{100 * (first.chance or 0.0):.0f} % by chance{rest}"
    )


def outcomes(alternative: ForkAlternative) -> str:
    """Says what came of an alternative, the most frequent first; safe to print."""
    shown = [
        f"{each.count} × {safe(each.text) or 'nothing'}" for each in alternative.outcomes[:_MOST]
    ]
    more = len(alternative.outcomes) - _MOST
    return " · ".join([*shown, f"{more} more"] if more > 0 else shown)
