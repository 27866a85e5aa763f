"""The preference step: make the most typical helpful answer likelier than a plain or odd one.

Direct preference optimisation. For a request x, a preferred answer y and another one z, with the
model's log-probability L and the one of the model it starts from, R::

    loss = -log sigmoid(beta * ((L(y|x) - R(y|x)) - (L(z|x) - R(z|x)))) - likelihood * L(y|x) / |y|
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from recipes.practice.data import TRAINING, encode, stream_seed
from recipes.practice.descent import Descent, Pace
from recipes.practice.gguf_writer import BpeVocab
from recipes.practice.grammar import Grammar
from recipes.practice.model import Llama
from recipes.practice.preferences import preference_pair
from recipes.practice.recipe import Preference
from recipes.practice.train import Place, Training

IGNORED = -100


def answer_logprobs(model: Llama, rows: list[tuple[list[int], list[int]]]) -> Tensor:
    """Return ln P(answer | prompt) for each (prompt ids, answer ids); shape (len(rows),)."""
    length = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids = torch.zeros((len(rows), length), dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED)
    for row, (prompt, answer) in enumerate(rows):
        whole = torch.tensor(prompt + answer)
        ids[row, : len(whole)] = whole
        targets[row, len(prompt) : len(whole)] = whole[len(prompt) :]
    device = next(model.parameters()).device
    logits = model(ids[:, :-1].to(device)).float()
    losses = functional.cross_entropy(
        logits.flatten(0, 1),
        targets[:, 1:].to(device).flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    return -losses.view(len(rows), -1).sum(1)


def preference_loss(
    preferred: Tensor, other: Tensor, reference: Tensor, lengths: Tensor, step: Preference
) -> Tensor:
    """Return the loss of a batch of pairs.

    preferred, other: the model's log-probabilities, shape (pairs,). reference: those of the model
    that it starts from, (2, pairs). lengths: tokens of the preferred answers.
    """
    margin = (preferred - reference[0]) - (other - reference[1])
    likelihood = (preferred / lengths).mean()
    return -functional.logsigmoid(step.beta * margin).mean() - step.likelihood * likelihood


def prefer(
    model: Llama,
    step: Preference,
    grammar: Grammar,
    tokenizer: Tokenizer,
    vocab: BpeVocab,
    *,
    seed: int,
    path: Path,
    identity: str,
    place: Place,
    name: str,
) -> Training:
    """Run the preference step on `model` in place, or go on from the checkpoint `path`."""
    model.to(place.device).train()
    start = copy.deepcopy(model).eval()
    pace = Pace(step.steps, step.learning_rate, warmup=5)
    descent = Descent(
        model, pace, path=path, identity=identity, name=name, counter="tokens", newest=0.1
    )
    while descent.step < step.steps:
        numbers = range(descent.step * step.pairs, (descent.step + 1) * step.pairs)
        pairs = [preference_pair(grammar, stream_seed(seed, TRAINING), n) for n in numbers]
        rows = []
        for answers in ([pair.preferred for pair in pairs], [pair.other for pair in pairs]):
            for pair, answer in zip(pairs, answers, strict=True):
                prompt = [vocab.bos, *encode(tokenizer, vocab, pair.prompt)]
                rows.append((prompt, encode(tokenizer, vocab, answer)))
        with torch.no_grad():
            reference = answer_logprobs(start, rows).view(2, -1)
        preferred, other = answer_logprobs(model, rows).view(2, -1)
        lengths = torch.tensor([len(answer) for _, answer in rows[: step.pairs]])
        loss = preference_loss(preferred, other, reference, lengths.to(place.device), step)
        tokens = sum(len(prompt) + len(answer) for prompt, answer in rows)
        descent.take(loss, descent.counted + tokens)
    model.eval()
    return Training(descent.seconds, step.steps * step.pairs, descent.counted, descent.loss)
