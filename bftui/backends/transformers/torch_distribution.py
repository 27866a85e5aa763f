"""One vector of logits under one sampler, computed on the device that the logits are on.

The same numbers as `core.distribution.Distribution`, to the rounding of float64; only a few of them cross to the host.
Not for: logits in host memory, where NumPy is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bftui.backends.transformers.hf_library import torch
from bftui.core.distribution import TOP, Distribution, NextToken, Sampled, TokenScore, frozen
from bftui.core.errors import InvalidToken, NonFiniteLogits
from bftui.core.kept_tokens import RuleEffect
from bftui.core.sampler import Sampler

Tensor = Any


class TorchDistribution:
    """Implements `protocol.TokenDistribution` for a tensor of shape (n_vocab,) on a device that knows float64."""

    def __init__(self, logits: Tensor, sampler: Sampler) -> None:
        """Raises NonFiniteLogits for NaN, +inf or nothing but -inf."""
        self.sampler = sampler
        self.n_vocab = int(logits.shape[0])
        peak = logits.max().to(torch.float64)
        # Best first from here on: the kept tokens are a prefix, and a truncation is a number.
        x, self._order = torch.sort(logits.to(torch.float64) - peak, descending=True, stable=True)
        self._x = x
        e = torch.exp(x)
        z = e.sum()
        weighted = torch.where(e > 0, e * x, torch.zeros_like(x))
        mean = weighted.sum() / z
        second = torch.where(e > 0, weighted * x, torch.zeros_like(x)).sum() / z
        self._e, self._z = e, z
        if sampler.temperature != 1.0:
            self._e = torch.exp(x / sampler.temperature)
            self._z = self._e.sum()
        numbers = torch.stack(
            [
                peak,
                torch.isnan(logits).any().to(torch.float64),
                torch.log(z),
                mean,
                second,
                torch.count_nonzero(self._e).to(torch.float64),
                *self._limits(),
            ]
        ).tolist()
        top, damaged, self._log_z, mean_x, second_x, live, *limits = numbers
        if damaged or not math.isfinite(top):
            raise NonFiniteLogits(
                "the model gave logits that are not a distribution",
                f"their maximum is {'nan' if damaged else top}",
                "the weights may be damaged or overflow in this dtype",
            )
        self.entropy = max(0.0, self._log_z - mean_x)
        self.varentropy = max(0.0, second_x - mean_x * mean_x)
        self.kept = max(1, int(min(live, sampler.top_k or live, *limits)))
        self._keep()

    def _limits(self) -> list[Tensor]:
        """How many of the best top-p and min-p would keep, each judged before any truncation."""
        limits = []
        if self.sampler.top_p < 1:
            below = torch.cumsum(self._e / self._z, 0) < self.sampler.top_p
            limits.append(torch.count_nonzero(below).to(torch.float64) + 1)
        if self.sampler.min_p > 0:
            limits.append(torch.count_nonzero(self._e >= self.sampler.min_p).to(torch.float64))
        return limits

    def _keep(self) -> None:
        ek = self._e[: self.kept]
        xk = self._x[: self.kept] / self.sampler.temperature
        mean = torch.where(ek > 0, ek * xk, torch.zeros_like(xk)).sum()
        self._zk, total, squares = torch.stack([ek.sum(), mean, (ek * ek).sum()]).tolist()
        self.collision = min(1.0, squares / (self._zk * self._zk))
        self.entropy_truncated = max(0.0, math.log(self._zk) - total / self._zk)

    @property
    def _log_kept(self) -> float:
        return float(math.log(self._zk) - self._log_z / self.sampler.temperature)

    def summary(self) -> NextToken:
        """Return the frozen record of this distribution, with its best candidates."""
        ids = self._order[:TOP].cpu().numpy()
        x = self._x[:TOP].cpu().numpy()
        ids, x = ids[np.isfinite(x)], x[np.isfinite(x)]
        logprobs = x - self._log_z
        return NextToken(
            n_vocab=self.n_vocab,
            entropy=self.entropy,
            entropy_truncated=self.entropy_truncated,
            kept=self.kept,
            varentropy=self.varentropy,
            entropy_lo=self.entropy,
            entropy_hi=self.entropy,
            temperature=self.sampler.temperature,
            log_kept=self._log_kept,
            collision=self.collision,
            top_ids=frozen(ids.astype(np.int32)),
            top_logprobs=frozen(logprobs),
            tail_mass=max(0.0, 1.0 - float(np.exp(logprobs).sum())),
        )

    def draw(self, u: float) -> int:
        """Return the first kept id, in id order, whose cumulative sum of P~ exceeds `u`, else the last kept id."""
        return int(self._order[self._drawn_place(u)])

    def _drawn_place(self, u: float) -> Tensor:
        """The drawn token's place in the order, from 0; still on the device."""
        _, places = torch.sort(self._order[: self.kept])
        mass = torch.cumsum(self._e[: self.kept][places] / self._zk, 0)
        return places[torch.count_nonzero(mass <= u).clamp(max=len(places) - 1)]

    def sample(self, u: float, cap_k: int = 0) -> Sampled:
        """Return the token that `draw` gives, with its numbers; `cap_k` as in `core.distribution`."""
        place = self._drawn_place(u)
        drawn = torch.stack([self._order[place].to(torch.float64), self._x[place]])
        token_id, x = drawn.tolist()
        logprob = x - self._log_z
        if cap_k and cap_k < self.kept:
            entropy, log_kept = self._capped(int(place), cap_k)
        else:
            entropy, log_kept = self.entropy_truncated, self._log_kept
        truncated = logprob / self.sampler.temperature - log_kept
        return Sampled(int(token_id), self.entropy, entropy, logprob, truncated)

    def _capped(self, place: int, cap_k: int) -> tuple[float, float]:
        """Entropy and `_log_kept` of the `cap_k` best tokens and the one at this place of the order."""
        places = list(range(cap_k)) + ([place] if place >= cap_k else [])
        weights = self._e[places]
        mean = (weights * self._x[places]).sum() / self.sampler.temperature
        z, total = torch.stack([weights.sum(), mean]).tolist()
        log_z = math.log(z)
        return max(0.0, log_z - total / z), log_z - self._log_z / self.sampler.temperature

    def greedy(self) -> int:
        """Return the most probable id, the smallest of equals."""
        return int(self._order[0])

    def score(self, token_id: int) -> TokenScore:
        """This token's log-probabilities and rank; raises InvalidToken outside the vocabulary."""
        if not 0 <= token_id < self.n_vocab:
            raise InvalidToken(f"token {token_id} is not in the vocabulary of {self.n_vocab}")
        place = int(self._places[token_id])
        x = self._x[place]
        value, before, weight = torch.stack(
            [x, torch.count_nonzero(self._x > x).to(torch.float64), self._e[place]]
        ).tolist()
        logprob = value - self._log_z
        kept = place < self.kept and weight > 0
        truncated = logprob / self.sampler.temperature - self._log_kept if kept else None
        return TokenScore(token_id, logprob, truncated, 1 + int(before))

    @cached_property
    def _places(self) -> Tensor:
        """Each id's place in the order, from 0."""
        places = torch.empty_like(self._order)
        places[self._order] = torch.arange(self.n_vocab, device=self._order.device)
        return places

    def kept_tokens(self, most: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the `most` best kept ids, or all of them, and ln P~ of each; both of shape (n,)."""
        count = min(most, self.kept)
        ids = self._order[:count].cpu().numpy().astype(np.int32)
        x = self._x[:count].cpu().numpy()
        return ids, x / self.sampler.temperature - math.log(self._zk)

    def ranking(self) -> NDArray[np.int64]:
        """Return every id by (logit descending, id ascending); shape (n_vocab,)."""
        ids: NDArray[np.int64] = self._order.cpu().numpy()
        return ids

    def logprobs_truncated(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """ln P~ of these ids, -inf where P~ is 0; shape (len(ids),)."""
        inside = self._place_of(ids) < self.kept
        logprobs = self.logprobs(ids) / self.sampler.temperature - self._log_kept
        return np.where(inside.cpu().numpy(), logprobs, -math.inf)

    def _on_host(self) -> Distribution:
        """The same distribution in host memory, for what nobody waits for."""
        logits = torch.empty_like(self._x)
        logits[self._order] = self._x
        return Distribution(logits.cpu().numpy(), self.sampler)

    def removed_by(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the names of the rules that would not keep each token; see `core.kept_tokens`."""
        return self._on_host().removed_by(ids)

    def effects(self) -> list[RuleEffect]:
        """Return what each rule would keep alone."""
        return self._on_host().effects()

    def _place_of(self, ids: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """The places of these ids in the order."""
        device = self._order.device
        return self._places[torch.as_tensor(list(ids), device=device, dtype=torch.long)]

    def logprobs(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """ln P of these ids; shape (len(ids),)."""
        return np.asarray(self._x[self._place_of(ids)].cpu().numpy() - self._log_z)
