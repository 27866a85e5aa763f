"""The words of injected style that command, screen and report share."""

from __future__ import annotations

import math

from bftui.results.injection_result import InjectedWindow, InjectionContrast, InjectionResult


def named(start: int, stop: int | None) -> str:
    """Writes a window: 0-8, or 8- where it has no end."""
    return f"{start}-{'' if stop is None else stop}"


def sentence(found: InjectionResult) -> str:
    """Says what the earliest and the latest of some windows that are as long do to BF; safe to print."""
    if not found.contrasts:
        if not found.windows:
            return "no window is measured yet"
        return f"style injected {told(found.windows[0])}"
    contrast = found.contrasts[0]
    for each in found.contrasts:
        if each.weight == contrast.weight and each.first == contrast.first:
            contrast = max(contrast, each, key=lambda one: one.second)
    first, second = (
        next(w for w in found.windows if (w.start, w.stop, w.weight) == (*ends, contrast.weight))
        for ends in (contrast.first, contrast.second)
    )
    return f"style injected early {told(first)}; late {told(second)}: {verdict(contrast, first, second)}"


def told(window: InjectedWindow) -> str:
    """Says what one window does: "at 0-8 makes BF after it 0.85 [0.71, 1.02] times as large"."""
    where = "after it" if window.stop is not None else "along it"
    ends = ""
    if window.delta_ci is not None:
        ends = " [{:.2f}, {:.2f}]".format(*map(math.exp, window.delta_ci))
    return (
        f"at {named(window.start, window.stop)} makes BF {where} {math.exp(window.delta):.2f}{ends} times "
        "as large as the content alone"
    )


def verdict(contrast: InjectionContrast, first: InjectedWindow, second: InjectedWindow) -> str:
    """Says which of two windows changes BF more, where their effects differ by more than chance."""
    if contrast.ci is None:
        return "nothing says how sure the difference is"
    ends = "{:+.2f} [{:+.2f}, {:+.2f}] nats".format(contrast.delta, *contrast.ci)
    if contrast.ci[0] <= 0 <= contrast.ci[1]:
        return f"undecided which changes it more ({ends} apart)"
    more = "early" if abs(first.delta) > abs(second.delta) else "late"
    return f"{more} changes it more ({ends} apart)"
