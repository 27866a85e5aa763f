"""A response to a forced text as the workbench tells it: BF now, how far it is, and all of it in a line.

What is exact and at once (BF now, before and after the text) stands apart from what is measured over the tokens that
follow. Every interval says what it is of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.core.job import duration
from bftui.core.noise_floor import factor
from bftui.core.text import counted, safe
from bftui.results.response_words import factor as ratio
from bftui.results.response_words import sentence
from bftui.results.response_words import times as ratio_of
from bftui.ui.drawing.line_builder import fit, starred
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.ui.view import View
    from bftui.workbench.response_shown import ResponseShown

_NAME = 24
"""Cells of the forced text."""
_TIME = 4
"""Cells of a time, so that what stands behind it does not move while it falls."""


def times(delta: float) -> str:
    """A difference of ln BF as a factor."""
    return f"×{ratio_of(delta)}"


def between(ci: tuple[float, float]) -> str:
    """An interval of a ratio."""
    return f"[×{ratio(ci[0])}, ×{ratio(ci[1])}]"


def name(view: View, token_ids: Sequence[int]) -> str:
    """A forced text in quotation marks, safe to draw."""
    return f"“{fit(view.text(token_ids), _NAME)}”"


def now(view: View, node: int) -> str:
    """BF at a node of the tree, exact; a dash where nothing comes after it."""
    entropies = view.tree.entropies(node)
    if entropies is None:
        return "–"
    return starred(factor(math.exp(entropies[1]), view.noise), view.stale(node))


def answer(view: View, found: ResponseShown) -> str:
    """What the forced text does to BF: a sentence that needs no help."""
    text = fit(view.text(found.settings.token_ids), _NAME)
    if found.result is None:
        return f"BF after “{text}” against BF after openings like it: not judged yet"
    return sentence(found.result, text)


# How far it is ----------------------------------------------------------------------------------------------------


def progress(found: ResponseShown) -> str:
    """What is being done and how long it takes at most, or what is left and how it goes on; "" where nothing is."""
    done, planned = found.looks
    left = "" if found.left is None else duration(found.left)
    if found.running:
        doing = safe(found.doing) or "about to begin"
        # What is not known yet has its room, so that what stands before does not move when it is.
        return f"{doing}, at most {left:>{_TIME}}" if left else f"{doing}{'':<{_TIME + 10}}"
    if found.complete:
        return ""
    if found.decided:
        stands = "stopped in what was added"
    elif done:
        stands = f"look {done} of {planned} done"
    else:
        stands = f"stopped in look 1 of {planned}"
    if not found.live:
        return stands
    goes_on = hint("{response} goes on")
    return f"{stands} · about {left} more: {goes_on}" if left else f"{stands} · {goes_on}"


# The line of the workbench ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineForms:
    """A response in a line, the longest form first.

    Attributes:
        whole: forms that leave nothing out but words.
        short: where there is no room for them.
    """

    whole: Sequence[str]
    short: Sequence[str]


def told(view: View, found: ResponseShown) -> LineForms:
    """Tells a response in a line."""
    of = name(view, found.settings.token_ids)
    at_once = f"{of}: BF now {now(view, found.node)} → {now(view, found.end)}"
    ends = progress(found)
    if not ends:
        return _judged(of, at_once, found)
    so_far = _so_far(of, at_once, found)
    whole, short = (
        [f"{form} · {ends}" for form in forms] for forms in (so_far.whole, so_far.short)
    )
    return LineForms(whole, [*short, f"{of}: {ends}", ends])


def _so_far(of: str, at_once: str, found: ResponseShown) -> LineForms:
    """What is known while more comes or could."""
    result = found.result
    if result is None or not result.by_horizon:
        return LineForms([at_once], [])
    last = result.by_horizon[-1]
    brief = f"×{ratio(last.ratio)}"
    told_long = f"next {counted(last.tokens, 'token')} {brief}"
    if last.noise_ci is not None:
        told_long += f" {between(last.noise_ci)} by noise"
    else:
        told_long += f" in {counted(last.samples, 'sample')}"
    whole = f"{at_once} · {told_long}"
    short = [f"{of}: {told_long}", f"{at_once} · next {last.tokens} {brief}", f"{of}: {brief}"]
    if result.verdict is None:
        return LineForms([whole], short)
    return LineForms([f"{whole} · {result.verdict}", whole], short)


def _judged(of: str, at_once: str, found: ResponseShown) -> LineForms:
    """What was found."""
    result = found.result
    if result is None or result.verdict is None:
        return LineForms([at_once], [of])
    ends: str = result.verdict
    if result.reason is not None:
        ends = f"undecided, {safe(result.reason)}"
    details = hint("{response} details")
    if result.delta is None or result.delta_ci is None:
        short = [f"{of}: {ends}", f"{of}: {result.verdict}"]
        return LineForms([f"{at_once} · then {ends} · {details}"], short)
    brief = times(result.delta)
    low, high = map(math.exp, result.delta_ci)
    interval = f"{brief} {between((low, high))}"
    # The interval is that of one text among others like it.
    among = f"{interval} among {counted(result.matched, 'opening')} like it"
    whole = [f"{at_once} · then {among}: {each}" for each in (ends, result.verdict)]
    short = [f"{of}: {among}: {result.verdict}", f"{of}: {interval} {result.verdict}"]
    whole, short = (
        [f"{form}{more}" for form in forms for more in (f" · {details}", "")]
        for forms in (whole, short)
    )
    return LineForms(whole, [*short, f"{of}: {brief} {result.verdict}"])
