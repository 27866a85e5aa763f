"""Gradient descent of one stage, resumable: what next-token training and the preference step share."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from recipes.practice import checkpoint
from recipes.practice.model import Llama
from recipes.practice.progress import ProgressLine


@dataclass(frozen=True)
class Pace:
    """How many gradient steps are taken, and how long they are."""

    steps: int
    learning_rate: float
    warmup: int
    weight_decay: float = 0.0


class Descent:
    """The gradient steps of one stage: optimizer, checkpoint and progress line.

    Attributes:
        step: steps that are taken, those of earlier runs with them.
        counted: what the stage counts beside them, kept in the checkpoint.
        loss: the losses, smoothed; NaN before the first step.
        seconds: what the steps took, those of earlier runs with them.
    """

    def __init__(
        self,
        model: Llama,
        pace: Pace,
        *,
        path: Path,
        identity: str,
        name: str,
        counter: str,
        newest: float,
        unit: str = "",
    ) -> None:
        """Begin, or go on from the checkpoint `path` where that file exists: `model` takes its weights.

        counter: the name of `counted` in the checkpoint. newest: weight of a new loss in the
        smoothed one. Raises ValueError when the checkpoint has another identity.
        """
        self._model, self._pace = model, pace
        self._optimizer = make_optimizer(model, pace.learning_rate, pace.weight_decay)
        self._path, self._identity, self._counter = path, identity, counter
        self._newest, self._unit = newest, unit
        self.step, self.counted, self.loss, self.seconds = 0, 0, math.nan, 0.0
        saved = checkpoint.load(path, identity)
        if saved is not None:
            model.load_state_dict(saved["model"])
            self._optimizer.load_state_dict(saved["optimizer"])
            self.step, self.counted = saved["step"], saved[counter]
            self.loss, self.seconds = saved["recent"], saved["seconds"]
        self._line = ProgressLine(name, pace.steps, self.step)
        self._saved = time.monotonic()
        self._started = self._saved - self.seconds

    def take(self, loss: Tensor, counted: int) -> None:
        """Take one step down `loss`, with the gradient's norm held to 1; `counted` is kept with it."""
        rate = self._pace.learning_rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate * schedule(self.step, self._pace.steps, self._pace.warmup)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        new = float(loss.item())
        first = math.isnan(self.loss)
        self.loss = new if first else (1 - self._newest) * self.loss + self._newest * new
        self.step += 1
        self.counted = counted
        now = time.monotonic()
        self.seconds = now - self._started
        self._line.update(self.step, f"loss {self.loss:.3f}{self._unit}")
        if now - self._saved > checkpoint.EVERY_SECONDS or self.step == self._pace.steps:
            self._saved = now
            self._save()

    def _save(self) -> None:
        state = {"model": self._model.state_dict(), "optimizer": self._optimizer.state_dict()}
        state |= {"step": self.step, self._counter: self.counted}
        state |= {"recent": self.loss, "seconds": self.seconds}
        checkpoint.save(self._path, self._identity, state)


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
