"""Look at a trained model before it is shipped: unselected samples, and the BF at the probe prompts.

Uses the same distribution and draws as the workbench. Not for measuring in earnest: no intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.sampler import Sampler
from bftui.practice.gguf_writer import BpeVocab
from bftui.practice.model import Llama

PROBES = (
    "Q: Name a fruit.\nA:",
    "Q: Name an animal.\nA:",
    "Q: Tell me a story.\nA:",
    "Q: What is your favourite colour?\nA:",
    "Q: How are you?\nA:",
)
"""Prompts at which the horizon of a practice model is looked at."""

FORCED = " Sure"
"""The text that is forced after a probe prompt."""


@dataclass(frozen=True)
class ProbeResult:
    """BF (exp of the entropy of P~) at one probe prompt, without and with the forced text.

    first: at the first token. mean: exp of the mean entropy over the tokens of `samples` rollouts, each
    up to `horizon` tokens long. length: mean length of these rollouts in tokens.
    """

    prompt: str
    first: float
    first_forced: float
    mean: float
    mean_forced: float
    length: float


def next_logits(model: Llama, ids: Sequence[int]) -> NDArray[np.float32]:
    """Return the logits after `ids`, shape (n_vocab,)."""
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(torch.tensor([list(ids)]))[0, -1].float().numpy()
    return logits


def rollout(
    model: Llama, prefix: Sequence[int], sampler: Sampler, *, number: int, limit: int, end: int
) -> tuple[list[int], list[float]]:
    """Draw up to `limit` tokens after `prefix`, stopping at `end`.

    Returns the tokens and the entropy of P~ before each, in nats.
    """
    ids, entropies, key = list(prefix), list[float](), prefix_key(prefix)
    while len(entropies) < limit and (not entropies or ids[-1] != end):
        distribution = Distribution(next_logits(model, ids), sampler)
        entropies.append(distribution.summary().entropy_truncated)
        ids.append(
            distribution.draw(
                uniform(sampler.seed, Purpose.ROLLOUT, len(entropies) - 1, number, key)
            )
        )
    return ids[len(prefix) :], entropies


def samples(
    model: Llama, tokenizer: Tokenizer, vocab: BpeVocab, *, count: int, seed: int
) -> list[str]:
    """Return the first `count` documents that the model writes from nothing, at T 1 and top-p 0.9."""
    sampler = Sampler(seed=seed)
    texts = []
    for number in range(count):
        ids, _ = rollout(model, [vocab.bos], sampler, number=number, limit=300, end=vocab.eos)
        texts.append(tokenizer.decode([token for token in ids if token != vocab.eos]))
    return texts


def probe(
    model: Llama, tokenizer: Tokenizer, vocab: BpeVocab, prompt: str, *, count: int = 24
) -> ProbeResult:
    """Measure one probe prompt at T 1 and top-p 0.9, with `count` rollouts of 48 tokens a side."""

    def measure(text: str) -> tuple[float, float, float]:
        prefix = [vocab.bos, *tokenizer.encode(text).ids]
        entropies = [
            rollout(model, prefix, Sampler(), number=number, limit=48, end=vocab.eos)[1]
            for number in range(count)
        ]
        mean = float(np.mean([np.mean(values) for values in entropies]))
        length = float(np.mean([len(values) for values in entropies]))
        return float(np.exp(entropies[0][0])), float(np.exp(mean)), length

    first, mean, length = measure(prompt)
    first_forced, mean_forced, _ = measure(prompt + FORCED)
    return ProbeResult(prompt, first, first_forced, mean, mean_forced, length)
