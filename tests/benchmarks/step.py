"""What a step costs beside a bare decode loop of the same library, threads and KV cache.

A step is exact entropy over the whole vocabulary, truncated BF, sampling, the 50 best and a tree node; through the
worker also its pipe and the journal. Blocks of the loops alternate, and ratios are taken block against block.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import bftui
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.benchmarks.big_model import big_model

BLOCK, ROUNDS, N_CTX = 24, 20, 2048
PROMPT = "The river rises in the hills, and by the time it meets the town it is wide."


class BareLoop:
    """llama_decode and nothing else, in a context with the settings of the backend's."""

    def __init__(self, path: Path, threads: int) -> None:
        from bftui.backends.llama_cpp.llama_library import C

        self._c = C
        self._model = C.llama_model_load_from_file(
            str(path).encode(), C.llama_model_default_params()
        )
        params = C.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.kv_unified = N_CTX + 2048, 33, True
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = C.GGML_TYPE_F32
        params.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = C.llama_init_from_model(self._model, params)
        self._batch = C.llama_batch_init(1, 0, 1)
        self._batch.n_tokens = 1
        self._batch.n_seq_id[0] = 1
        self._batch.seq_id[0][0] = 0
        self._batch.logits[0] = 1
        self._position = 0

    def run(self, count: int) -> float:
        """Seconds for one token, over `count` of them."""
        start = time.perf_counter()
        for _ in range(count):
            self._batch.token[0] = 300 + self._position % 200
            self._batch.pos[0] = self._position
            assert self._c.llama_decode(self._context, self._batch) == 0
            self._position += 1
        return (time.perf_counter() - start) / count


def steps(session: Session, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        session.step()
    return (time.perf_counter() - start) / count


def main() -> None:
    with big_model() as path, tempfile.TemporaryDirectory() as state:
        settings = {"backend": "llama-cpp", "ctx": N_CTX}
        with (
            bftui.open_model(str(path), **settings) as near,
            bftui.open_model(str(path), worker=True, **settings) as far,
        ):
            bare = BareLoop(path, near.info.threads)
            inner = Session(near, PROMPT, ignore_eos=True)
            outer = Session(far, PROMPT, ignore_eos=True, journal=Journal(Path(state)))
            bare.run(inner.length)
            for loop in (lambda: bare.run(8), lambda: steps(inner, 8), lambda: steps(outer, 8)):
                loop()
            ratios: dict[str, list[float]] = {"in process": [], "through the worker": []}
            times = []
            for _ in range(ROUNDS):
                base = bare.run(BLOCK)
                ratios["in process"].append(steps(inner, BLOCK) / base)
                base_again = bare.run(BLOCK)
                ratios["through the worker"].append(steps(outer, BLOCK) / base_again)
                times += [base, base_again]
            entropy = statistics.mean(
                inner.tree.entropies(n)[0] for n in inner.tree.path(inner.cursor)
            )
            print(
                f"{near.info.parameters / 1e6:.0f} M parameters, vocabulary {near.info.n_vocab}, "
                f"{near.info.threads} threads, mean entropy {entropy:.2f} nats, "
                f"bare step {statistics.median(times) * 1e3:.2f} ms"
            )
            budgets = {"in process": 1.05, "through the worker": 1.10}
            for name, values in ratios.items():
                low, middle, high = min(values), statistics.median(values), max(values)
                print(f"  {name}: {middle:.3f}x [{low:.3f}, {high:.3f}] (budget {budgets[name]})")

            session = Session(near, PROMPT, ignore_eos=True)
            session.force(ids=[300 + i % 200 for i in range(600)])
            before = near.client.evaluated()
            session.back(500)
            session.force(ids=[299])
            print(
                f"back 500 tokens and another branch: {near.client.evaluated() - before} token "
                "evaluated (budget 1)"
            )
