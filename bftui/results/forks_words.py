"""The words of forking tokens that command and report share."""

from __future__ import annotations

from itertools import takewhile

from bftui.core.text import counted, label, safe
from bftui.results.forks_result import ForkAlternative, ForkPosition, ForksResult

_LEVEL = 0.05
_MOST = 3
_SHARED = 12
"""Characters from which on what outcomes begin with is left out."""


def sentence(found: ForksResult) -> str:
    """Says in one sentence what was found; safe to print."""
    told = [each for each in found.ranked if (each.p_holm or 1.0) < _LEVEL]
    looked = counted(len(found.positions), "open position")
    if not told:
        return f"at none of {looked} would another draw change the outcome more than chance does"
    first = told[0]
    taken = next((each for each in first.alternatives if each.taken), first.alternatives[0])
    rest = f", and at {counted(len(told) - 1, 'more position')}" if len(told) > 1 else ""
    return (
        f"of {looked} the path forks most at {first.position}, “{label(taken.text.encode())}”: were it drawn again, "
        f"the outcome would change in {100 * (first.score or 0.0):.0f} % of the cases, "
        f"{100 * (first.chance or 0.0):.0f} % by chance{rest}"
    )


def outcomes(alternative: ForkAlternative, position: ForkPosition) -> str:
    """Says what came of an alternative, the most frequent first; safe to print.

    What all outcomes of the position begin with is left out where it is long.
    """
    texts = [each.text for one in position.alternatives for each in one.outcomes]
    # The first and the last in order share what all of them share.
    ends = zip(min(texts), max(texts), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))
    begun = shared if shared > _SHARED else 0
    before = "…" if begun else ""
    shown = [
        f"{each.count} × {before}{safe(each.text[begun:]) or 'nothing'}"
        for each in alternative.outcomes[:_MOST]
    ]
    more = len(alternative.outcomes) - _MOST
    return " · ".join([*shown, f"{more} more"] if more > 0 else shown)
