"""Rows of the full vocabulary of one distribution, best first, as lists of candidates show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from bftui.backends.client.client_protocol import CandidateRow, Page
from bftui.backends.protocol import Backend, TokenDistribution
from bftui.core.text import label


class TokenLabels:
    """The folded label of every token of one backend, made when somebody first searches."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @cached_property
    def folded(self) -> Sequence[str]:
        """By id."""
        of, n_vocab = self._backend.token_bytes, self._backend.info.n_vocab
        return [label(of(token_id)).casefold() for token_id in range(n_vocab)]


def candidate_page(
    distribution: TokenDistribution,
    start: int,
    stop: int,
    query: str,
    labels: TokenLabels,
) -> Page:
    """Return rows `start` to `stop`; with a query those whose label, folded, contains it."""
    order = distribution.ranking()
    if query:
        folded, wanted = labels.folded, query.casefold()
        matching = [place for place, token_id in enumerate(order) if wanted in folded[token_id]]
        total, places = len(matching), matching[start:stop]
    else:
        total, places = len(order), list(range(start, min(stop, len(order))))
    ids = [int(order[place]) for place in places]
    truncated = distribution.logprobs_truncated(ids).tolist()
    removed = iter(
        distribution.removed_by(
            [i for i, own in zip(ids, truncated, strict=True) if own == -math.inf]
        )
    )
    rows = tuple(
        CandidateRow(token_id, place + 1, logprob, own)
        if own > -math.inf
        else CandidateRow(token_id, place + 1, logprob, None, next(removed))
        for token_id, place, logprob, own in zip(
            ids, places, distribution.logprobs(ids).tolist(), truncated, strict=True
        )
    )
    return Page(rows, start, total)
