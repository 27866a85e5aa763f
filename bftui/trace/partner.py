"""What a second model said of a session's nodes, as the trace holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bftui.core.shift import PartnerView
from bftui.trace.nodes import next_fields


@dataclass(frozen=True, slots=True)
class Seen:
    """A partner's views when the trace was taken.

    Attributes:
        views: by node; nodes that were not looked at are missing.
        token_bytes: the exact bytes of one of the partner's tokens.
        same: whether the partner's ids mean what the base's do.
    """

    views: Mapping[int, PartnerView]
    token_bytes: Callable[[int], bytes]
    same: bool


def partner_fields(view: PartnerView) -> dict[str, Any]:
    """`partner` of a node: its token in the partner's distribution, and the partner's distribution after it."""
    compared = view.compared
    fields: dict[str, Any] = {
        "rank": None if compared is None else compared.partner.rank,
        "logprob": None if compared is None else _rounded(compared.partner.logprob),
        "class": None if compared is None else compared.partner.kind,
        "kl_partner_base": None if compared is None else _rounded(compared.kl_partner_base),
        "kl_base_partner": None if compared is None else _rounded(compared.kl_base_partner),
        "js": None if compared is None else _rounded(compared.js),
        "next": None if view.next is None else next_fields(view.next),
    }
    if view.tokens > 1:
        fields["together"] = [view.place, view.tokens]
    return fields


def _rounded(value: float | None) -> float | None:
    """JSON has no infinities."""
    return round(value, 10) if value is not None and math.isfinite(value) else None
