"""What a session did with its partner, read from its measurements: as the screen shows it, with no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.results.codec import FieldError
from bftui.results.stored_result import StoredResult
from bftui.workbench.paired_results import NudgingShown, ShiftShown
from bftui.workbench.snapshot import Beside, Paired

if TYPE_CHECKING:
    from bftui.session.records.recorded_model import RecordedPartner
    from bftui.session.session import Session


def recall_pair(measurements: Iterable[Mapping[str, Any]]) -> Paired:
    """What was done with a partner that is not there yet."""
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


def pair_of(
    measurements: Iterable[Mapping[str, Any]], session: Session, partner: RecordedPartner | None
) -> Paired:
    """The partner of a recorded session, and what was done with it; who it is, is said safely where it is drawn."""
    if partner is None:
        return Paired()
    contexts = partner.contexts(session.tree.roots[0])
    return replace(
        recall_pair(measurements),
        state=Beside.READY,
        name=partner.model.name,
        short=partner.model.info.name,
        by=partner.by,
        template="" if contexts is None else contexts.partner.template,
        seam=None if contexts is None else contexts.seam,
    )
