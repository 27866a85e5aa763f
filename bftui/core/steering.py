"""Changes to logits before the temperature: biases, bans, penalties of what was said, and what a constraint allows.

They make P~ and leave P alone: entropy, `bf_full`, log-probabilities and ranks are those of the raw logits. In order:
biases; the repetition penalty; the penalties of frequency and presence; DRY; bans and the constraint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import InvalidToken, NothingLeft
from bftui.core.logits import F32, F64
from bftui.core.sampler import Sampler

Ids = NDArray[np.int64]

BREAKERS = b'\n:"*'
"""DRY: no sequence reaches over a token with one of these bytes, the defaults of its author."""

_LARGEST_POWER = 88.0
"""DRY: ln of the most that `dry_base` is raised to, about the largest float32, as llama.cpp has it."""


@dataclass(frozen=True, slots=True)
class Preceding:
    """The tokens before a distribution.

    Attributes:
        token_ids: their ids, first to last.
        prompt: how many of them are the prompt.
    """

    token_ids: Sequence[int]
    prompt: int

    @property
    def position(self) -> int:
        """Where the next token stands after the prompt, from 0."""
        return max(0, len(self.token_ids) - self.prompt)


@dataclass(frozen=True, slots=True)
class Steering:
    """What changes the logits of one distribution, beside the settings of its sampler.

    Attributes:
        preceding: the tokens before.
        breakers: ids of the tokens that `breaks` says of.
        allowed: which tokens the constraint lets follow, shape (n_vocab,); None where there is none.
    """

    preceding: Preceding
    breakers: AbstractSet[int] = frozenset()
    allowed: NDArray[np.bool_] | None = None

    def of(self, logits: F32 | F64, sampler: Sampler) -> F64 | None:
        """Return changed logits; see `steer`."""
        return steer(logits, sampler, self.preceding, self.breakers, self.allowed)


def breaks(token: bytes) -> bool:
    """Whether no sequence that DRY looks for reaches over a token of these bytes."""
    return any(byte in token for byte in BREAKERS)


def steer(
    logits: F32 | F64,
    sampler: Sampler,
    preceding: Preceding,
    breakers: AbstractSet[int] = frozenset(),
    allowed: NDArray[np.bool_] | None = None,
) -> F64 | None:
    """Return changed logits of shape (n_vocab,), or None where nothing changes any.

    Args:
        logits: shape (n_vocab,); they stay as they are.
        sampler: of this position, see `Sampler.at`; its constraint is in `allowed`.
        preceding: the tokens before.
        breakers: ids of the tokens that `breaks` says of.
        allowed: which tokens the constraint lets follow, shape (n_vocab,).

    Raises:
        InvalidToken: for a bias or a ban of a token outside the vocabulary.
        NothingLeft: where bans and the constraint leave no token.
    """
    if not (sampler.steers or allowed is not None):
        return None
    x = logits.astype(np.float64)
    _add_bias(x, sampler.bias)
    if sampler.repetition_penalty != 1.0:
        penalise_repetition(x, _last(preceding, sampler.penalty_window), sampler.repetition_penalty)
    if sampler.frequency_penalty or sampler.presence_penalty:
        text = _last(preceding, sampler.penalty_window, text_only=True)
        penalise_frequency(x, text, sampler.frequency_penalty, sampler.presence_penalty)
    if sampler.dry_multiplier:
        penalise_sequences(x, _last(preceding, sampler.dry_window), sampler, breakers)
    _ban(x, sampler.banned, allowed)
    return x


def penalise_repetition(x: F64, before: Ids, penalty: float) -> None:
    """Divide logits above 0 of tokens that came before by `penalty`, and multiply those below by it, in place.

    Keskar et al., CTRL (arXiv 1909.05858), with the sign as Hugging Face has it; each token once.
    """
    ids = np.unique(before)
    found = x[ids]
    x[ids] = np.where(found > 0, found / penalty, found * penalty)


def penalise_frequency(x: F64, text: Ids, frequency: float, presence: float) -> None:
    """Take `frequency` for each time and `presence` once from logits of tokens of the text, in place.

    OpenAI's definition; the prompt does not count, as in vLLM.
    """
    ids, times = np.unique(text, return_counts=True)
    x[ids] -= frequency * times + presence


def penalise_sequences(x: F64, before: Ids, sampler: Sampler, breakers: AbstractSet[int]) -> None:
    """Take DRY's penalty from logits of tokens that would go on with a sequence that was there before, in place.

    Where the last n tokens stand earlier, too, the token after them there loses multiplier * base ** (n - length), for
    the largest n, and nothing for n below `dry_length`. No sequence reaches over a breaker, and no breaker loses
    anything. Definition: p-e-w in text-generation-webui, pull request 5677; over token ids as in llama.cpp.
    """
    lengths = repeated(before, sampler.dry_length, _longest(sampler), breakers)
    for token_id, length in lengths.items():
        if token_id not in breakers:
            x[token_id] -= sampler.dry_multiplier * sampler.dry_base ** (
                length - sampler.dry_length
            )


def repeated(
    before: Ids, shortest: int, longest: int, breakers: AbstractSet[int]
) -> dict[int, int]:
    """Return each token that came after an earlier copy of the last tokens, with the length of the longest copy.

    Lengths count the tokens that are equal, from `shortest` to `longest`; copies may overlap with what they copy.
    """
    found: dict[int, int] = {}
    ends = np.arange(len(before) - 1)
    for length in range(1, min(longest, len(before) - 1) + 1):
        last = int(before[-length])
        if last in breakers:
            break
        # Ends of the copies of the last `length` tokens.
        ends = ends[ends >= length - 1]
        ends = ends[before[ends - (length - 1)] == last]
        if not len(ends):
            break
        if length >= shortest:
            found.update(dict.fromkeys(before[ends + 1].tolist(), length))
    return found


def _longest(sampler: Sampler) -> int:
    """The length from which DRY's penalty would be more than a float32 holds, or grows no more."""
    growth = math.log(sampler.dry_base)
    return sampler.dry_length + (int(min(_LARGEST_POWER / growth, 1e9)) if growth > 0 else 0)


def _last(preceding: Preceding, window: int, text_only: bool = False) -> Ids:
    """The latest `window` ids, or all where it is 0."""
    ids = preceding.token_ids
    first = preceding.prompt if text_only else 0
    if window:
        first = max(first, len(ids) - window)
    return np.asarray(ids[first:], dtype=np.int64)


def _add_bias(x: F64, bias: Sequence[tuple[int, float]]) -> None:
    for token_id, value in bias:
        x[_known(token_id, x)] += value


def _ban(x: F64, banned: Sequence[int], allowed: NDArray[np.bool_] | None) -> None:
    for token_id in banned:
        x[_known(token_id, x)] = -math.inf
    if allowed is not None:
        x[~allowed] = -math.inf
    if (banned or allowed is not None) and not (x > -math.inf).any():
        raise NothingLeft(
            "no token is left to draw",
            "the bans and the constraint leave none of a probability above 0",
            "go back, or take one of them away",
        )


def _known(token_id: int, x: F64) -> int:
    if token_id >= len(x):
        raise InvalidToken(f"token {token_id} is not in the vocabulary of {len(x)}")
    return token_id
