"""What a step of the transformers backend costs beside the library's own cached forward, and beside its `generate`.

The same weights, threads, type and device on all sides. A step is exact entropy over the whole vocabulary, truncated
BF, sampling, the 50 best and a tree node. Blocks of the loops alternate, and ratios are taken block against block.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import bftui
from bftui.session.session import Session
from tests.benchmarks.big_model import big_model
from tests.benchmarks.step import PROMPT, steps

BLOCK, ROUNDS, N_CTX = 16, 16, 2048


class BareLoop:
    """The library's forward on its own cache, and the best token read from its logits."""

    def __init__(self, model: Any, prompt: list[int]) -> None:
        from bftui.backends.transformers.hf_library import torch, transformers

        self._torch = torch
        self._model = model
        self._cache = transformers.DynamicCache()
        self._device = model.device
        self._token = self._forward(prompt)

    def _forward(self, ids: list[int]) -> int:
        with self._torch.inference_mode():
            found = self._model(
                input_ids=self._torch.tensor([ids], device=self._device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
            return int(found.logits[0, -1].argmax())

    def run(self, count: int) -> float:
        """Seconds for one token, over `count` of them."""
        start = time.perf_counter()
        for _ in range(count):
            self._token = self._forward([self._token])
        return (time.perf_counter() - start) / count


def generated(model: Any, prompt: list[int], count: int) -> float:
    """Seconds for one token of the library's own greedy `generate`, the prompt's evaluation included."""
    from bftui.backends.transformers.hf_library import torch

    ids = torch.tensor([prompt], device=model.device)
    start = time.perf_counter()
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        pad_token_id=0,
    )
    assert out.shape[1] == len(prompt) + count
    return (time.perf_counter() - start) / count


def main() -> None:
    from bftui.backends.transformers.hf_library import transformers

    with (
        big_model() as path,
        bftui.open_model(str(path), backend="transformers", ctx=N_CTX) as opened,
    ):
        info = opened.info
        session = Session(opened, PROMPT, ignore_eos=True)
        other = transformers.AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, dtype=info.dtype
        )
        bare = BareLoop(other.eval().to(info.device), list(session.tree.prompt_ids(0)))
        bare.run(8)
        steps(session, 8)
        prompt = list(session.tree.prompt_ids(0))
        generated(other, prompt, 8)
        ratios: dict[str, list[float]] = {"own cached forward": [], "generate": []}
        times = []
        for _ in range(ROUNDS):
            base = bare.run(BLOCK)
            step = steps(session, BLOCK)
            ratios["own cached forward"].append(step / base)
            times.append(step)
        for _ in range(4):
            fresh = Session(opened, PROMPT, ignore_eos=True)
            start = time.perf_counter()
            fresh.goto(0)
            steps(fresh, 64)
            step = (time.perf_counter() - start) / 64
            ratios["generate"].append(step / generated(other, prompt, 64))
        print(
            f"{info.parameters / 1e6:.0f} M parameters, vocabulary {info.n_vocab}, {info.device} "
            f"{info.dtype}, {info.threads} threads, {1 / statistics.median(times):.0f} tokens/s"
        )
        budgets = {"own cached forward": 1.05, "generate": 1.0}
        for name, values in ratios.items():
            low, middle, high = min(values), statistics.median(values), max(values)
            print(
                f"  a step / {name}: {middle:.3f}x [{low:.3f}, {high:.3f}] (budget {budgets[name]})"
            )
