"""A distribution under a constraint: nothing is drawn where that cannot hold, and both branching factors are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bftui.backends.client.constraint_masks import Allowed
from bftui.backends.protocol import TokenDistribution
from bftui.core.constrained import UnderConstraint
from bftui.core.distribution import NextToken, Sampled, TokenScore
from bftui.core.errors import NothingLeft
from bftui.core.kept_tokens import RuleEffect
from bftui.core.sampler import Sampler


class ConstrainedDistribution:
    """The `TokenDistribution` of a place that a constraint governs."""

    def __init__(
        self,
        inner: TokenDistribution,
        sampler: Sampler,
        allowed: Allowed,
        free: Callable[[], TokenDistribution],
    ) -> None:
        """Args:
        inner: under the constraint; without it where it cannot hold.
        free: gives the distribution without it.
        """
        self._inner, self._sampler = inner, sampler
        self._allowed, self._free = allowed, free

    @property
    def sampler(self) -> Sampler:
        """The sampler of P~, with the constraint."""
        return self._sampler

    @property
    def kept(self) -> int:
        """Number of kept tokens."""
        return self._inner.kept

    def summary(self) -> NextToken:
        """Return what is kept of the distribution, with what the constraint makes of it."""
        mask, found = self._allowed.mask, self._inner.summary()
        here = UnderConstraint(
            state=self._allowed.state,
            allowed=0 if mask is None else int(np.count_nonzero(mask)),
            mass=0.0 if mask is None else self._mass(mask),
            entropy_free=self._free().summary().entropy_truncated,
        )
        return replace(found, constraint=here)

    def _mass(self, mask: NDArray[np.bool_]) -> float:
        """The sum of P over the allowed tokens."""
        return min(1.0, float(np.exp(self._inner.logprobs(np.flatnonzero(mask))).sum()))

    def _check(self) -> None:
        """Raises NothingLeft where the constraint cannot hold."""
        allowed = self._allowed
        if allowed.mask is None:
            left = allowed.state == "left"
            raise NothingLeft(
                "the text has left the constraint" if left else "the constraint cannot go on here",
                allowed.reason,
                "go back, or take the constraint away",
            )

    def draw(self, u: float) -> int:
        """Return the token id that P~ gives for `u`. Raises NothingLeft."""
        self._check()
        return self._inner.draw(u)

    def sample(self, u: float, cap_k: int = 0) -> Sampled:
        """Return the token of `draw` with its numbers. Raises NothingLeft."""
        self._check()
        return self._inner.sample(u, cap_k)

    def greedy(self) -> int:
        """Return the most probable token id of P~. Raises NothingLeft."""
        self._check()
        return self._inner.greedy()

    def kept_tokens(self, most: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the best kept token ids and ln P~ of each. Raises NothingLeft."""
        self._check()
        return self._inner.kept_tokens(most)

    def score(self, token_id: int) -> TokenScore:
        """Return log-probabilities in nats and the rank, from 1, of one token. Raises InvalidToken."""
        return self._inner.score(token_id)

    def ranking(self) -> NDArray[np.int64]:
        """Return every token id by logit descending, then by id."""
        return self._inner.ranking()

    def logprobs(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ln P of these tokens, in nats."""
        return self._inner.logprobs(ids)

    def logprobs_truncated(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """Return ln P~ of these tokens, -inf where P~ is 0; in nats."""
        return self._inner.logprobs_truncated(ids)

    def removed_by(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Return for each token the names of the rules that would not keep it; `constraint` where that removed it."""
        found, mask = self._inner.removed_by(ids), self._allowed.mask
        if mask is None:
            return found
        pairs = zip(ids, found, strict=True)
        return [names if mask[token_id] else ("constraint",) for token_id, names in pairs]

    def effects(self) -> list[RuleEffect]:
        """Return what each truncation rule of the sampler would keep alone."""
        return self._inner.effects()
