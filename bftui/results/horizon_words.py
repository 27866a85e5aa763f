"""The words of a grown tree that command and report share."""

from __future__ import annotations

from bftui.core.noise_floor import finest
from bftui.core.text import counted
from bftui.results.horizon_result import SHARES, HorizonDepth, HorizonResult, MergedTexts

_STOPS = {
    "mass": "the texts hold the mass that was asked for",
    "least": "no path that was not read is as probable as the least one",
    "nodes": "it has all the nodes that it may have",
    "whole": "there is nothing more",
    "stopped": "it was stopped",
}


def sentence(found: HorizonResult) -> str:
    """Says in one sentence what was found."""
    last = found.depths[-1]
    half = held(found, SHARES[0])
    return (
        f"over {counted(last.depth, 'token')} the tree BF is {bounds(last)}, and {half} "
        f"{'holds' if half == '1' else 'hold'} half of the mass: {counted(last.texts, 'text')} with "
        f"{share(last.mass)} of it are known"
    )


def ending(found: HorizonResult) -> str:
    """Says why the tree grew no further."""
    return f"{counted(found.nodes, 'distribution')} read; {_STOPS[found.stop]}"


def bounds(depth: HorizonDepth) -> str:
    """Writes the bounds of a tree BF: as one number where they meet."""
    return between(finest(depth.bf_low, None), finest(depth.bf_high, None))


def between(low: str, high: str) -> str:
    """Writes two bounds, or the number that both are."""
    return low if low == high else f"{low} to {high}"


def held(found: HorizonResult | MergedTexts, name: str) -> str:
    """Writes how many texts hold a share of the mass: with ≥ for a lower bound, or with both bounds."""
    low, high = found.texts_for_mass[name], found.texts_for_mass_high[name]
    if name not in found.at_least:
        return f"{low:,}"
    return f"≥ {low:,}" if high is None else f"{low:,} to {high:,}"


def unexplored(mass: float) -> str:
    """Writes what is left of the mass where so much is known, in percent."""
    left = 1 - mass
    return "0 %" if left < 1e-9 else "< .01 %" if left < 1e-4 else share(left)


def share(mass: float) -> str:
    """Writes a share of the mass in percent."""
    return f"{100 * mass:.3g} %" if mass < 0.9995 or mass >= 1 - 1e-9 else "> 99.9 %"
