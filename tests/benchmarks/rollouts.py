"""Prints what rollouts and look-ahead in one batch are worth, whether rollouts are the same alone, and their memory.

Speed is of the random Llama of 56 M parameters (32,000 tokens, 2 to 3 nats), batch against one after another in one run
with the same threads. Sameness is of the practice model with llama.cpp: each rollout is drawn once in batches and once
alone. Memory is of a tiny model with vocabularies of three sizes; keys and values are said apart.

    python -m tests.benchmarks.rollouts [--quick] [--threads N]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from bftui import practice
from bftui.backends.client.client_protocol import RolloutPlan, RolloutStep
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import installed, open_backend
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from recipes.practice.gguf_writer import NORMAL, LlamaConfig, write_llama_gguf
from tests.benchmarks.big_model import big_model
from tests.benchmarks.step import PROMPT
from tests.models import bpe_vocab, random_weights

ROWS, SAMPLER = 32, Sampler(seed=1)


@contextmanager
def engine_with_prompt(
    path: Path, backend: str, prompt: str, threads: int
) -> Iterator[InferenceEngine]:
    """An engine with the prompt as node 0 of tree 0."""
    spec = OpenSpec(str(path), backend, n_ctx=2048, threads=threads)
    engine = InferenceEngine(open_backend(spec, lambda _share, _text: True))
    try:
        engine.add_prompt(0, 0, engine.tokenize(prompt), SAMPLER)
        yield engine
    finally:
        engine.close()


def rolled(engine: InferenceEngine, numbers: Iterable[int], horizon: int) -> Iterator[RolloutStep]:
    return engine.rollouts(RolloutPlan(0, 0, [()], SAMPLER, list(numbers), horizon))


def texts(stream: Iterator[RolloutStep]) -> dict[int, list[int]]:
    """The tokens of each rollout."""
    found: dict[int, list[int]] = {}
    for drawn in stream:
        for number, token_id in zip(drawn.numbers, drawn.token_ids, strict=True):
            found.setdefault(number, []).append(token_id)
    return found


def speed(path: Path, backend: str, threads: int, singles: int, horizon: int) -> None:
    with engine_with_prompt(path, backend, PROMPT, threads) as engine:
        texts(rolled(engine, range(2), 3))
        rates: dict[str, float] = {}
        for name, groups in (
            ("together", [range(ROWS)]),
            ("one by one", [range(i, i + 1) for i in range(singles)]),
        ):
            start = time.perf_counter()
            found = [texts(rolled(engine, numbers, horizon)) for numbers in groups]
            elapsed = time.perf_counter() - start
            tokens = sum(len(ids) for walks in found for ids in walks.values())
            rates[name] = tokens / elapsed
        ratio = rates["together"] / rates["one by one"]
        print(
            f"{backend}, {engine.info.threads} threads: {ROWS} rollouts of {horizon} tokens "
            f"{rates['together']:.0f} tokens/s together, {rates['one by one']:.0f} one by one: "
            f"{ratio:.1f} times faster (budget 4 with llama.cpp)"
        )


def lookahead(path: Path, backend: str, threads: int, candidates: int = 20) -> None:
    with engine_with_prompt(path, backend, PROMPT, threads) as engine:
        wanted = [int(i) for i in engine.preview(0, 0, SAMPLER).top_ids[:candidates]]
        ratios = []
        for turn in range(5):
            start = time.perf_counter()
            list(engine.lookahead(0, 0, wanted, SAMPLER))
            middle = time.perf_counter()
            for place, token_id in enumerate(wanted):
                engine.extend(0, 0, 1 + turn * candidates + place, [token_id], SAMPLER, True)
            ratios.append((time.perf_counter() - middle) / (middle - start))
        print(
            f"{backend}: look-ahead over {candidates} candidates {statistics.median(ratios):.1f} "
            f"times faster than {candidates} steps (budget 4 with llama.cpp, 2.5 with transformers)"
        )


def sameness(count: int, horizon: int, threads: int) -> None:
    path = Path(practice.path("practice"))
    with engine_with_prompt(path, "llama-cpp", "Q: Name a fruit.\nA:", threads) as engine:
        together = texts(rolled(engine, range(count), horizon))
        differ = sum(
            texts(rolled(engine, [number], horizon))[number] != ids
            for number, ids in together.items()
        )
        tokens = sum(map(len, together.values()))
        print(
            f"{engine.info.name} with llama.cpp: {differ} of {count} rollouts of up to {horizon} "
            f"tokens ({tokens} in all) differ alone and in batches of "
            f"{engine.info.batch_rows}"
        )


class Peak:
    """The largest resident memory of this process while a block runs, sampled by a thread."""

    def __enter__(self) -> Peak:
        gc.collect()
        self._process = psutil.Process()
        self.before = self.most = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def grown(self) -> float:
        """MiB above what was resident before."""
        return (self.most - self.before) / 2**20


def tiny(path: Path, n_vocab: int) -> None:
    small = bpe_vocab()
    missing = n_vocab - len(small.tokens)
    vocabulary = replace(
        small,
        tokens=(*small.tokens, *(f"filler{i}" for i in range(missing))),
        types=(*small.types, *([NORMAL] * missing)),
    )
    config = LlamaConfig(
        n_vocab=n_vocab, n_ctx=2048, n_embd=64, n_layer=2, n_head=4, n_head_kv=2, n_ff=128
    )
    weights = random_weights(config, seed=0, tied=True, spread=0.6)
    write_llama_gguf(
        path, config=config, tensors=weights, tokenizer=vocabulary, dtype="f32", name="tiny"
    )


def memory(folder: Path, backend: str, n_vocab: int, horizon: int, threads: int) -> None:
    path = folder / f"{n_vocab}.gguf"
    if not path.exists():
        tiny(path, n_vocab)
    for traced in (False, True):
        with engine_with_prompt(path, backend, PROMPT, threads) as engine:
            texts(rolled(engine, range(ROWS), 2))
            if traced:
                tracemalloc.start()
            with Peak() as peak:
                tokens = sum(map(len, texts(rolled(engine, range(ROWS), horizon)).values()))
            if not traced:
                resident = peak.grown
                continue
            python = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            step = ROWS * 4 * n_vocab / 2**20
            cache = tokens * engine.info.kv_bytes_per_token / 2**20
            print(
                f"{backend}, vocabulary {n_vocab}: {tokens} tokens of {ROWS} rollouts; resident after "
                f"the first step +{resident:.1f} MiB, allocated by Python at most {python:.1f} MiB, of which one "
                f"step's logits are {step:.1f}; keys and values {cache:.1f} MiB"
                + (" (in the pool since opening)" if backend == "llama-cpp" else "")
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    parser.add_argument("--quick", action="store_true", help="shorter, and less exact")
    options = parser.parse_args()
    threads, quick = options.threads, options.quick
    backends = [name for name in ("llama-cpp", "transformers") if installed(name)]
    with big_model() as path:
        for backend in backends:
            speed(path, backend, threads, 3 if quick else 12, 16 if quick else 64)
            lookahead(path, backend, threads)
    if "llama-cpp" in backends:
        sameness(100 if quick else 1000, 48, threads)
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("reference", *backends):
            for n_vocab in (4_000, 32_000, 128_000):
                memory(Path(folder), backend, n_vocab, 16 if quick else 256, threads)


if __name__ == "__main__":
    main()
