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
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from bftui.practice import checkpoint
from bftui.practice.data import TRAINING, Documents, packed_windows
from bftui.practice.gguf_writer import BpeVocab
from bftui.practice.grammar import Grammar
from bftui.practice.model import Llama
from bftui.practice.progress import ProgressLine
from bftui.practice.recipe import Stage


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
    optimizer = make_optimizer(model, stage.learning_rate, stage.weight_decay)
    step, position, seconds, recent = 0, 0, 0.0, math.nan
    saved = checkpoint.load(path, identity)
    if saved is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, position = saved["step"], saved["position"]
        seconds, recent = saved["seconds"], saved["recent"]
    documents = Documents(grammar, seed, TRAINING, position, stage.start)
    line = ProgressLine(name, stage.steps, step)
    started = kept = time.monotonic()
    spent = seconds
    while step < stage.steps:
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rate * schedule(step, stage.steps, stage.warmup)
        shorter = 1 if step % 4 == 3 else 2
        windows = packed_windows(
            documents,
            tokenizer,
            vocab,
            count=stage.batch * shorter,
            length=model.config.n_ctx // shorter,
        )
        loss = _train_step(model, optimizer, windows, place)
        recent = loss if math.isnan(recent) else 0.98 * recent + 0.02 * loss
        step += 1
        now = time.monotonic()
        spent = seconds + now - started
        line.update(step, f"loss {recent:.3f} nats/token")
        if now - kept > checkpoint.EVERY_SECONDS or step == stage.steps:
            kept = now
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"step": step, "position": documents.position, "recent": recent}
            checkpoint.save(path, identity, state | {"seconds": spent})
    tokens = stage.steps * stage.batch * model.config.n_ctx
    model.eval()
    return Training(spent, documents.position, tokens, recent)


def _train_step(
    model: Llama, optimizer: torch.optim.Optimizer, windows: NDArray[np.int32], place: Place
) -> float:
    """Take one step on windows (batch, n_ctx + 1); return the loss before it."""
    ids = torch.from_numpy(windows.astype(np.int64)).to(place.device)
    loss = next_token_loss(model, ids, place)
    descend(model, optimizer, loss)
    return float(loss.item())


def descend(model: Llama, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one optimizer step down `loss`, with the gradient's norm held to 1."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def make_optimizer(model: Llama, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW; the norms' weights do not decay."""
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
