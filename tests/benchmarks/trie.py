"""Prints what reading a valid set in batches is worth: nodes a second, against the same nodes one by one.

The US states as an answer that a line or a sentence ends, on the pretrained models of `make test-real`, and on the
practice model by the reference backend. One by one is said twice: each node as a text of its own, as other texts beside
a session are read, and with a plan for each node in the order of the trie, so that each costs little more than its last
token. Then what reading costs of it, with and without the default grid, and, with `--digits`, the tokens forwarded for
each node.

    python -m tests.benchmarks.trie [NAME …] [--threads N] [--digits D]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

from bftui import practice
from bftui.backends.client.client_protocol import TriePlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.text_reading import in_memory
from bftui.backends.registry import open_backend
from bftui.core.batch import afresh
from bftui.core.sampler import Sampler
from bftui.core.valid.frontier import default_grid
from bftui.core.valid.named_sets import named_set
from bftui.core.valid.node_reading import read_node
from bftui.core.valid.sequence_numbers import SequenceFold, SequenceNumbers
from bftui.core.valid.token_trie import TokenTrie, token_trie
from bftui.formats.open_spec import OpenSpec
from tests.real.models import MODELS

PROMPT = "Question: Name a random US state.\nAnswer:"
SAMPLER = Sampler()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--digits", type=int, default=0)
    chosen = parser.parse_args()
    models = [("practice, reference", Path(practice.path("practice")), "reference")]
    models += [(f"{real.name}, llama-cpp", real.gguf, "llama-cpp") for real in MODELS]
    for name, path, backend in models:
        if chosen.names and not any(each.casefold() in name.casefold() for each in chosen.names):
            continue
        if not path.exists():
            print(f"{name} is not there: `make test-real` fetches it")
            continue
        spec = OpenSpec(str(path), backend, n_ctx=512, threads=chosen.threads)
        engine = InferenceEngine(open_backend(spec, lambda _share, _text: True))
        try:
            _states(name, engine)
            if chosen.digits:
                _digits(name, engine, chosen.digits)
        finally:
            engine.close()


def _states(name: str, engine: InferenceEngine) -> None:
    states = named_set("us-states")
    assert states is not None
    answers = [tuple(engine.tokenize(f" {state}")) for state in states.all()]
    trie = token_trie(answers, _ends(engine))
    prefix = [*engine.info.start, *engine.tokenize(PROMPT)]
    nodes = list(enumerate(trie.nodes))

    def together() -> None:
        list(engine.read_trie(TriePlan(prefix, nodes, SAMPLER)))

    def one_by_one() -> None:
        for each in nodes:
            list(engine.read_trie(TriePlan(prefix, [each], SAMPLER)))

    def texts() -> None:
        for number, node in nodes:
            path = [*prefix, *node.path]
            batches = afresh(len(path)) if engine.info.shaped else None
            logits = engine.backend.aside.next_logits(path, batches)
            read_node(in_memory(logits), number, node, SAMPLER, ())

    rates = [len(nodes) / _seconds(each) for each in (together, one_by_one, texts)]
    print(
        f"{name}, {engine.info.threads} threads: {len(nodes)} nodes of {trie.answers} states, {rates[0]:.0f} nodes/s "
        f"in batches; {rates[0] / rates[2]:.1f} times faster than as texts of their own (budget 4), "
        f"{rates[0] / rates[1]:.1f} times faster than one by one with the prefix kept"
    )
    _reading(engine, trie, prefix)
    found = _numbers(engine, trie, prefix)
    best = sorted(zip(found.logprobs.tolist(), states.all(), strict=True), reverse=True)[:3]
    print(
        f"  validity {found.validity:.4f}, diversity {found.diversity or 0:.3f}, effective {found.effective or 0:.1f}; "
        f"AUC {found.nodes.auc:.3f}, recall of the cutoff oracle {found.nodes.oracle_recall:.3f}, gap "
        f"{found.nodes.gap or 0:.2f} nats, evenness {found.nodes.evenness or 0:.2f}; best: "
        f"{', '.join(text for _, text in best)}"
    )


def _ends(engine: InferenceEngine) -> list[int]:
    """What ends an answer: the model's own ends, and the tokens of the ends of a line and of a sentence."""
    return [*engine.info.eog_ids, *(engine.tokenize(each)[0] for each in ("\n", ".", ","))]


def _seconds(work: Callable[[], None]) -> float:
    """The faster of two runs: other programs take time, too."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _reading(engine: InferenceEngine, trie: TokenTrie, prefix: list[int]) -> None:
    """What reading alone costs, of the node with the most ways on."""
    node = max(trie.nodes, key=lambda each: len(each.edges))
    logits = in_memory(engine.backend.aside.next_logits([*prefix, *node.path]))
    grid = default_grid()
    plain = _seconds(lambda: [read_node(logits, 0, node, SAMPLER, ()) for _ in range(10)] and None)
    whole = _seconds(lambda: [read_node(logits, 0, node, SAMPLER, grid) for _ in range(3)] and None)
    print(
        f"  reading one node of {engine.info.n_vocab} tokens and {len(node.edges)} ways on: {100 * plain:.1f} ms, with "
        f"a grid of {len(grid)} settings {whole / 3 * 1000:.0f} ms"
    )


def _numbers(engine: InferenceEngine, trie: TokenTrie, prefix: list[int]) -> SequenceNumbers:
    fold = SequenceFold(trie, 0)
    for reading in engine.read_trie(TriePlan(prefix, list(enumerate(trie.nodes)), SAMPLER)):
        fold.add(reading)
    found = fold.numbers()
    assert found is not None
    return found


def _digits(name: str, engine: InferenceEngine, size: int) -> None:
    answers = [
        tuple(engine.tokenize(" " + ",".join(digits)))
        for digits in product("0123456789", repeat=size)
    ]
    trie = token_trie(answers, _ends(engine))
    prefix = [*engine.info.start, *engine.tokenize("Some random digits:")]
    before, start = engine.evaluated(), time.perf_counter()
    found = _numbers(engine, trie, prefix)
    forwarded, seconds = engine.evaluated() - before, time.perf_counter() - start
    print(
        f"  {size} digits, {trie.answers} answers, {len(trie.nodes)} nodes: {forwarded / len(trie.nodes):.2f} tokens "
        f"forwarded for a node, {len(trie.nodes) / seconds:.0f} nodes/s, validity {found.validity:.3g}"
    )


if __name__ == "__main__":
    main()
