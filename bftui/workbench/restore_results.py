"""What a session measured before, read from its measurements: as the screen shows it, with no model.

What a newer bftui or somebody else wrote and cannot be shown is left out: the rest is still worth seeing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from bftui.core.bf.estimate import CurvePoint
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.core.text import safe
from bftui.results.lookahead_result import LookaheadResult, Width
from bftui.results.stored_result import StoredResult
from bftui.workbench.measured_results import Against, Ids, Interval, Place, Responded
from bftui.workbench.rollout_series import Drawing, PastRollouts, RolloutSeries
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
    responses: dict[int, Responded] = {}
    for found in measurements:
        node, settings, result = found["node"], found["settings"], found["result"]
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
                    response = _responded(node, settings, result, tree, samplers)
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
    """Whether a look-ahead is one of one step, and of numbers that were not made anew since."""
    following = tree.next(stored.node)
    if stored.settings.steps != 1 or following is None:
        return False
    before: Width = stored.result.width
    return abs(following.entropy_truncated - before.entropy_truncated) <= _NEAR


def _responded(
    node: int,
    settings: Mapping[str, Any],
    result: Mapping[str, Any],
    tree: Tree,
    samplers: Sequence[Sampler],
) -> Responded:
    ids, forced = ids_of(settings["token_ids"]), result["forced"]
    kinds = tuple(_against(each) for each in result["controls"])
    verdict, reason = result["verdict"], result["reason"]
    return Responded(
        node=node,
        token_ids=ids,
        end=_end(tree, node, ids),
        sampler=samplers.index(_sampler(settings)),
        samples=whole(settings["samples"], 1),
        horizon=whole(settings["horizon"], 1),
        planned=whole(settings["controls"]),
        share=1.0,
        running=False,
        logprob=maybe_number(forced["logprob"]),
        bf=number(forced["bf"]),
        ci=_interval(forced["ci"]),
        ended=number(forced["ended"]),
        delta=maybe_number(result["delta"]),
        delta_ci=_interval(result["delta_ci"]),
        verdict=None if verdict is None else safe(str(verdict)),
        reason=None if reason is None else safe(str(reason)),
        kinds=kinds,
        controls=tuple(map(_point, result.get("controls_curve", ()))),
    )


def _point(each: Mapping[str, Any]) -> CurvePoint:
    return CurvePoint(
        position=whole(each["position"]),
        bf=number(each["bf"]),
        std=number(each["std"]),
        n=whole(each["n"]),
        low=maybe_number(each["low"]),
        high=maybe_number(each["high"]),
    )


def _against(each: Mapping[str, Any]) -> Against:
    return Against(
        kind=safe(str(each["kind"])),
        texts=tuple(str(text) for text in each["texts"]),
        bf=maybe_number(each["bf"]),
        ci=_interval(each["ci"]),
        delta=maybe_number(each["delta"]),
        delta_ci=_interval(each["delta_ci"]),
    )


def _end(tree: Tree, node: int, ids: Ids) -> int:
    """The node where a text that was forced after another one ends. Raises LookupError where the tree lacks it."""
    for token_id in ids:
        found = [each for each in tree.children(node) if tree.token_id(each) == token_id]
        # Forced tokens are places of their own, whatever was sampled beside them.
        forced = [each for each in found if tree.source(each).word == "forced"]
        node = (forced or found)[0]
    return node


def _sampler(settings: Mapping[str, Any]) -> Sampler:
    return Sampler(**{each.name: settings[each.name] for each in fields(Sampler)})


def ids_of(values: Iterable[Any]) -> Ids:
    """Token ids; raises ValueError for what are none."""
    return tuple(whole(value) for value in values)


def whole(value: Any, low: int = 0) -> int:
    """A whole number; raises ValueError for anything else."""
    if type(value) is not int or value < low:
        raise ValueError(f"{value!r} is no whole number from {low} on")
    return value


def number(value: Any) -> float:
    """A finite number; raises ValueError for anything else."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def maybe_number(value: Any) -> float | None:
    """A finite number or None; raises ValueError for anything else."""
    return None if value is None else number(value)


def _interval(pair: Any) -> Interval | None:
    if pair is None:
        return None
    low, high = pair
    return number(low), number(high)
