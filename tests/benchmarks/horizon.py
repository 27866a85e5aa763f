"""Prints what growing a tree in batches is worth: nodes a second, against the same nodes one by one.

The first tokens of an answer, on the practice base by the reference backend and by llama.cpp, and on the pretrained
models of `make test-real`. One by one is said twice: each node as a text of its own, the most probable first, as texts
beside a session are read; and with a plan for each node in the order of the finished tree's paths, which nobody knows
before, so that each costs little more than its last token. Then the tokens forwarded for each node, and how near to
each other the bounds of the tree BF are.

    python -m tests.benchmarks.horizon [NAME …] [--threads N] [--nodes N] [--depth D] [--large]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bftui import practice
from bftui.backends.client.client_protocol import PathsPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import open_backend
from bftui.core.batch import afresh
from bftui.core.horizon import HorizonTree
from bftui.core.path_round import PathRound
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from recipes.practice.truth import PROBES
from tests.real.models import MODELS

PROMPT = "Question: What is a good way to learn a language?\nAnswer:"
SAMPLER = Sampler()
LARGE = 100_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--large", action="store_true", help=f"grow {LARGE} nodes, alone")
    chosen = parser.parse_args()
    base = Path(practice.path("practice"))
    models = [
        ("practice, reference", base, "reference"),
        ("practice, llama-cpp", base, "llama-cpp"),
    ]
    models += [(f"{real.name}, llama-cpp", real.gguf, "llama-cpp") for real in MODELS]
    for name, path, backend in models:
        if chosen.names and not any(each.casefold() in name.casefold() for each in chosen.names):
            continue
        if not path.exists():
            print(f"{name} is not there: `make test-real` fetches it")
            continue
        spec = OpenSpec(str(path), backend, n_ctx=512, threads=chosen.threads)
        engine = InferenceEngine(open_backend(spec, lambda _share, _text: True))
        text = PROBES[0].page if name.startswith("practice") else PROMPT
        prefix = [*engine.info.start, *engine.tokenize(text)]
        try:
            _figures(name, engine, prefix, chosen)
        finally:
            engine.close()


def _figures(
    name: str, engine: InferenceEngine, prefix: list[int], chosen: argparse.Namespace
) -> None:
    nodes = LARGE if chosen.large else chosen.nodes
    list(engine.read_paths(PathsPlan(prefix, PathRound(((),)), SAMPLER)))
    before, start = engine.evaluated(), time.perf_counter()
    tree = HorizonTree(chosen.depth, engine.info.n_vocab, engine.info.eog_ids)
    while wanted := tree.next_round(nodes):
        for reading in engine.read_paths(PathsPlan(prefix, wanted, SAMPLER)):
            tree.add(reading)
        tree.end_round()
    rate = len(tree) / (time.perf_counter() - start)
    forwarded = (engine.evaluated() - before) / len(tree)
    last = tree.numbers()[-1]
    said = (
        f"{name}, {engine.info.threads} threads: {len(tree)} nodes, {rate:.0f} nodes/s in batches, {forwarded:.2f} "
        f"tokens forwarded for a node; BF to {chosen.depth} tokens {last.bf_low:.3f} to {last.bf_high:.3f}, mass "
        f"{last.mass:.3f}"
    )
    if not chosen.large:
        alone, kept = _alone(engine, prefix, tree), _kept(engine, prefix, tree)
        said += (
            f"; {rate / alone:.1f} times faster than one by one (budget 4), {rate / kept:.1f} times faster than one by "
            "one in the order of the finished tree"
        )
    print(said)


def _alone(engine: InferenceEngine, prefix: list[int], tree: HorizonTree) -> float:
    """Nodes a second, each as a text of its own, the most probable first: some from the middle of the tree."""
    middle = len(tree) // 2
    ordered = sorted(tree.paths, key=lambda path: (-tree.prob(path), path))
    start, some = time.perf_counter(), ordered[middle : middle + 200]
    for path in some:
        whole = [*prefix, *path]
        logits = engine.backend.aside.next_logits(
            whole, afresh(len(whole)) if engine.info.shaped else None
        )
        distribution = engine.backend.distribution(logits, SAMPLER)
        distribution.summary()
        distribution.kept_tokens(1024)
    return len(some) / (time.perf_counter() - start)


def _kept(engine: InferenceEngine, prefix: list[int], tree: HorizonTree) -> float:
    """Nodes a second, one after the other in the order of their tokens."""
    start, some = time.perf_counter(), sorted(tree.paths)[:200]
    for path in some:
        list(engine.read_paths(PathsPlan(prefix, PathRound((path,)), SAMPLER)))
    return len(some) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
