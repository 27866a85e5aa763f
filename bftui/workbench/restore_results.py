"""What a session measured before, read from its measurements: as the screen shows it, with no model.

What a newer bftui or somebody else wrote and cannot be shown is left out: the rest is still worth seeing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.results.lookahead_result import LookaheadResult, Width
from bftui.results.stored_result import StoredResult
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.rollout_series import Drawing, PastRollouts, Place, RolloutSeries
from bftui.workbench.snapshot import Measured

if TYPE_CHECKING:
    from bftui.core.tree import Tree

_NEAR = 1e-6
"""Entropies that are this near are of the same distribution, after the rounding of a trace."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was measured: what the screen shows of it, and the rollouts that further ones are added to."""

    measured: Measured = field(default_factory=Measured)
    series: Mapping[Place, RolloutSeries] = field(default_factory=dict)


def recall(
    measurements: Iterable[Mapping[str, Any]],
    tree: Tree,
    samplers: Sequence[Sampler],
) -> Recalled:
    """Look-ahead, rollouts and responses of a session; of rollouts of one place those that go with the latest."""
    looked: dict[Place, LookaheadResult] = {}
    series: dict[Place, RolloutSeries] = {}
    responses: dict[int, ResponseShown] = {}
    for found in measurements:
        node = found["node"]
        with suppress(
            LookupError, TypeError, ValueError, OverflowError, AttributeError, UsageError
        ):
            match found["kind"]:
                case "lookahead":
                    ahead = StoredResult.read(found)
                    if _still_holds(ahead, tree):
                        looked[node, tree.sampler(node)] = ahead.result
                case "rollouts" | "resampling":
                    past = PastRollouts.of(StoredResult.read(found))
                    _put(series, (node, samplers.index(past.settings().sampler)), past)
                case "response":
                    response = ResponseShown.past(StoredResult.read(found), tree, samplers)
                    responses[response.end] = response
    rolled = {place: each.rolled(n) for n, (place, each) in enumerate(series.items())}
    goes_on = {place: each for place, each in series.items() if _goes_on(each.jobs[-1])}
    return Recalled(Measured(looked=looked, rolled=rolled, responses=responses), goes_on)


def _put(known: dict[Place, RolloutSeries], place: Place, past: PastRollouts) -> None:
    """Adds rollouts to those that they go on from, or lets them take their place."""
    series = known.get(place)
    if series is not None and past.goes_on and series.takes(past.settings()):
        series.jobs.append(past)
    else:
        known[place] = RolloutSeries(place, [past])


def _goes_on(job: Drawing) -> bool:
    return isinstance(job, PastRollouts) and job.goes_on


def _still_holds(stored: StoredResult, tree: Tree) -> bool:
    """Whether a look-ahead is one of one step, and of numbers that were not recomputed since."""
    following = tree.next(stored.node)
    if stored.settings.steps != 1 or following is None:
        return False
    before: Width = stored.result.width
    return abs(following.entropy_truncated - before.entropy_truncated) <= _NEAR
