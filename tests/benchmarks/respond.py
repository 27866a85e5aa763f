"""What the draws of a response cost beside the bare library: 13 texts, 32 continuations of each, 32 tokens long.

With llama.cpp the same batches, row for row and token for token, go through `llama_decode` in a context of its own,
with the same threads, types and shape; batches of both sides alternate. With transformers it is `generate` with as many
sequences after each text. The practice model, and the pretrained ones of `make test-real`, where they are.

    python -m tests.benchmarks.respond [practice|SmolLM2|gemma|transformers …] [--numbers N] [--threads N] [--answer]
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bftui import practice
from bftui.backends.client.client_protocol import RolloutPlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import installed, open_backend
from bftui.core.draws import Purpose
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.measures.response_state import Setup
from bftui.model.loaded_model import open_model
from bftui.session.session import Session
from tests.real.models import GEMMA, SMOLLM2

PROMPT = (
    "Q: What should a person do who has lost the way in a large forest and has no telephone?\nA:"
)
TEXTS, HORIZON, ROUNDS = 13, 32, (4, 12, 32)
SAMPLER = Sampler(top_p=0.9, seed=1)
BUDGET = 1.25

Step = tuple[list[int], list[int], list[int]]
"""Tokens, positions and sequences of one `llama_decode`."""


@contextmanager
def recorded() -> Iterator[list[Step]]:
    """The batches that the backend evaluates in the block."""
    from bftui.backends.llama_cpp.llama_backend import LlamaCppBackend

    steps: list[Step] = []
    own: Any = LlamaCppBackend.decode_rows

    def record(backend: Any, *step: Any) -> Any:
        steps.append((list(step[0]), list(step[1]), list(step[2])))
        return own(backend, *step)

    LlamaCppBackend.decode_rows = record  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        LlamaCppBackend.decode_rows = own  # type: ignore[method-assign]


class Bare:
    """llama.cpp's own model and context, in the shape that the backend gives them."""

    def __init__(self, engine: InferenceEngine, prefix: Sequence[int]) -> None:
        from bftui.backends.llama_cpp.llama_library import C

        info, self._c = engine.info, C
        model = C.llama_model_default_params()
        model.n_gpu_layers = 0
        self._model = C.llama_model_load_from_file(os.fsencode(info.source), model)
        params = C.llama_context_default_params()
        params.n_ctx = 1 << (len(prefix) + info.max_continuations * 2 * HORIZON).bit_length()
        params.n_batch, params.n_ubatch = 256, 64 if info.padded else 256
        params.n_seq_max = info.max_continuations + 2
        params.kv_unified = params.swa_full = True
        params.n_threads = params.n_threads_batch = info.threads
        params.type_k = params.type_v = C.GGML_TYPE_F32 if info.kv == "f32" else C.GGML_TYPE_F16
        params.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = C.llama_init_from_model(self._model, params)
        self._memory = C.llama_get_memory(self._context)
        self._batch = C.llama_batch_init(256, 0, 1)
        self._sequences = info.max_continuations + 1
        for at in range(0, len(prefix), 32):
            ids = list(prefix[at : at + 32])
            self._decode((ids, list(range(at, at + len(ids))), [0] * len(ids)))

    def _decode(self, step: Step) -> None:
        raw = self._batch
        raw.n_tokens = len(step[0])
        for i, (token, position, sequence) in enumerate(zip(*step, strict=True)):
            raw.token[i], raw.pos[i], raw.seq_id[i][0] = token, position, sequence
            raw.n_seq_id[i], raw.logits[i] = 1, 1
        assert self._c.llama_decode(self._context, raw) == 0

    def play(self, steps: Sequence[Step]) -> float:
        """Seconds for the steps of one batch of continuations."""
        start = time.perf_counter()
        for sequence in range(1, self._sequences):
            self._c.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._c.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        for step in steps:
            self._decode(step)
        # What was computed is waited for, and not read.
        ctypes.cast(self._c.llama_get_logits(self._context), ctypes.c_void_p)
        return time.perf_counter() - start

    def close(self) -> None:
        self._c.llama_batch_free(self._batch)
        self._c.llama_free(self._context)
        self._c.llama_model_free(self._model)


@contextmanager
def opened(source: Path, backend: str, threads: int) -> Iterator[InferenceEngine]:
    spec = OpenSpec(str(source), backend, n_ctx=2048, threads=threads)
    engine = InferenceEngine(open_backend(spec, lambda _share, _text: True))
    try:
        engine.add_prompt(0, 0, engine.tokenize(PROMPT), SAMPLER)
        yield engine
    finally:
        engine.close()


