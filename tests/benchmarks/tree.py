"""The tree and the trace at size: memory a node, cost of one more, 100,000 nodes saved and read."""

from __future__ import annotations

import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.trace.document import Trace, read
from tests.unit.test_trace import MODEL, PROMPT, SAMPLER

NODES = 100_000
N_VOCAB = 32_000


def main() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(200):
        logits = (rng.standard_normal(N_VOCAB) * 4.8).astype(np.float32)
        distribution = Distribution(logits, Sampler())
        following = distribution.summary()
        rows.append((distribution.score(distribution.draw(0.3)), following))
    entropy = statistics.median(following.entropy for _, following in rows)
    print(f"vocabulary {N_VOCAB}, median entropy {entropy:.2f} nats, 50 candidates a node")

    tracemalloc.start()
    tree = Tree(N_VOCAB)
    tree.add_root(PROMPT["token_ids"], rows[0][1], sampler=0, elapsed_ms=1.0)
    cost = {}
    for size in (1_000, 10_000, NODES):
        times = []
        while len(tree) < size:
            scored, following = rows[len(tree) % len(rows)]
            start = time.perf_counter()
            tree.add(len(tree) - 1, scored, Source.SAMPLED, following, sampler=0, draw=len(tree))
            times.append(time.perf_counter() - start)
        cost[size] = statistics.median(times[-900:]) * 1e6
    memory = tracemalloc.get_traced_memory()[0] / NODES
    tracemalloc.stop()
    print("one more node, us at size: " + ", ".join(f"{n}: {t:.1f}" for n, t in cost.items()))
    print(f"  100k / 1k: {cost[NODES] / cost[1_000]:.2f}x (budget 1.1x)")
    print(f"memory: {memory:.0f} bytes a node (budget 2048)")

    head = {
        "format": "bftui-trace",
        "version": 1,
        "bftui": "0",
        "created": "2026-01-31T12:00:00Z",
        "model": {**MODEL, "n_vocab": N_VOCAB},
        "prompt": PROMPT,
        "partner": None,
        "samplers": [SAMPLER],
    }
    tail = {
        "path": tree.path(NODES - 1),
        "marks": {},
        "pruned": [],
        "actions": [],
        "measurements": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.json"
        start = time.perf_counter()
        Trace(head, tail, tree, NODES, lambda i: b" token").save(path)
        saved = time.perf_counter() - start
        size = path.stat().st_size / 1e6
        print(
            f"trace of {NODES} nodes: saved in {saved:.1f} s (budget 6), {size:.0f} MB (budget 120)"
        )
        start = time.perf_counter()
        read(path)
        print(f"  read and checked in {time.perf_counter() - start:.1f} s")
