"""The distribution of logits at a place in a text: windows say which sampler holds there, and steering changes logits.

Everything that draws or scores goes through here: steps, look-ahead, continuations, valid sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from bftui.backends.client.constrained_distribution import ConstrainedDistribution
from bftui.backends.client.constraint_masks import Allowed, ConstraintMasks
from bftui.backends.protocol import Backend, Logits, TokenDistribution
from bftui.core.sampler import FREE, Sampler
from bftui.core.steering import Preceding, Steering, breaks


class SteeredSampling:
    """Makes distributions for one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._masks = ConstraintMasks(backend)

    def distribution(
        self, logits: Logits, sampler: Sampler, token_ids: Sequence[int], prompt: int
    ) -> TokenDistribution:
        """Return the distribution of logits after some tokens, of which `prompt` are the prompt.

        Raises NonFiniteLogits; InvalidToken for a setting that names a token outside the vocabulary; NothingLeft;
        MissingDependency and UsageError for a constraint that cannot be read.
        """
        if not (sampler.windows or sampler.steers):
            return self._backend.distribution(logits, sampler)
        allowed = self._allowed(sampler, token_ids, prompt)
        now, steering = self._at(sampler, token_ids, prompt, allowed)
        found = self._backend.distribution(logits, now, steering)
        if allowed is None:
            return found
        free, before = replace(sampler, constraint=FREE), tuple(token_ids)
        return ConstrainedDistribution(
            found, now, allowed, lambda: self.distribution(logits, free, before, prompt)
        )

    def at(
        self, sampler: Sampler, token_ids: Sequence[int], prompt: int
    ) -> tuple[Sampler, Steering | None]:
        """Return the sampler that holds after some tokens, and what changes the logits there.

        Raises MissingDependency and UsageError for a constraint that cannot be read.
        """
        return self._at(sampler, token_ids, prompt, self._allowed(sampler, token_ids, prompt))

    def _at(
        self, sampler: Sampler, token_ids: Sequence[int], prompt: int, allowed: Allowed | None
    ) -> tuple[Sampler, Steering | None]:
        preceding = Preceding(token_ids, prompt)
        now = sampler.at(preceding.position)
        if not now.steers:
            return now, None
        breakers = self._breakers if now.dry_multiplier else frozenset[int]()
        return now, Steering(preceding, breakers, None if allowed is None else allowed.mask)

    def _allowed(self, sampler: Sampler, token_ids: Sequence[int], prompt: int) -> Allowed | None:
        """What the constraint lets follow; None where there is none, or the text that it governs begins later."""
        start = prompt + sampler.constraint.start
        if not sampler.constraint or start > len(token_ids):
            return None
        return self._masks.after(sampler.constraint, token_ids[start:])

    @cached_property
    def _breakers(self) -> frozenset[int]:
        of, n_vocab = self._backend.token_bytes, self._backend.info.n_vocab
        return frozenset(token_id for token_id in range(n_vocab) if breaks(of(token_id)))