def plan_of(engine: InferenceEngine, numbers: int) -> RolloutPlan:
    """The draws of a response: as many texts of two tokens, the most probable ones."""
    best = [int(i) for i in engine.preview(0, 0, SAMPLER).top_ids if i not in engine.info.eog_ids]
    texts = [(best[i], best[i + 1]) for i in range(TEXTS)]
    return RolloutPlan(
        0, 0, texts, SAMPLER, range(numbers), HORIZON, Purpose.CONTROL, rounds=ROUNDS
    )


def beside_llama(source: Path, threads: int, numbers: int) -> None:
    with opened(source, "llama-cpp", threads) as engine, recorded() as steps:
        prefix = engine.tokenize(PROMPT)
        bare, stream = Bare(engine, prefix), engine.rollouts(plan_of(engine, numbers))
        seconds: list[tuple[float, float]] = []
        mine, tokens, played, done = 0.0, 0, 0, False
        while not done:
            start = time.perf_counter()
            item = next(stream, None)
            mine += time.perf_counter() - start
            done = item is None
            tokens += 0 if item is None else len(item.texts)
            begun = [i for i, step in enumerate(steps) if step[1][0] == len(prefix)]
            end = len(steps) if done else begun[-1] if begun else 0
            if end > played:
                seconds.append((mine, bare.play(steps[played:end])))
                mine, played = 0.0, end
        bare.close()
        said(engine, tokens, seconds, "llama_decode")


def beside_generate(source: Path, threads: int, numbers: int) -> None:
    from bftui.backends.transformers.hf_library import torch, transformers

    with opened(source, "transformers", threads) as engine:
        plan, prompt = plan_of(engine, numbers), engine.tokenize(PROMPT)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            str(source.parent), gguf_file=source.name, dtype=engine.info.dtype
        ).eval()
        start = time.perf_counter()
        tokens = sum(len(item.texts) for item in engine.rollouts(plan))
        mine, theirs, made = time.perf_counter() - start, 0.0, 0
        for text in plan.suffixes:
            ids = torch.tensor([[*prompt, *text]])
            start = time.perf_counter()
            found = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                num_return_sequences=numbers,
                max_new_tokens=HORIZON,
                do_sample=True,
                top_p=SAMPLER.top_p,
                top_k=0,
                eos_token_id=sorted(engine.info.eog_ids),
                pad_token_id=engine.info.n_vocab - 1,
            )
            theirs += time.perf_counter() - start
            # Rows that ended are filled up: those tokens were not asked for.
            made += int((found[:, ids.shape[1] :] != engine.info.n_vocab - 1).sum())
        said(engine, tokens, [(mine, theirs * tokens / made)], "generate")


def answered(source: Path, threads: int) -> None:
    """Prints when a person sees the first ratio, and each look, of the response to " Sure"."""
    with open_model(str(source), threads=threads) as model:
        session = Session(model, "Q: Name a fruit.\nA:", seed=1)
        job = session.experiments.start_response(" Sure", setup=Setup(others=False))
        began, ratio, looks = time.perf_counter(), None, list[float]()
        while job.advance():
            now = time.perf_counter() - began
            if ratio is None and job.measured and job.result().by_horizon:
                ratio = now
            looks += [now] * (len(job.looks) - len(looks))
        found = ", ".join(f"{each:.1f}" for each in looks)
        print(f"{model.name}: first ratio after {ratio or math.nan:.1f} s, looks after {found} s")


def said(
    engine: InferenceEngine, tokens: int, seconds: Sequence[tuple[float, float]], other: str
) -> None:
    info, (mine, theirs) = engine.info, map(sum, zip(*seconds, strict=True))
    ratio = statistics.median(one / two for one, two in seconds)
    print(
        f"{info.name} ({info.backend}, {info.dtype}, {info.threads} threads, {info.batch_rows} rows): "
        f"{tokens} tokens in {mine:.1f} s, {tokens / mine:.0f} tokens/s; {other} {tokens / theirs:.0f}: "
        f"{ratio:.2f} times its time, median of {len(seconds)} (budget {BUDGET})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="practice, SmolLM2, gemma, transformers")
    parser.add_argument("--numbers", type=int, default=32, help="continuations of each text")
    parser.add_argument("--threads", type=int, default=0, help="0: physical cores")
    parser.add_argument("--answer", action="store_true", help="also when looks are seen")
    options = parser.parse_args()
    own = practice.path("practice")
    sources = {"practice": own, "SmolLM2": SMOLLM2.gguf, "gemma": GEMMA.gguf, "transformers": own}
    for name in options.names or sources:
        backend = "transformers" if name == "transformers" else "llama-cpp"
        source = Path(sources[name])
        if not installed(backend) or not source.exists():
            print(f"{name}: not here")
            continue
        beside = beside_generate if backend == "transformers" else beside_llama
        beside(source, options.threads, options.numbers)
        if options.answer and backend == "llama-cpp":
            answered(source, options.threads)


if __name__ == "__main__":
    main()
