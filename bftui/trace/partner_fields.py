"""What a second model said of a session's nodes, as the trace holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bftui.core.pair.distribution_shift import Compared, PartnerView, Standing
from bftui.core.tree import Tree
from bftui.trace.nodes import PLACES, next_fields, next_token


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


def view_of(
    tree: Tree, node: int, fields: Mapping[str, Any], temperature: float, n_vocab: int
) -> PartnerView:
    """What a partner said of a node that is in the tree: `partner_fields`, read again.

    Args:
        fields: `partner` of the node.
        temperature: of the sampler that the node's numbers are for.
        n_vocab: the partner's.
    """
    place, tokens = fields.get("together") or (0, 1)
    compared = None
    if fields["rank"] is not None:
        compared = Compared(
            base=_in_base(tree, node, tokens if place == tokens - 1 else 1),
            partner=Standing(fields["rank"], _logarithm(fields["logprob"])),
            kl_partner_base=fields["kl_partner_base"],
            kl_base_partner=fields["kl_base_partner"],
            js=fields["js"],
        )
    following = next_token(fields["next"], temperature, n_vocab)
    return PartnerView(compared, following, tree.sampler(node), place, tokens)


def _in_base(tree: Tree, node: int, tokens: int) -> Standing:
    """The token of a node in the base's distribution, or the last ones of its path together."""
    rank, logprob = 0, 0.0
    at: int | None = node
    for _ in range(min(tokens, tree.depth(node))):
        assert at is not None
        found = tree.node(at)
        rank, logprob = max(rank, found.rank or 0), logprob + tree.logprob(at)
        at = found.parent
    return Standing(rank, logprob)


def _logarithm(value: float | None) -> float:
    """Null stands for the logarithm of 0."""
    return -math.inf if value is None else value


def _rounded(value: float | None) -> float | None:
    """JSON has no infinities."""
    return round(value, PLACES) if value is not None and math.isfinite(value) else None
