"""Next-token training of one stage, resumable.

Losses are in nats per token; the tokens of a document are its text and the end token.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from recipes.practice.data import TRAINING, Documents, packed_windows
from recipes.practice.descent import Descent, Pace
from recipes.practice.gguf_writer import BpeVocab
from recipes.practice.grammar import Grammar
from recipes.practice.model import Llama
from recipes.practice.recipe import Stage


@dataclass(frozen=True)
class Place:
    """Where training runs: a torch device, and whether bfloat16 autocast is faster there."""

    device: str
    autocast: bool

    def casting(self) -> AbstractContextManager[object]:
        """Return the context in which a forward pass runs."""
        return torch.autocast(self.device, torch.bfloat16) if self.autocast else nullcontext()


@dataclass(frozen=True)
class Training:
    """What training cost: wall-clock seconds, documents and tokens seen, the last smoothed loss."""

    seconds: float
    documents: int
    tokens: int
    loss: float


def find_place(model: Llama) -> Place:
    """Choose the device, and try on `model` whether autocast pays: on CPUs without it, it does not."""
    if torch.cuda.is_available():
        return Place("cuda", True)
    ids = torch.zeros((1, model.config.n_ctx), dtype=torch.long)
    seconds: dict[bool, float] = {}
    for autocast in (False, True):
        place, best = Place("cpu", autocast), math.inf
        for _ in range(3):
            started = time.perf_counter()
            next_token_loss(model, torch.cat((ids, ids[:, :1]), 1), place).backward()
            best = min(best, time.perf_counter() - started)
        model.zero_grad()
        seconds[autocast] = best
    return Place("cpu", seconds[True] < seconds[False])


def next_token_loss(model: Llama, ids: Tensor, place: Place) -> Tensor:
    """Return the mean loss of windows (batch, n_ctx + 1)."""
    with place.casting():
        logits = model(ids[:, :-1])
    return functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def train(
    model: Llama,
    stage: Stage,
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
    """Train `model` in place, or go on from the checkpoint `path` where that file exists.

    Three steps of four see windows of half the length, and twice as many: most documents are short,
    attention is cheaper there, and more of them stand at the beginning, as a prompt does. Progress
    goes to stderr. Raises ValueError when the checkpoint has another identity.
    """
    model.to(place.device).train()
    pace = Pace(stage.steps, stage.learning_rate, stage.warmup, stage.weight_decay)
    descent = Descent(
        model, pace, path=path, identity=identity, name=name,
        counter="position", newest=0.02, unit=" nats/token",
    )  # fmt: skip
    documents = Documents(grammar, seed, TRAINING, descent.counted, stage.start)
    while descent.step < stage.steps:
        shorter = 1 if descent.step % 4 == 3 else 2
        windows = packed_windows(
            documents,
            tokenizer,
            vocab,
            count=stage.batch * shorter,
            length=model.config.n_ctx // shorter,
        )
        ids = torch.from_numpy(windows.astype(np.int64)).to(place.device)
        descent.take(next_token_loss(model, ids, place), documents.position)
    tokens = stage.steps * stage.batch * model.config.n_ctx
    model.eval()
    return Training(descent.seconds, descent.counted, tokens, descent.loss)
