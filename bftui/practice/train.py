"""Train a practice model: recipe, loop, checkpoint, and the loss on whole documents.

All losses are in nats per token; the tokens of a document are its text and the end token, the begin
token is given.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.nn import functional

from bftui.practice.data import TRAINING, Documents, packed_windows, token_ids
from bftui.practice.gguf_writer import BpeVocab, LlamaConfig
from bftui.practice.grammar import Document, Grammar
from bftui.practice.model import Llama

_IGNORED = -100
_CHECKPOINT_EVERY = 100


@dataclass(frozen=True)
class Recipe:
    """Sizes of a model and of its training; a step sees `batch` windows of `config.n_ctx` tokens."""

    config: LlamaConfig
    tokenizer_documents: int
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    weight_decay: float


QUICK = Recipe(
    config=LlamaConfig(
        n_vocab=2816, n_ctx=512, n_embd=192, n_layer=4, n_head=6, n_head_kv=2, n_ff=512
    ),
    tokenizer_documents=20_000,
    steps=5600,
    batch=2,
    learning_rate=3e-3,
    warmup=100,
    weight_decay=0.05,
)
"""Twenty-four minutes on two CPU cores that had other work to do as well."""


@dataclass(frozen=True)
class Training:
    """What training cost: wall-clock seconds, documents and tokens seen."""

    seconds: float
    documents: int
    tokens: int


def train(
    recipe: Recipe,
    grammar: Grammar,
    tokenizer: Tokenizer,
    vocab: BpeVocab,
    *,
    seed: int,
    checkpoint: Path,
) -> tuple[Llama, Training]:
    """Train from `seed`, or go on from `checkpoint` where that file exists.

    Progress goes to stderr. Raises ValueError when the checkpoint is of another recipe or seed.
    """
    torch.manual_seed(seed)
    model = Llama(recipe.config)
    optimizer = _optimizer(model, recipe)
    identity = {"recipe": asdict(recipe), "seed": seed, "vocab": asdict(vocab)}
    step, position, seconds = 0, 0, 0.0
    if checkpoint.exists():
        saved: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        if saved["identity"] != identity:
            raise ValueError(f"{checkpoint} belongs to another recipe or seed")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, position, seconds = saved["step"], saved["position"], saved["seconds"]
    documents = Documents(grammar, seed, TRAINING, position)
    started, recent = time.monotonic() - seconds, math.nan
    while step < recipe.steps:
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(step, recipe)
        windows = packed_windows(
            documents, tokenizer, vocab, count=recipe.batch, length=recipe.config.n_ctx
        )
        loss = _train_step(model, optimizer, windows)
        recent = loss if math.isnan(recent) else 0.98 * recent + 0.02 * loss
        step += 1
        seconds = time.monotonic() - started
        if step % 10 == 0 or step == recipe.steps:
            print(
                f"\rstep {step}/{recipe.steps}  loss {recent:.3f} nats/token  {seconds:.0f} s",
                end="\n" if step % 100 == 0 or step == recipe.steps else "",
                file=sys.stderr,
                flush=True,
            )
        if step % _CHECKPOINT_EVERY == 0 or step == recipe.steps:
            state = {"identity": identity, "step": step, "position": documents.position}
            state |= {"seconds": seconds, "model": model.state_dict()}
            state |= {"optimizer": optimizer.state_dict()}
            partial = checkpoint.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(checkpoint)
    tokens = recipe.steps * recipe.batch * recipe.config.n_ctx
    return model.eval(), Training(seconds, documents.position, tokens)


def mean_loss(
    model: Llama, tokenizer: Tokenizer, vocab: BpeVocab, documents: Iterable[Document]
) -> tuple[float, float]:
    """Return nats per token over whole documents, each on its own: the model's and the grammar's.

    The grammar's figure is that of its choices, an upper bound on the entropy of its text.
    """
    rows, nats = [], 0.0
    for document in documents:
        rows.append(token_ids(tokenizer, vocab, document.text))
        nats += document.nats
    rows.sort(key=len)
    total, count = 0.0, 0
    for start in range(0, len(rows), 64):
        group = rows[start : start + 64]
        ids = np.full((len(group), len(group[-1])), _IGNORED, np.int64)
        for row, tokens in enumerate(group):
            ids[row, : len(tokens)] = tokens
        batch = torch.from_numpy(ids)
        with torch.inference_mode():
            logits = model(batch[:, :-1].clamp(min=0))
        targets = batch[:, 1:].flatten()
        total += functional.cross_entropy(
            logits.flatten(0, 1), targets, ignore_index=_IGNORED, reduction="sum"
        ).item()
        count += int((targets != _IGNORED).sum())
    return total / count, nats / count


def _train_step(
    model: Llama, optimizer: torch.optim.Optimizer, windows: NDArray[np.int32]
) -> float:
    """Take one step on windows (batch, n_ctx + 1); return the loss before it."""
    ids = torch.from_numpy(windows.astype(np.int64))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids[:, :-1])
    loss = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


def _optimizer(model: Llama, recipe: Recipe) -> torch.optim.AdamW:
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def _schedule(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    progress = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
