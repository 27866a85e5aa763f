"""The distribution of logits at a place in a text: windows say which sampler holds there, and steering changes logits.

Everything that draws or scores goes through here: steps, look-ahead, continuations, valid sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from bftui.backends.protocol import Backend, Logits, TokenDistribution
from bftui.core.sampler import Sampler
from bftui.core.steering import Preceding, Steering, breaks


class SteeredSampling:
    """Makes distributions for one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def distribution(
        self, logits: Logits, sampler: Sampler, token_ids: Sequence[int], prompt: int
    ) -> TokenDistribution:
        """Return the distribution of logits after some tokens, of which `prompt` are the prompt.

        Raises NonFiniteLogits; InvalidToken for a setting that names a token outside the vocabulary; NothingLeft.
        """
        if not (sampler.windows or sampler.steers):
            return self._backend.distribution(logits, sampler)
        now, steering = self.at(sampler, token_ids, prompt)
        return self._backend.distribution(logits, now, steering)

    def at(
        self, sampler: Sampler, token_ids: Sequence[int], prompt: int
    ) -> tuple[Sampler, Steering | None]:
        """Return the sampler that holds after some tokens, and what changes the logits there."""
        preceding = Preceding(token_ids, prompt)
        now = sampler.at(preceding.position)
        if not now.steers:
            return now, None
        return now, Steering(preceding, self._breakers if now.dry_multiplier else frozenset())

    @cached_property
    def _breakers(self) -> frozenset[int]:
        of, n_vocab = self._backend.token_bytes, self._backend.info.n_vocab
        return frozenset(token_id for token_id in range(n_vocab) if breaks(of(token_id)))
