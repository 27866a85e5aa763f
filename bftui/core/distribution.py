"""Logits to one `NextToken`: temperature, truncation, entropies, candidates, the draw.

The only place where a distribution is computed. All arithmetic is float64, all entropies are in nats,
ids count from 0 and ranks from 1. Nothing here knows where the logits came from.

P is the softmax of the logits. P~ is P at the sampler's temperature, truncated and renormalised once; the branching
factor of one step is exp(H(P~)) (Yang, Li and Holtzman, arXiv 2506.17871, eq. for the truncated distribution).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bftui.core.constrained import UnderConstraint
from bftui.core.errors import InvalidToken
from bftui.core.kept_tokens import (
    KeptTokens,
    RuleEffect,
    kept_tokens,
    listed,
    removed_by,
    rule_effects,
)
from bftui.core.logits import F32, F64, NEVER, below_peak
from bftui.core.sampler import Sampler

I32 = NDArray[np.int32]

TOP = 50
"""Candidates kept with every node."""

_BLOCK = 128

_UNDERFLOW = -700.0
"""Above it exp is larger than 0."""

A = TypeVar("A", bound="NDArray[Any]")


@dataclass(frozen=True, slots=True)
class NextToken:
    """Everything that is kept of one next-token distribution.

    Attributes:
        n_vocab: width of the logits.
        entropy: H(P) over the full width, nats.
        entropy_truncated: H(P~), nats.
        kept: number of tokens in the support of P~; without `top_truncated` they are the `kept` best by (logit, id).
        varentropy: variance of -ln P under P, nats squared.
        entropy_lo, entropy_hi: bounds of `entropy`; equal to it where all logits are known.
        temperature: the one that P~ was made at.
        log_kept: ln of the sum over the support of P~ of P(v)**(1/temperature); NaN with `top_truncated`.
        collision: the sum of P~ squared: how probable it is that two draws agree.
        top_ids: the most probable ids, by (logit descending, id ascending); shape (n,), read-only.
        top_logprobs: ln P of these; shape (n,), read-only.
        tail_mass: 1 - the sum of P over `top_ids`.
        top_truncated: ln P~ of `top_ids`, -inf where P~ is 0, shape (n,), read-only; None where the kept tokens are the
            likeliest ones, so that `log_kept` tells it.
        constraint: what a constraint makes of it; None where none governs the place.
    """

    n_vocab: int
    entropy: float
    entropy_truncated: float
    kept: int
    varentropy: float
    entropy_lo: float
    entropy_hi: float
    temperature: float
    log_kept: float
    collision: float
    top_ids: I32 = field(repr=False)
    top_logprobs: F64 = field(repr=False)
    tail_mass: float
    top_truncated: F64 | None = field(default=None, repr=False)
    constraint: UnderConstraint | None = None

    @property
    def bf(self) -> float:
        """The branching factor of this step, exp(H(P~))."""
        return math.exp(self.entropy_truncated)

    @property
    def bf_full(self) -> float:
        """exp(H(P)), over the whole vocabulary."""
        return math.exp(self.entropy)

    @property
    def hill2(self) -> float:
        """The Hill number of order 2 of P~, 1 / the sum of P~ squared; `bf` is that of order 1."""
        return 1.0 / self.collision

    def logprob_truncated(self, index: int) -> float | None:
        """ln P~ of the candidate at this place (from 0) of `top_ids`; None where P~ is 0."""
        if self.top_truncated is not None:
            found = float(self.top_truncated[index])
            return found if found > -math.inf else None
        if index >= self.kept:
            return None
        return float(self.top_logprobs[index]) / self.temperature - self.log_kept


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One token in one distribution.

    Attributes:
        token_id: the token.
        logprob: ln P; -inf for a logit of -inf.
        logprob_truncated: ln P~, None where P~ is 0.
        rank: 1 + the number of tokens with a strictly larger logit.
    """

    token_id: int
    logprob: float
    logprob_truncated: float | None
    rank: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """One drawn token, and what a rollout keeps of the distribution that it was drawn from.

    Attributes:
        token_id: the token.
        entropy, entropy_truncated: H(P) and H(P~), nats.
        logprob, logprob_truncated: ln P and ln P~ of the token.
    """

    token_id: int
    entropy: float
    entropy_truncated: float
    logprob: float
    logprob_truncated: float


