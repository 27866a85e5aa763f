"""Prints how the local backends agree, and what a shared prefix and a batch are worth.

Agreement is measured on the tests' tiny models and on a random Llama of 56 M parameters (hidden 512, 8 layers, 8 query
heads over 4 key heads, 32,000 tokens, f32), speed on the latter. Times are medians, ratios are of the same run with the
same threads. Files go to a temporary folder. The limit of 1e-5 nats is for the tiny models: on the large one, whose
logits spread wider, each backend's float32 is off by 1e-5 to 2e-5 nats from the same network in float64.

    python -m tests.benchmarks.backends [--threads N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from bftui.backends.protocol import Backend
from bftui.backends.registry import installed, open_backend
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from recipes.practice.gguf_writer import NORMAL, BpeVocab, LlamaConfig, write_llama_gguf
from tests.families import FAMILIES, family_directory, family_gguf
from tests.models import TinyModel, bpe_vocab, random_ids, random_weights, tiny_model

CONFIG = LlamaConfig(
    n_vocab=32_000, n_ctx=2048, n_embd=512, n_layer=8, n_head=8, n_head_kv=4, n_ff=1408
)
POSITIONS = 200
REPEATS = 7
NAMES = ("reference", "llama-cpp", "transformers")
KINDS: tuple[Literal["bpe", "spm"], ...] = ("bpe", "spm")


def vocabulary() -> BpeVocab:
    """The tests' vocabulary, filled up to 32,000 with words that no merge leads to."""
    small = bpe_vocab()
    missing = CONFIG.n_vocab - len(small.tokens)
    return BpeVocab(
        tokens=(*small.tokens, *[f"word{i}" for i in range(missing)]),
        merges=small.merges,
        types=(*small.types, *[NORMAL] * missing),
        bos=small.bos,
        eos=small.eos,
        eot=small.eot,
    )


def write(path: Path) -> TinyModel:
    """The 56 M model; its entropy is that of a trained one (2 to 4 nats)."""
    weights = random_weights(CONFIG, seed=0, tied=False, spread=0.19)
    words = vocabulary()
    write_llama_gguf(
        path, config=CONFIG, tensors=weights, tokenizer=words, dtype="f32", name="random-56m"
    )
    return TinyModel(path, words, CONFIG)


def median(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def parity(reference: Backend, other: Backend, path: list[int]) -> None:
    rows = [np.stack(list(b.path_logits(path[:1], path[1:]))) for b in (reference, other)]
    entropies = [[Distribution(row, Sampler()).entropy for row in each] for each in rows]
    logits = float(np.abs(rows[0] - rows[1]).max())
    difference = float(np.abs(np.array(entropies[0]) - entropies[1]).max())
    best = int((rows[0].argmax(axis=1) == rows[1].argmax(axis=1)).sum())
    print(
        f"{other.info.backend} {other.info.dtype} against {reference.info.backend} "
        f"{reference.info.dtype} over {len(rows[0])} positions, "
        f"mean entropy {np.mean(entropies[0]):.2f} nats"
    )
    print(f"  max |d logit| {logits:.1e} (<= 1e-3)   max |dH| {difference:.1e} nats")
    print(f"  same most probable token at {best} of {len(rows[0])}")
    paths = []
    for backend in (reference, other):
        walk = path[:4]
        for _ in range(40):
            walk.append(Distribution(backend.next_logits(walk), Sampler()).greedy())
        paths.append(walk)
    print(f"  greedy paths of 40 tokens {'equal' if paths[0] == paths[1] else 'DIFFER'}")


def half_precision(backends: list[Backend], path: list[int]) -> None:
    """What 16 bits change: the same file in float16 through transformers, against its float32 there."""
    wide = next((b for b in backends if b.info.backend == "transformers"), None)
    if wide is None:
        return
    spec = OpenSpec(wide.info.source, "transformers", threads=wide.info.threads, dtype="float16")
    narrow = open_backend(spec, lambda _share, _text: True)
    parity(wide, narrow, path)
    narrow.close()


def families(folder: Path, threads: int) -> None:
    """The tests' tiny models of each family, in both formats with the same weights."""
    if not (installed("transformers") and installed("llama-cpp")):
        return
    for name, family in FAMILIES.items():
        sources = (
            ("llama-cpp", family_gguf(folder / f"{name}-family.gguf", name)),
            ("transformers", family_directory(folder / name, name)),
        )
        pair = [
            open_backend(OpenSpec(str(path), backend, threads=threads), lambda _s, _t: True)
            for backend, path in sources
        ]
        rng = np.random.default_rng(1)
        path = [int(i) for i in rng.integers(0, family.n_vocab, POSITIONS + 1)]
        print(f"{name} ({pair[1].info.architecture})", end=": ")
        parity(pair[0], pair[1], path)
        for backend in pair:
            backend.close()


def speed(backend: Backend, path: list[int]) -> None:
    rng = np.random.default_rng(2)
    step = median(lambda: backend.next_logits(path))
    print(f"{backend.info.backend}: one step after {len(path)} tokens {step:.1f} ms")
    for count in (8, 20, 32):
        candidates = [int(i) for i in rng.choice(CONFIG.n_vocab, count, replace=False)]

        def batched(candidates: list[int] = candidates) -> None:
            with backend.continuations(path, len(candidates)) as batch:
                batch.step(range(len(candidates)), candidates)

        def singles(candidates: list[int] = candidates) -> None:
            for candidate in candidates:
                backend.next_logits([*path, candidate])

        backend.next_logits(path)
        together, alone = median(batched), median(singles, 3)
        print(
            f"  {count:2} continuations: {together:6.1f} ms together, {alone:6.1f} one by one: "
            f"{alone / together:.1f} times faster"
        )
    backend.next_logits(path)
    before = backend.evaluated
    backend.next_logits([*path[:-100], (path[-100] + 1) % CONFIG.n_vocab])
    print(f"  back 100 tokens, other branch: {backend.evaluated - before} token evaluated")


def opened(file: Path, threads: int) -> list[Backend]:
    """The file with every local backend that is installed, the reference first."""
    backends = []
    for name in NAMES:
        if not installed(name):
            print(f"{name} is not installed")
            continue
        start = time.perf_counter()
        spec = OpenSpec(str(file), name, threads=threads)
        backends.append(open_backend(spec, lambda _share, _text: True))
        info = backends[-1].info
        print(
            f"{info.name} ({info.parameters:,} parameters) with {name}: {info.library}, "
            f"{info.threads} threads, opened in {time.perf_counter() - start:.1f} s"
        )
    return backends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=0, help="of llama.cpp; 0: physical cores")
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            tiny = tiny_model(Path(folder) / f"{kind}.gguf", kind)
            backends = opened(tiny.path, threads)
            for other in backends[1:]:
                parity(backends[0], other, random_ids(tiny, POSITIONS + 1))
            half_precision(backends, random_ids(tiny, POSITIONS + 1))
            for backend in backends:
                backend.close()
        families(Path(folder), threads)
        file = Path(folder) / "random-56m.gguf"
        large = write(file)
        backends = opened(file, threads)
        path = random_ids(large, POSITIONS + 1)
        for other in backends[1:]:
            parity(backends[0], other, path)
        for backend in reversed(backends):
            speed(backend, path)
            backend.close()


if __name__ == "__main__":
    main()
