"""What a session measured before, read from its measurements: as the screen shows it, with no model.

What a newer bftui or somebody else wrote and cannot be shown is left out: the rest is still worth seeing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.results.codec import FieldError
from bftui.results.lookahead_result import LookaheadResult, Width
from bftui.results.stored_result import StoredResult
from bftui.workbench.dial_shown import DialShown
from bftui.workbench.grown_shown import GrownShown
from bftui.workbench.paired_results import NudgingShown, ShiftShown
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.rollout_series import Drawing, PastRollouts, Place, RolloutSeries
from bftui.workbench.snapshot import Beside, Measured, Paired
from bftui.workbench.valid_shown import ValidShown
from bftui.workbench.words_shown import PartnerShown, past_beside, past_words

if TYPE_CHECKING:
    from bftui.core.tree import Tree
    from bftui.session.records.recorded_model import RecordedPartner
    from bftui.session.session import Session

_NEAR = 1e-6
"""Entropies that are this near are of the same distribution, after the rounding of a trace."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was measured: what the screen shows of it, and the rollouts that further ones are added to."""

    measured: Measured = field(default_factory=Measured)
    series: Mapping[Place, RolloutSeries] = field(default_factory=dict)


def restored(
    measurements: Iterable[Mapping[str, Any]],
    tree: Tree,
    samplers: Sequence[Sampler],
    *,
    live: bool = True,
) -> Restored:
    """Restores look-ahead, rollouts, responses, dials and the last valid set; rollouts of a place are the latest.

    `live`: whether there is a model, so that what was stopped can go on.
    """
    looked: dict[Place, LookaheadResult] = {}
    series: dict[Place, RolloutSeries] = {}
    responses: dict[Place, ResponseShown] = {}
    beside: dict[Place, PartnerShown] = {}
    series_of_words: list[StoredResult] = []
    grown: dict[Place, GrownShown] = {}
    dials: dict[int, DialShown] = {}
    valid: ValidShown | None = None
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
                case "horizon":
                    tree_shown = GrownShown.past(StoredResult.read(found), samplers)
                    grown[node, tree_shown.sampler] = tree_shown
                case "dial":
                    dials[node] = DialShown.past(StoredResult.read(found))
                case "calibration":
                    valid = ValidShown.past(StoredResult.read(found), samplers)
                case "response" | "partner_response":
                    stored = StoredResult.read(found)
                    beside_it = stored.kind == "partner_response"
                    if not (stored.settings.asked if beside_it else stored.settings).early:
                        series_of_words.append(stored)
                        continue
                    if beside_it:
                        place, shown = past_beside(stored, tree, samplers)
                        beside[place] = shown
                        continue
                    response = ResponseShown.past(stored, tree, samplers)
                    responses[response.place] = replace(response, live=live)
    rolled = {place: each.rolled(n) for n, (place, each) in enumerate(series.items())}
    goes_on = {place: each for place, each in series.items() if _goes_on(each.jobs[-1])}
    words = past_words(series_of_words, samplers, live=live)
    measured = Measured(
        looked=looked,
        rolled=rolled,
        responses=responses,
        beside=beside,
        words=words,
        grown=grown,
        dials=dials,
        valid=valid,
    )
    return Restored(measured, goes_on)


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
    """Says whether a look-ahead is of one step, and of numbers that were not recomputed since."""
    following = tree.next(stored.node)
    if stored.settings.steps != 1 or following is None:
        return False
    before: Width = stored.result.width
    return abs(following.entropy_truncated - before.entropy_truncated) <= _NEAR


def restored_pair(measurements: Iterable[Mapping[str, Any]]) -> Paired:
    """Restores what was done with a partner that is not there yet."""
    shifted: dict[int, ShiftShown] = {}
    nudged: NudgingShown | None = None
    for found in measurements:
        if found["kind"] not in ("shift", "nudging"):
            continue
        with suppress(FieldError):
            stored = StoredResult.read(found)
            if stored.kind == "shift":
                shifted[stored.node] = ShiftShown(stored.node, stored.settings, stored.result)
            else:
                nudged = NudgingShown(stored.node, stored.result)
    return Paired(shifted=shifted, nudged=nudged)


def recorded_pair(
    measurements: Iterable[Mapping[str, Any]], session: Session, partner: RecordedPartner | None
) -> Paired:
    """Restores the partner of a recorded session, and what was done with it; its name is not safe to draw yet."""
    if partner is None:
        return Paired()
    contexts = partner.contexts(session.tree.roots[0])
    return replace(
        restored_pair(measurements),
        state=Beside.READY,
        name=partner.model.name,
        short=partner.model.info.name,
        hand_over=partner.by,
        template="" if contexts is None else contexts.partner.template,
        seam=None if contexts is None else contexts.seam,
    )