class Distribution:
    """One vector of logits under one sampler, with what is asked of it.

    The work shared by summary, draw and score is done once, at construction: O(n_vocab), plus a sort of the
    candidates that the truncation can reach.
    """

    def __init__(self, logits: F32 | F64, sampler: Sampler, steered: F64 | None = None) -> None:
        """Takes logits of shape (n_vocab,), and those that P~ is made of where they are others.

        Raises NonFiniteLogits for NaN, +inf or nothing but -inf.
        """
        self.sampler = sampler
        self._listed: KeptTokens | None = None
        x, lowest = below_peak(logits)
        self._x, self._lowest = x, float(lowest)
        e = np.exp(x)
        z = float(e.sum())
        self._log_z = math.log(z)
        weighted = e * x
        mean = float(weighted.sum()) / z
        self.entropy = max(0.0, self._log_z - mean)
        # Not `dot`: the threads of a BLAS would fight with those of the model.
        second = float(np.einsum("i,i->", weighted, x)) / z
        self.varentropy = max(0.0, second - mean * mean)
        self._e, self._z = e, z
        if steered is not None or not sampler.by_rank:
            self._list(logits.astype(np.float64) if steered is None else steered)
            return
        if sampler.temperature != 1.0:
            self._e = np.exp(x / sampler.temperature)
            self._z = float(self._e.sum())
        underflow = float(lowest) / sampler.temperature < _UNDERFLOW
        self._live = int(np.count_nonzero(self._e)) if underflow else len(x)
        self._truncate()

    @property
    def n_vocab(self) -> int:
        return len(self._x)

    def _list(self, logits: F64) -> None:
        """Finds the kept tokens where they are not the likeliest of P."""
        self._order = self._best(max(min(TOP, self.n_vocab), 1))
        s = self.sampler
        if s.typical_p < 1 or s.added:
            found = kept_tokens(logits, s)
        else:
            # All but spans are found without an order of every token.
            found = Distribution(logits, _ranked(s))._with_exceptions(s)
        self._listed, self._steered = found, logits
        self.kept = len(found.ids)
        self.entropy_truncated, self.collision = found.entropy, found.collision

    def _with_exceptions(self, sampler: Sampler) -> KeptTokens:
        """P~ with the pinned tokens and the coin of XTC of a sampler whose other settings are this one's."""
        e, keeps = self._e, np.zeros(self.n_vocab, dtype=bool)
        keeps[self._order[: self.kept] if self.kept <= len(self._order) else e > 0] = True
        pinned = [_known(token_id, self.n_vocab) for token_id in sampler.pinned]
        without = keeps.copy()
        keeps[pinned] = True
        ids = np.flatnonzero(keeps & (e > 0))
        weights = e[ids]
        if not (coin := sampler.xtc_probability):
            return listed(ids, weights)
        above = int(np.count_nonzero(e / self._z >= sampler.xtc_threshold))
        if above > 1:
            without[self._best(above)[: above - 1]] = False
        if not without.any():
            without[self._order[0]] = True
        without[pinned] = True
        others = np.where(without, e, 0.0)
        probs = (1 - coin) * weights / weights.sum() + coin * others[ids] / others.sum()
        return listed(ids[probs > 0], probs[probs > 0])

    def _truncate(self) -> None:
        """Finds the kept tokens: a prefix of the order (logit descending, id ascending)."""
        s, e, n, live = self.sampler, self._e, self.n_vocab, self._live
        limit = min(s.top_k, live) if s.top_k else live
        if s.min_p > 0:
            limit = min(limit, int(np.count_nonzero(e >= s.min_p)))
        if s.top_n_sigma > 0:
            limit = min(limit, self._within_sigma(s.top_n_sigma))
        if (least := self._least()) > 0:
            limit = min(limit, int(np.count_nonzero(e / self._z >= least)))
        need = max(min(TOP, n), 1)
        if s.top_p < 1:
            order = self._leading(s.top_p, need)
            mass = np.cumsum(e[order] / self._z)
            limit = min(limit, int(np.searchsorted(mass, s.top_p, side="left")) + 1)
        elif limit < live:
            order = self._best(max(need, limit))
        else:
            order = self._best(need)
        self._order = order
        self.kept = max(1, limit)
        if self.kept <= len(order):
            kept = order[: self.kept]
            ek = e[kept]
            zk = float(ek.sum())
            xk = self._x[kept] / s.temperature
            mean = float(np.einsum("i,i->", ek, xk)) / zk
            squares = float(np.einsum("i,i->", ek, ek))
        else:
            zk = self._z
            mean = float(np.einsum("i,i->", e, self._x)) / s.temperature / zk
            squares = float(np.einsum("i,i->", e, e))
        self._zk = zk
        self.entropy_truncated = max(0.0, math.log(zk) - mean)
        self.collision = min(1.0, squares / (zk * zk))

    def _within_sigma(self, n: float) -> int:
        """How many logits are at least the largest less `n` standard deviations, those of -inf left out."""
        x = self._x
        finite = x[x > NEVER] if self._lowest == -math.inf else x
        return int(np.count_nonzero(x >= -n * float(finite.std())))

    def _least(self) -> float:
        """The least probability that epsilon and eta keep."""
        s = self.sampler
        if not s.eta:
            return s.epsilon
        log_z = math.log(self._z)
        entropy = log_z - float(np.einsum("i,i->", self._e, self._x)) / s.temperature / self._z
        return max(s.epsilon, min(s.eta, math.sqrt(s.eta) * math.exp(-max(0.0, entropy))))

    def _sorted(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ascending ids, reordered by (logit descending, id ascending)."""
        return ids[np.argsort(-self._x[ids], kind="stable")]

    def _best(self, count: int) -> NDArray[np.int64]:
        """The `count` best ids in order.

        For few of many: the count-th largest of the block maxima bounds the count-th largest logit from below, so
        that one comparison leaves little to sort.
        """
        n = self.n_vocab
        whole = n - n % _BLOCK
        if n < 4 * count:
            return self._sorted(np.arange(n))[:count]
        if whole // _BLOCK < 2 * count:
            floor = np.partition(self._x, n - count)[n - count]
            return self._sorted(np.flatnonzero(self._x >= floor))[:count]
        maxima = self._x[:whole].reshape(-1, _BLOCK).max(axis=1)
        floor = np.partition(maxima, len(maxima) - count)[len(maxima) - count]
        return self._sorted(np.flatnonzero(self._x >= floor))[:count]

    def _leading(self, mass: float, count: int) -> NDArray[np.int64]:
        """The best ids in order, at least `count` of them and enough to hold `mass` of the tempered probability."""
        e, z = self._e, self._z
        # The margin keeps a different order of summation from deciding what the cumulative sum decides.
        enough = (mass + 1e-9) * z
        for share in (1e-4, 1e-6):
            ids = np.flatnonzero(e >= share * z)
            values = e[ids]
            if len(ids) < count or float(values.sum()) < enough:
                continue
            for finer in (1e-2, 1e-3):
                few = values >= finer * z
                if np.count_nonzero(few) >= count and float(values[few].sum()) >= enough:
                    return self._sorted(ids[few])
            return self._sorted(ids)
        best = self._best(count)
        if float(e[best].sum()) >= enough:
            return best
        return self._sorted(np.arange(self.n_vocab))

    def summary(self, top: int = TOP) -> NextToken:
        """Return the frozen record of this distribution, with its `top` best candidates."""
        ids = self._order[:top]
        ids = ids[self._x[ids] > NEVER]
        logprobs = self._x[ids] - self._log_z
        return NextToken(
            n_vocab=self.n_vocab,
            entropy=self.entropy,
            entropy_truncated=self.entropy_truncated,
            kept=self.kept,
            varentropy=self.varentropy,
            entropy_lo=self.entropy,
            entropy_hi=self.entropy,
            temperature=self.sampler.temperature,
            log_kept=math.nan if self._listed else self._log_kept(),
            collision=self.collision,
            top_ids=frozen(ids.astype(np.int32)),
            top_logprobs=frozen(logprobs),
            tail_mass=max(0.0, 1.0 - float(np.exp(logprobs).sum())),
            top_truncated=frozen(self.logprobs_truncated(ids)) if self._listed else None,
        )

    def _log_kept(self) -> float:
        return math.log(self._zk) - self._log_z / self.sampler.temperature

    def draw(self, u: float) -> int:
        """Return the first kept id, in id order, whose cumulative sum of P~ exceeds `u`, else the last kept id."""
        if self._listed:
            return self._listed.draw(u)
        if self.kept <= len(self._order):
            ids = np.sort(self._order[: self.kept])
            mass = np.cumsum(self._e[ids] / self._zk)
        else:
            ids = np.flatnonzero(self._e)
            mass = np.cumsum(self._e[ids] / self._zk)
        place = int(np.searchsorted(mass, u, side="right"))
        return int(ids[min(place, len(ids) - 1)])

    def sample(self, u: float, cap_k: int = 0) -> Sampled:
        """Return the token that `draw` gives, with its numbers.

        With `cap_k`, those of P~ are of P~ restricted to its `cap_k` best tokens and the drawn one, renormalised: what
        the published code makes of a server's best log-probabilities.
        """
        token_id = self.draw(u)
        logprob = float(self._x[token_id]) - self._log_z
        if self._listed:
            capped = self._listed.capped(token_id, cap_k) if cap_k else self._listed
            own = math.log(float(capped.of([token_id])[0]))
            return Sampled(token_id, self.entropy, capped.entropy, logprob, own)
        if cap_k and cap_k < self.kept:
            entropy, log_kept = self._capped(token_id, cap_k)
        else:
            entropy, log_kept = self.entropy_truncated, self._log_kept()
        truncated = logprob / self.sampler.temperature - log_kept
        return Sampled(token_id, self.entropy, entropy, logprob, truncated)

    def _capped(self, token_id: int, cap_k: int) -> tuple[float, float]:
        """Entropy and `log_kept` of the `cap_k` best tokens and this one."""
        ids = self._order[:cap_k] if cap_k <= len(self._order) else self._best(cap_k)
        if token_id not in ids:
            ids = np.append(ids, token_id)
        weights = self._e[ids]
        z = float(weights.sum())
        mean = float((weights * self._x[ids]).sum()) / self.sampler.temperature / z
        log_z = math.log(z)
        return max(0.0, log_z - mean), log_z - self._log_z / self.sampler.temperature

    def greedy(self) -> int:
        """Return the most probable id of P~, the smallest of equals."""
        if self._listed:
            return int(self._listed.ids[np.argmax(self._listed.probs)])
        return int(self._order[0])

    def score(self, token_id: int) -> TokenScore:
        """This token's log-probabilities and rank; raises InvalidToken outside the vocabulary."""
        x = self._x[_known(token_id, self.n_vocab)]
        logprob = float(x) - self._log_z if x > NEVER else -math.inf
        rank = 1 + int(np.count_nonzero(self._x > x))
        if self._listed:
            prob = float(self._listed.of([token_id])[0])
            return TokenScore(token_id, logprob, math.log(prob) if prob else None, rank)
        before = rank - 1
        if before < self.kept:
            before += int(np.count_nonzero(self._x[:token_id] == x))
        kept = before < self.kept and float(self._e[token_id]) > 0
        truncated = logprob / self.sampler.temperature - self._log_kept() if kept else None
        return TokenScore(token_id, logprob, truncated, rank)

    def kept_tokens(self, most: int) -> tuple[I32, F64]:
        """Return the `most` best kept ids, or all of them, and ln P~ of each; both of shape (n,)."""
        if self._listed:
            best = np.argsort(-self._listed.probs, kind="stable")[:most]
            return self._listed.ids[best].astype(np.int32), np.log(self._listed.probs[best])
        count = min(most, self.kept)
        ids = self._order[:count] if count <= len(self._order) else self._best(count)
        logprobs = self._x[ids] / self.sampler.temperature - math.log(self._zk)
        return ids.astype(np.int32), logprobs

    def kept_probs(self, ids: NDArray[np.int64]) -> F64:
        """P~ of these ids, 0 of those that are not kept; shape (len(ids),)."""
        if self._listed:
            return self._listed.of(ids)
        probs = np.asarray(self._e[ids] / self._zk)
        if self.kept > len(self._order):
            return probs
        x, last = self._x[ids], self._order[self.kept - 1]
        inside = (x > self._x[last]) | ((x == self._x[last]) & (ids <= last))
        return np.where(inside, probs, 0.0)

    def ranking(self) -> NDArray[np.int64]:
        """Return every id by (logit descending, id ascending); shape (n_vocab,)."""
        return self._sorted(np.arange(self.n_vocab))

    def logprobs_truncated(self, ids: Sequence[int] | NDArray[np.integer]) -> F64:
        """Return ln P~ of these ids, -inf where P~ is 0; shape (len(ids),)."""
        with np.errstate(divide="ignore"):
            return np.log(self.kept_probs(np.asarray(ids, dtype=np.int64)))

    def removed_by(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Return for each id the names of the truncation rules that would not keep it; see `core.kept_tokens`."""
        logits = self._steered if self._listed else self._raw()
        return removed_by(logits, self.sampler, ids)

    def effects(self) -> list[RuleEffect]:
        """Return what each rule of the sampler would keep alone, in the order of the stages."""
        return rule_effects(self._steered if self._listed else self._raw(), self.sampler)

    def _raw(self) -> F64:
        return np.where(self._x > NEVER, self._x, -math.inf)

    def logprobs(self, ids: Sequence[int] | NDArray[np.int64]) -> F64:
        """ln P of these ids; shape (len(ids),)."""
        return np.asarray(self._x[np.asarray(ids, dtype=np.int64)] - self._log_z)


@lru_cache(64)
def _ranked(sampler: Sampler) -> Sampler:
    """The settings that keep the likeliest tokens, however many."""
    names = ("temperature", "top_k", "top_p", "min_p", "seed", "top_n_sigma", "epsilon", "eta")
    settings: dict[str, Any] = {name: getattr(sampler, name) for name in names}
    return Sampler(**settings)


def _known(token_id: int, n_vocab: int) -> int:
    if not 0 <= token_id < n_vocab:
        raise InvalidToken(f"token {token_id} is not in the vocabulary of {n_vocab}")
    return token_id


def frozen(array: A) -> A:
    """Return the same array, read-only."""
    array.setflags(write=False)
    return array
