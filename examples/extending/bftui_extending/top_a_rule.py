"""Top-a as a truncation rule of another package: `--rule top-a=0.2`."""

from __future__ import annotations

from bftui.core.truncation import Ranked, Span, TruncationRule


def top_a(ranked: Ranked, share: float) -> Span:
    """Keep tokens of at least `share` times the square of the largest probability."""
    probs = ranked.probs
    return 0, int((probs >= share * probs[0] ** 2).sum())


RULE = TruncationRule(
    name="top-a",
    span=top_a,
    keeps="what has this share of the square of the largest probability",
    source="BlinkDL, RWKV-LM",
    low=0.0,
    high=1.0,
)
