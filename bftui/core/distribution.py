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
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import InvalidToken, NonFiniteLogits
from bftui.core.sampler import Sampler

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

TOP = 50
"""Candidates kept with every node."""

_BLOCK = 128

NEVER = -1e300
"""Stands for a logit of -inf: its exp is exactly 0, and 0 times it is 0 where 0 * -inf would be NaN."""

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
        kept: number of tokens in the support of P~; they are the `kept` best by (logit, id).
        varentropy: variance of -ln P under P, nats squared.
        entropy_lo, entropy_hi: bounds of `entropy`; equal to it where all logits are known.
        temperature: the one that P~ was made at.
        log_kept: ln of the sum over the support of P~ of P(v)**(1/temperature).
        collision: the sum of P~ squared: how probable it is that two draws agree.
        top_ids: the most probable ids, by (logit descending, id ascending); shape (n,), read-only.
        top_logprobs: ln P of these; shape (n,), read-only.
        tail_mass: 1 - the sum of P over `top_ids`.
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

    def __init__(self, logits: F32, sampler: Sampler) -> None:
        """Takes logits of shape (n_vocab,); raises NonFiniteLogits for NaN, +inf or nothing but -inf."""
        self.sampler = sampler
        x, lowest = below_peak(logits)
        self._x = x
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
        if sampler.temperature != 1.0:
            self._e = np.exp(x / sampler.temperature)
            self._z = float(self._e.sum())
        underflow = float(lowest) / sampler.temperature < _UNDERFLOW
        self._live = int(np.count_nonzero(self._e)) if underflow else len(x)
        self._truncate()

    @property
    def n_vocab(self) -> int:
        return len(self._x)

    def _truncate(self) -> None:
        """Finds the kept tokens: a prefix of the order (logit descending, id ascending)."""
        s, e, n, live = self.sampler, self._e, self.n_vocab, self._live
        limit = min(s.top_k, live) if s.top_k else live
        if s.min_p > 0:
            limit = min(limit, int(np.count_nonzero(e >= s.min_p)))
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
        if whole // _BLOCK < 2 * count:
            return self._sorted(np.arange(n))[:count]
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
            log_kept=self._log_kept(),
            collision=self.collision,
            top_ids=frozen(ids.astype(np.int32)),
            top_logprobs=frozen(logprobs),
            tail_mass=max(0.0, 1.0 - float(np.exp(logprobs).sum())),
        )

    def _log_kept(self) -> float:
        return math.log(self._zk) - self._log_z / self.sampler.temperature

    def draw(self, u: float) -> int:
        """Return the first kept id, in id order, whose cumulative sum of P~ exceeds `u`, else the last kept id."""
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
        """Return the most probable id, the smallest of equals."""
        return int(self._order[0])

    def score(self, token_id: int) -> TokenScore:
        """This token's log-probabilities and rank; raises InvalidToken outside the vocabulary."""
        if not 0 <= token_id < self.n_vocab:
            raise InvalidToken(f"token {token_id} is not in the vocabulary of {self.n_vocab}")
        x = self._x[token_id]
        logprob = float(x) - self._log_z if x > NEVER else -math.inf
        rank = 1 + int(np.count_nonzero(self._x > x))
        before = rank - 1
        if before < self.kept:
            before += int(np.count_nonzero(self._x[:token_id] == x))
        kept = before < self.kept and float(self._e[token_id]) > 0
        truncated = logprob / self.sampler.temperature - self._log_kept() if kept else None
        return TokenScore(token_id, logprob, truncated, rank)

    def kept_probs(self, ids: NDArray[np.int64]) -> F64:
        """P~ of these ids, 0 of those that are not kept; shape (len(ids),)."""
        probs = np.asarray(self._e[ids] / self._zk)
        if self.kept > len(self._order):
            return probs
        x, last = self._x[ids], self._order[self.kept - 1]
        inside = (x > self._x[last]) | ((x == self._x[last]) & (ids <= last))
        return np.where(inside, probs, 0.0)

    def ranking(self) -> NDArray[np.int64]:
        """Return every id by (logit descending, id ascending); shape (n_vocab,)."""
        return self._sorted(np.arange(self.n_vocab))

    def logprobs(self, ids: Sequence[int] | NDArray[np.int64]) -> F64:
        """ln P of these ids; shape (len(ids),)."""
        return np.asarray(self._x[np.asarray(ids, dtype=np.int64)] - self._log_z)


def below_peak(logits: F32) -> tuple[F64, F64]:
    """Logits of shape (…, n_vocab) less the maximum of their row, and the least of these in each row, -inf included.

    A logit of -inf becomes a finite number that gives the same. Raises NonFiniteLogits for a row with NaN or +inf, or
    with nothing but -inf.
    """
    # Extremes are taken in the type that the logits came in: half the memory, and the same values.
    peaks, lowest = logits.max(axis=-1, keepdims=True), logits.min(axis=-1)
    if not np.isfinite(peaks).all():
        raise NonFiniteLogits(
            "the model gave logits that are not a distribution",
            f"their maximum is {float(peaks[~np.isfinite(peaks)][0])}",
            "the weights may be damaged or overflow in this dtype",
        )
    x = np.subtract(logits, peaks, dtype=np.float64)
    if np.isneginf(lowest).any():
        x[x == -math.inf] = NEVER
    return x, np.subtract(lowest, peaks[..., 0], dtype=np.float64)


def frozen(array: A) -> A:
    """Return the same array, read-only."""
    array.setflags(write=False)
    return array
