"""What truncation rules kept, as far as the stored candidates of a distribution tell it: without its logits."""

from __future__ import annotations

import math

import numpy as np

from bftui.core.distribution import NextToken
from bftui.core.kept_tokens import RuleEffect
from bftui.core.logits import F64
from bftui.core.sampler import Sampler
from bftui.core.truncation import active_rules


def stored_effects(following: NextToken, sampler: Sampler) -> list[RuleEffect]:
    """Return what rules of a sampler kept alone, those that this is known of; nothing where logits were changed.

    Args:
        following: made under `sampler`.
        sampler: of this position, see `Sampler.at`.

    Raises UsageError for a rule that no package adds.
    """
    if sampler.steers:
        return []
    rules = active_rules(sampler)
    if len(rules) == 1 and not (sampler.xtc_probability or sampler.pinned):
        ((rule, value),) = rules
        start = _first_kept(following)
        return (
            [] if start is None else [RuleEffect(rule.name, value, start, start + following.kept)]
        )
    found = []
    for rule, value in rules:
        stop = _stop(rule.name, value, following)
        if stop is not None:
            found.append(RuleEffect(rule.name, value, 0, stop))
    return found


def _first_kept(following: NextToken) -> int | None:
    """The place of the first kept token; None where it is not stored."""
    places = range(len(following.top_ids))
    return next((n for n in places if following.logprob_truncated(n) is not None), None)


def _stop(name: str, value: float, following: NextToken) -> int | None:
    """How many of the likeliest tokens a rule keeps; None where the stored ones do not tell it."""
    logprobs = following.top_logprobs
    if name == "top_k":
        return min(int(value), following.n_vocab)
    if name == "min_p":
        least = float(logprobs[0]) + following.temperature * math.log(value)
        return _count(logprobs, least)
    # The others look at probabilities at the temperature, and only those at 1 are stored.
    if following.temperature != 1:
        return None
    if name == "top_p":
        place = int(np.searchsorted(np.cumsum(np.exp(logprobs)), value, side="left"))
        return place + 1 if place < len(logprobs) else None
    if name == "epsilon":
        return _count(logprobs, math.log(value))
    if name == "eta":
        return _count(logprobs, min(math.log(value), 0.5 * math.log(value) - following.entropy))
    return None


def _count(logprobs: F64, least: float) -> int | None:
    """How many are at least this, and one; None where that is all that are stored."""
    count = int(np.count_nonzero(logprobs >= least))
    return max(1, count) if count < len(logprobs) else None
