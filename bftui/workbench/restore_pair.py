"""What a session did with its partner, read from its measurements: as the screen shows it, with no model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bftui.core.errors import UsageError
from bftui.core.pair.distribution_shift import Author, Compared, Standing
from bftui.core.pair.shift_summary import Position
from bftui.core.text import safe
from bftui.measures.nudging.nudging_run import warning_of
from bftui.measures.shift.shift_result import WHOSE
from bftui.workbench.paired_results import Nudged, Shifted
from bftui.workbench.restore_results import ids_of, maybe_number, number, whole
from bftui.workbench.snapshot import Beside, Paired

if TYPE_CHECKING:
    from bftui.session.records.recorded_model import RecordedPartner
    from bftui.session.session import Session

_AUTHORS: dict[str, Author] = {"base": "base", WHOSE["partner"]: "partner"}


def recall_pair(measurements: Iterable[Mapping[str, Any]]) -> Paired:
    """What was done with a partner that is not there yet."""
    shifted: dict[int, Shifted] = {}
    nudged: Nudged | None = None
    for found in measurements:
        with suppress(
            LookupError, TypeError, ValueError, OverflowError, AttributeError, UsageError
        ):
            if found["kind"] == "shift":
                shifted[found["node"]] = _shifted(found)
            elif found["kind"] == "nudging":
                nudged = _nudged(found)
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


def _shifted(found: Mapping[str, Any]) -> Shifted:
    author, result = _AUTHORS[found["settings"]["text"]], found["result"]
    positions = tuple(
        Position(
            position=whole(each["position"]),
            text=str(each["text"]).encode(),
            token_ids=ids_of(each["token_ids"]),
            author=author,
            compared=Compared(
                base=_standing(each["base_rank"], each["base_prob"]),
                partner=_standing(each["aligned_rank"], each["aligned_prob"]),
                kl_partner_base=maybe_number(each["kl_aligned_base"]),
                kl_base_partner=maybe_number(each["kl_base_aligned"]),
                js=maybe_number(each["js"]),
            ),
            within_noise=each.get("within_noise") is True,
        )
        for each in result["positions"]
    )
    ended = result["ended"]
    return Shifted(
        author=author,
        root=found["node"],
        answer=ids_of(result["token_ids"]),
        positions=positions,
        running=False,
        stopped=False,
        left=None,
        share=1.0,
        ended=None if ended is None else safe(str(ended)),
    )


def _standing(rank: Any, prob: Any) -> Standing:
    p = number(prob)
    return Standing(whole(rank, 1), math.log(p) if p > 0 else -math.inf)


def _nudged(found: Mapping[str, Any]) -> Nudged:
    result = found["result"]
    return Nudged(
        start=found["node"],
        gamma=number(result["gamma"]),
        rounds=whole(result["rounds"]),
        tokens=whole(result["tokens"]),
        tokens_nudged=whole(result["tokens_nudged"]),
        share_nudged=maybe_number(result["share_nudged"]),
        running=False,
        stop=safe(str(result["stop"] or "stopped")),
        warning=warning_of(maybe_number(result["share_nudged"])),
        bf_base=maybe_number(result["bf_base"]),
        bf_nudged=maybe_number(result["bf_nudged"]),
        bf_base_written=maybe_number(result["bf_base_written"]),
        bf_partner=maybe_number(result["bf_partner"]),
    )
