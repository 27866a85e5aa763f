"""Two distributions of one next token: ranks, classes, and how far they are apart.

The token distribution shift of Lin et al. ("The Unlocking Spell on Base LLMs", ICLR 2024, arXiv 2312.01552, section 2):
a token that one model chose is looked up in the other's distribution. There it is unshifted at rank 1, marginal at rank
2 or 3, else shifted. Everything is over the full vocabulary, in float64 and in nats; ranks count from 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from bftui.core.distribution import NextToken
from bftui.core.errors import InvalidToken, NonFiniteLogits
from bftui.core.logits import F32, F64

Kind = Literal["unshifted", "marginal", "shifted"]
Author = Literal["base", "partner"]
KINDS: tuple[Kind, ...] = get_args(Kind)

TIE = 1e-3
"""Logits that are this near to the best one are as good: rows of different passes differ by less."""

_MARGINAL = 3


def kind_of(rank: int) -> Kind:
    """Returns the class of a token by its rank in the other model's distribution (section 2.2)."""
    if rank <= 1:
        return "unshifted"
    return "marginal" if rank <= _MARGINAL else "shifted"


@dataclass(frozen=True, slots=True)
class Standing:
    """One token in one distribution, or some tokens that are looked at together.

    Attributes:
        rank: 1 + the number of tokens with a strictly larger logit; 1 within `TIE` of the best. Of several tokens the
            largest.
        logprob: ln P, -inf for a probability of 0. Of several tokens the sum.
        over_best, over_third: its logit less the largest and the third largest of all others: what its class hangs on.
            Of several tokens the smallest; None where the logits are not known any more.
    """

    rank: int
    logprob: float
    over_best: float | None = field(default=None, compare=False)
    over_third: float | None = field(default=None, compare=False)

    @property
    def kind(self) -> Kind:
        """The class by the rank."""
        return kind_of(self.rank)

    @property
    def prob(self) -> float:
        """P."""
        return math.exp(self.logprob)

    def unsettled(self, move: float) -> bool:
        """Says whether its class would be another one, were its logit higher or lower by `move`; False if unknown."""
        if self.over_best is None or self.over_third is None:
            return False
        return any(
            _class_over(self.over_best + by, self.over_third + by) != self.kind
            for by in (move, -move)
        )


def _class_over(best: float, third: float) -> Kind:
    """Returns the class of a token whose logit is larger by so much than the best and the third best of the others."""
    if best >= -TIE:
        return "unshifted"
    return "marginal" if third >= 0 else "shifted"


@dataclass(frozen=True, slots=True)
class Compared:
    """One token in the distributions of two models.

    Attributes:
        base, partner: the token in either distribution.
        kl_partner_base, kl_base_partner: KL(partner || base) and KL(base || partner), nats; inf where the second gives
            a token no probability that the first gives some.
        js: the Jensen-Shannon divergence, nats, at most ln 2.

    All three are None where the ids of the two models do not mean the same.
    """

    base: Standing
    partner: Standing
    kl_partner_base: float | None = None
    kl_base_partner: float | None = None
    js: float | None = None

    def of(self, author: Author) -> Standing:
        """Returns the token in the distribution of the model that wrote it."""
        return self.partner if author == "partner" else self.base

    def beside(self, author: Author) -> Standing:
        """Returns the token in the distribution of the model that did not write it."""
        return self.base if author == "partner" else self.partner


@dataclass(frozen=True, slots=True)
class PartnerView:
    """What a partner says of one node of a session's tree.

    Attributes:
        compared: the node's own token in the two distributions before it; None at a prompt.
        next: the partner's distribution after the node; None after an end of generation, and where the partner's tokens
            have no end.
        sampler: the number of the session's sampler that `next` was made under.
        place, tokens: which of how many tokens of the base this is that were compared together, from 0; they are more
            than one only with another vocabulary.
    """

    compared: Compared | None
    next: NextToken | None
    sampler: int
    place: int = 0
    tokens: int = 1

    @property
    def last(self) -> bool:
        """Whether the node is the last one of those that were compared together."""
        return self.place == self.tokens - 1


def compare(base: F32, partner: F32, base_id: int, partner_id: int) -> Compared:
    """Compares a token in two distributions, and says how far these are apart.

    Args:
        base, partner: logits, shape (n_vocab,) of either model. Where one is wider by padding ids, the divergences are
            those of the distributions over the narrower width.
        base_id, partner_id: the token as either model's; where they differ, the ids do not mean the same and there are
            no divergences.

    Raises InvalidToken outside a vocabulary, NonFiniteLogits.
    """
    ours, theirs = log_probabilities(base), log_probabilities(partner)
    standings = _standing(base, ours, base_id), _standing(partner, theirs, partner_id)
    if base_id != partner_id:
        return Compared(*standings)
    width = min(len(base), len(partner))
    if len(base) > width:
        ours = log_probabilities(base[:width])
    if len(partner) > width:
        theirs = log_probabilities(partner[:width])
    return Compared(
        *standings,
        kl_partner_base=kl_divergence(theirs, ours),
        kl_base_partner=kl_divergence(ours, theirs),
        js=js_divergence(ours, theirs),
    )


def together(base: Sequence[Standing], partner: Sequence[Standing]) -> Compared:
    """Joins a span of text that two models split differently: the largest rank, the product of probabilities."""
    return Compared(_joined(base), _joined(partner))


