"""What a response found, in a sentence that needs no other: commands, reports and screens say the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bftui.core.bf.looks import FEW_SAMPLES, SEVERAL, SPREAD
from bftui.core.text import counted, safe

if TYPE_CHECKING:
    from bftui.core.bf.looks import HorizonRatio
    from bftui.results.response_result import ExtendedResult, ResponseResult

_FOLLOWS = {
    "narrows": "it narrows, more than such openings do",
    "widens": "it widens, more than such openings do",
    "no effect": "no effect, less than 10 %",
}
_UNDECIDED = {
    SPREAD: "within what such openings do",
    FEW_SAMPLES: "too few samples to tell",
    SEVERAL: "more than such openings do, but not clearly as one of several texts",
}


def sentence(found: ResponseResult, name: str) -> str:
    """Says how BF after a text compares with that after texts like it, and what follows from it.

    The interval is the one that decided: by sampling alone where it is said so, else that of one text against texts
    like it. Both are at the level of the look. `name` is the text as it is shown, safe.
    """
    after = f"after “{name}” BF is"
    if found.verdict is None:
        so_far = _so_far(found.by_horizon[-1], found) if found.by_horizon else None
        return f"{after} {so_far or f'{found.forced.bf:.2f} so far'}: not judged yet"
    why = _UNDECIDED.get(found.reason or "")
    if why is None:
        why = f"undecided, {safe(found.reason)}" if found.reason else "undecided"
    follows = _FOLLOWS.get(found.verdict, why)
    if found.delta is None:
        return f"{after} {found.forced.bf:.2f}: {follows}"
    inside = ""
    if found.verdict == "no effect" and found.noise_ci is not None:
        inside = f" ({span(found.noise_ci)} by sampling alone)"
    elif found.delta_ci is not None:
        inside = f" ({span(found.delta_ci)})"
    return f"{after} {times(found.delta)} × that after {_like_it(found)}{inside}: {follows}"


def added(found: ExtendedResult) -> str:
    """Says what samples or tokens tell that were added after the looks."""
    spread = "" if found.delta_ci is None else f" ({span(found.delta_ci)})"
    noise = "" if found.noise_ci is None else f", {span(found.noise_ci)} by sampling alone"
    size = f"{counted(found.samples, 'sample')} of {counted(found.horizon, 'token')}"
    return f"extended to {size}: {times(found.delta)} ×{spread}{noise}; no verdict comes from it"


def over_tokens(found: ResponseResult) -> str:
    """Says the ratio over the first 4, 8, … tokens in a line; "" before all texts have any."""
    if not found.by_horizon:
        return ""
    told = ", ".join(f"{each.tokens} ×{factor(each.ratio)}" for each in found.by_horizon)
    return f"over the first tokens: {told}"


def gap(found: ResponseResult) -> str:
    """Warns where the controls are not about as probable as the text; "" where they are."""
    match = found.match
    if match is None or (match.gap is not None and match.gap <= 1):
        return ""
    if match.gap is None:
        return "the text has no probability here, the openings that it is held against have some"
    return f"the openings are {match.gap:.1f} nats from the text in ln P, in the mean: they are not quite like it"


def times(delta: float) -> str:
    """A difference of ln BF as a ratio."""
    return factor(math.exp(min(delta, 700.0)))


def span(ci: tuple[float, float]) -> str:
    """The ends of an interval of a difference of ln BF, as ratios."""
    return f"{times(ci[0])} – {times(ci[1])}"


def factor(value: float) -> str:
    """A ratio in few digits, however small or large it is."""
    if value >= 99.5:
        return f"{value:,.0f}" if value < 99_999.5 else f"{value:.0e}"
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def _so_far(told: HorizonRatio, found: ResponseResult) -> str:
    size = f"{counted(told.samples, 'sample')} of {counted(told.tokens, 'token')}"
    noise = ""
    if told.noise_ci is not None:
        noise = f"{factor(told.noise_ci[0])} – {factor(told.noise_ci[1])} by sampling alone, "
    return f"{factor(told.ratio)} × that after {_like_it(found)} so far ({noise}{size})"


def _like_it(found: ResponseResult) -> str:
    return f"{counted(found.matched, 'opening')} like it"
