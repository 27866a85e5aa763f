"""The base's whole vocabulary in the order of a partner's distribution, a page at a time. Pure data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bftui.backends.client.client_protocol import CandidateRow, Page
from bftui.core.distribution import Distribution
from bftui.core.logits import F32, F64
from bftui.core.sampler import Sampler
from bftui.model.counterparts import I64, NO_TOKEN, Known


@dataclass(frozen=True, slots=True)
class PartnerOrder:
    """All tokens of the base after one node, those first that the partner ranks first; arrays of shape (n_vocab,).

    Attributes:
        token_ids: the base's, in this order; equals are in the base's. Those that stand for a token of the partner's
            for which the base would write another one come later, and those that the partner does not have last.
        ranks, logprobs: in the base's distribution, from 1 and in nats.
        truncated: ln P~ of the base, -inf where it is 0.
        base: the base's distribution.
    """

    token_ids: I64 = field(repr=False)
    ranks: I64 = field(repr=False)
    logprobs: F64 = field(repr=False)
    truncated: F64 = field(repr=False)
    base: Distribution = field(repr=False)

    def page(self, start: int, stop: int) -> Page:
        """Rows `start` to `stop` of it."""
        shown = slice(start, stop)
        columns = zip(
            self.token_ids[shown].tolist(),
            self.ranks[shown].tolist(),
            self.logprobs[shown].tolist(),
            self.truncated[shown].tolist(),
            strict=True,
        )
        rows = tuple(
            CandidateRow(token, rank, logprob, own)
            if own > -math.inf
            else CandidateRow(token, rank, logprob, None, *self.base.removed_by([token]))
            for token, rank, logprob, own in columns
        )
        return Page(rows, start, len(self.token_ids))


def partner_order(
    base: F32, partner: F32, known: Known, sampler: Sampler, steered: F64 | None = None
) -> PartnerOrder:
    """Orders the base's tokens by the partner's logits.

    Args:
        base, partner: logits, shape (n_vocab,) of either model.
        known: the partner's tokens for the base's.
        sampler: whose truncation the rows name.
        steered: the base's logits as it changes them, where it does.

    Raises NonFiniteLogits.
    """
    ours = Distribution(base, sampler, steered)
    order = ours.ranking()
    own = known.own[order]
    there = own != NO_TOKEN
    theirs = np.zeros(len(order))
    theirs[there] = partner[own[there]]
    # The sort is stable: equals stay in the base's order.
    places = np.lexsort((-theirs, ~known.meant[order], ~there))
    ids = order[places]
    return PartnerOrder(ids, places + 1, ours.logprobs(ids), ours.logprobs_truncated(ids), ours)