def _joined(standings: Sequence[Standing]) -> Standing:
    bests = [each.over_best for each in standings if each.over_best is not None]
    thirds = [each.over_third for each in standings if each.over_third is not None]
    known = len(bests) == len(thirds) == len(standings)
    return Standing(
        max(each.rank for each in standings),
        math.fsum(each.logprob for each in standings),
        min(bests) if known else None,
        min(thirds) if known else None,
    )


def log_probabilities(logits: F32) -> F64:
    """Returns ln P of every token, shape (n_vocab,); -inf for a logit of -inf. Raises NonFiniteLogits."""
    peak = float(logits.max())
    if not math.isfinite(peak):
        raise NonFiniteLogits(
            "the model gave logits that are not a distribution",
            f"their maximum is {peak}",
            "the weights may be damaged or overflow in this dtype",
        )
    x = np.subtract(logits, peak, dtype=np.float64)
    found: F64 = x - math.log(float(np.exp(x).sum()))
    return found


def kl_divergence(p: F64, q: F64) -> float:
    """Returns KL(P || Q) of ln P and ln Q, both of shape (n_vocab,); nats, inf where Q is 0 and P is not."""
    there = p > -math.inf
    if not there.all():
        p, q = p[there], q[there]
    # Of equal arrays the differences are exactly 0, and so is the sum.
    return max(0.0, float((np.exp(p) * (p - q)).sum()))


def js_divergence(p: F64, q: F64) -> float:
    """Returns the Jensen-Shannon divergence of ln P and ln Q, both of shape (n_vocab,); nats, at most ln 2."""
    return min(math.log(2), max(0.0, 0.5 * (_to_middle(p, q) + _to_middle(q, p))))


def _to_middle(p: F64, q: F64) -> float:
    """Returns KL(P || (P + Q) / 2), as the sum of P (ln 2 - ln(1 + Q/P))."""
    there = p > -math.inf
    if not there.all():
        p, q = p[there], q[there]
    return float((np.exp(p) * (np.log(2) - np.logaddexp(0.0, q - p))).sum())


def standings(logits: F32, token_ids: Sequence[int]) -> list[Standing]:
    """Looks tokens up in one distribution of logits, shape (n_vocab,); raises InvalidToken, NonFiniteLogits."""
    logs = log_probabilities(logits)
    if len(token_ids) < 4:
        return [_standing(logits, logs, token_id) for token_id in token_ids]
    for token_id in token_ids:
        _check(token_id, len(logs))
    ids = np.asarray(token_ids, dtype=np.int64)
    own = logs[ids]
    # Ranks are by the logits themselves: two that differ may round to one log-probability.
    above = len(logs) - np.searchsorted(np.sort(logits), logits[ids], side="right")
    ranks = np.where(own >= logs.max() - TIE, 1, 1 + above)
    return [
        Standing(rank, logprob) for rank, logprob in zip(ranks.tolist(), own.tolist(), strict=True)
    ]


def _standing(logits: F32, logs: F64, token_id: int) -> Standing:
    _check(token_id, len(logs))
    own = float(logs[token_id])
    over = _over_others(logits, token_id)
    if own >= float(logs.max()) - TIE:
        return Standing(1, own, *over)
    return Standing(1 + int(np.count_nonzero(logits > logits[token_id])), own, *over)


def _over_others(logits: F32, token_id: int) -> tuple[float, float]:
    """Returns a token's logit less the largest and the third largest of the others; inf where there are not so many."""
    own = float(logits[token_id])
    count = min(4, len(logits))
    best = sorted(np.partition(logits, -count)[-count:].tolist(), reverse=True)
    # Either it is among them, or the last of them is one too many.
    best.remove(own if own in best else best[-1])
    others = [*best, -math.inf, -math.inf, -math.inf]
    found = (math.inf if other == -math.inf else own - other for other in (others[0], others[2]))
    return next(found), next(found)


def _check(token_id: int, width: int) -> None:
    if not 0 <= token_id < width:
        raise InvalidToken(f"token {token_id} is not in the vocabulary of {width}")


def spans(a: Sequence[bytes], b: Sequence[bytes]) -> list[tuple[range, range]]:
    """Finds the smallest pieces of one text that begin and end where tokens of both tokenisations do.

    Args:
        a, b: the bytes of the tokens; joined both are the same text.

    Returns places in `a` and in `b`, in order; every token is in one piece, tokens without bytes in that of the token
    before. A text without bytes has none. Raises ValueError for two different texts.
    """
    if b"".join(a) != b"".join(b):
        raise ValueError("these are tokens of two different texts")
    found: list[tuple[range, range]] = []
    i = j = at_a = at_b = 0
    while i < len(a) and j < len(b):
        start_a, start_b = i, j
        at_a, at_b, i, j = at_a + len(a[i]), at_b + len(b[j]), i + 1, j + 1
        while at_a != at_b:
            if at_a < at_b:
                at_a, i = at_a + len(a[i]), i + 1
            else:
                at_b, j = at_b + len(b[j]), j + 1
        while i < len(a) and not a[i]:
            i += 1
        while j < len(b) and not b[j]:
            j += 1
        found.append((range(start_a, i), range(start_b, j)))
    return found
