"""Text from a practice model in torch, many samples at once: for measuring before shipping.

The distribution and the draws are those of the workbench (`core`), so a sample here is a rollout there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch

from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.sampler import Sampler
from recipes.practice.model import Cache, Llama


@dataclass
class Sample:
    """ids: the tokens drawn, the ending one included. entropies: H(P~) before each, in nats."""

    ids: list[int] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    ended: bool = False


def sample(
    model: Llama,
    prefix: Sequence[int],
    sampler: Sampler,
    *,
    count: int,
    limit: int,
    ends: Collection[int],
) -> list[Sample]:
    """Draw `count` samples of up to `limit` tokens after `prefix`, each until a token of `ends`."""
    device = next(model.parameters()).device
    limit = min(limit, model.config.n_ctx - len(prefix))
    samples, key = [Sample() for _ in range(count)], prefix_key(prefix)
    with torch.inference_mode():
        cache = Cache()
        logits = (
            model(torch.tensor([list(prefix)], device=device), cache)[0, -1].float().cpu().numpy()
        )
        cache = cache.rows(torch.zeros(count, dtype=torch.long, device=device))
        live = list(range(count))
        rows = [Distribution(logits, sampler)] * count
        for step in range(limit):
            drawn = []
            for number, distribution in zip(live, rows, strict=True):
                token = distribution.draw(uniform(sampler.seed, Purpose.ROLLOUT, step, number, key))
                drawn.append(token)
                samples[number].ids.append(token)
                samples[number].entropies.append(distribution.entropy_truncated)
                samples[number].ended = token in ends
            going = [row for row, number in enumerate(live) if not samples[number].ended]
            if not going or step + 1 == limit:
                break
            if len(going) < len(live):
                cache = cache.rows(torch.tensor(going, device=device))
                live, drawn = [live[row] for row in going], [drawn[row] for row in going]
            ids = torch.tensor(drawn, device=device)[:, None]
            after = model(ids, cache)[:, -1].float().cpu().numpy()
            rows = [Distribution(row, sampler) for row in after]
    return samples
