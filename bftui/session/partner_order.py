"""The base's whole vocabulary in the order of a partner's distribution, a page at a time. Pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bftui.backends.host import Page, Row
from bftui.core.distribution import F32, F64, Distribution
from bftui.core.sampler import Sampler

I64 = NDArray[np.int64]

NO_TOKEN = -1
"""In the place of a token of the partner's, where it has none."""


@dataclass(frozen=True, slots=True)
class PartnerOrder:
    """All tokens of the base after one node, those first that the partner ranks first; arrays of shape (n_vocab,).

    Attributes:
        token_ids: the base's, in this order. Those that the partner does not have come last; equals are in the base's.
        ranks, logprobs: in the base's distribution, from 1 and in nats.
        kept: how many of its best the base's cut keeps.
    """

    token_ids: I64 = field(repr=False)
    ranks: I64 = field(repr=False)
    logprobs: F64 = field(repr=False)
    kept: int

    def page(self, start: int, stop: int) -> Page:
        """Rows `start` to `stop` of it."""
        shown = slice(start, stop)
        columns = zip(
            self.token_ids[shown].tolist(),
            self.ranks[shown].tolist(),
            self.logprobs[shown].tolist(),
            strict=True,
        )
        rows = tuple(
            Row(token, rank, logprob, rank <= self.kept) for token, rank, logprob in columns
        )
        return Page(rows, start, len(self.token_ids))


def partner_order(
    base: F32, partner: F32, counterparts: Sequence[int], sampler: Sampler
) -> PartnerOrder:
    """Orders the base's tokens by the partner's logits.

    Args:
        base, partner: logits, shape (n_vocab,) of either model.
        counterparts: the partner's token for each of the base's, `NO_TOKEN` where there is none.
        sampler: whose cut is said of each.

    Raises NonFiniteLogits.
    """
    ours = Distribution(base, sampler)
    order = ours.ranking()
    own = np.asarray(counterparts, dtype=np.int64)[order]
    known = own != NO_TOKEN
    theirs = np.zeros(len(order))
    theirs[known] = partner[own[known]]
    # The sort is stable: equals stay in the base's order.
    places = np.lexsort((-theirs, ~known))
    ids = order[places]
    return PartnerOrder(ids, places + 1, ours.logprobs(ids), ours.kept)
