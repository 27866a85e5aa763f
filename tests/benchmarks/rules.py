"""What each truncation rule and each change of logits costs at a vocabulary of 262,144 tokens, as a share of a step.

The step is one without truncation of Gemma 3 270M, where that is on this machine, else of a random model of as many
tokens: one token decoded, exact entropies, draw, the 50 best. Each rule is then timed alone on the logits of one place.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import bftui
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.steering import Preceding, steer
from bftui.session.session import Session
from tests.benchmarks.big_model import big_model
from tests.real.models import folder

GEMMA = folder() / "gemma-3-270m-q4_k_m.gguf"
PROMPT = "The river rises in the hills, and by the time it meets the town it is wide."
ROUNDS, BLOCK = 7, 12

CHOICES: dict[str, dict[str, Any]] = {
    "top-p .9 (on by default)": {"top_p": 0.9},
    "top-k 40": {"top_k": 40},
    "min-p .05": {"min_p": 0.05},
    "top-nσ 1": {"top_n_sigma": 1.0},
    "epsilon .0003": {"epsilon": 3e-4},
    "eta .0003": {"eta": 3e-4},
    "typical .9": {"typical_p": 0.9},
    "XTC .5": {"xtc_probability": 0.5},
    "a pinned token": {"pinned": (7,), "top_p": 0.9},
    "a bias": {"bias": ((7, 1.0),)},
    "a ban": {"banned": (7,)},
    "repetition 1.1": {"repetition_penalty": 1.1},
    "frequency .5": {"frequency_penalty": 0.5},
    "DRY .8": {"dry_multiplier": 0.8},
    "all penalties, top-p .9": {
        "repetition_penalty": 1.1,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "dry_multiplier": 0.8,
        "top_p": 0.9,
    },
}


@contextmanager
def model_path() -> Iterator[Path]:
    if GEMMA.is_file():
        yield GEMMA
    else:
        with big_model(262_144) as path:
            yield path


def cost(logits: Any, sampler: Sampler, preceding: Preceding) -> float:
    """Seconds of what a step does with logits: the distribution, its summary and a draw."""
    start = time.perf_counter()
    found = Distribution(logits, sampler, steer(logits, sampler, preceding))
    found.draw(0.5)
    found.summary()
    return time.perf_counter() - start


def main() -> None:
    with model_path() as path, bftui.open_model(str(path), backend="llama-cpp", ctx=2048) as model:
        session = Session(model, PROMPT, top_p=1.0, ignore_eos=True)
        session.step()
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(BLOCK):
                session.step()
            times.append((time.perf_counter() - start) / BLOCK)
        step = statistics.median(times)
        logits = np.asarray(model.client.logits(session.model_tree.number, session.cursor))
        ids = session.model_tree.site(session.cursor).prefix
        name, n_vocab = model.info.name, model.info.n_vocab
    print(f"{name}, {n_vocab:,} tokens, step without truncation {1e3 * step:.1f} ms")
    preceding = Preceding(ids, 18)
    bare = Sampler(top_p=1.0)
    differences: dict[str, list[float]] = {each: [] for each in CHOICES}
    for _ in range(ROUNDS):
        for each, settings in CHOICES.items():
            sampler = Sampler(**{"top_p": 1.0, **settings})
            without = min(cost(logits, bare, preceding) for _ in range(3))
            with_it = min(cost(logits, sampler, preceding) for _ in range(3))
            differences[each].append(with_it - without)
    for each, found in differences.items():
        more = statistics.median(found)
        budget = " (budget 1.05)" if "default" in each else ""
        print(f"  {each:26} {1e3 * more:6.2f} ms more, {1 + more / step:.3f} x the step{budget}")
