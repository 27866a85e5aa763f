"""The practice models: BF on the probes, " Sure" against its controls, and verdicts of the model's own samples.

The last should be "no effect" or "undecided".

    python -m tests.benchmarks practice [SAMPLES] [HORIZON]
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import bftui
from bftui import practice
from bftui.backends.registry import installed
from bftui.core.bf.estimate import Sample, overall, ratio
from bftui.session.session import Session
from recipes.practice.truth import PROBES

SAMPLES, HORIZON = 48, 48
"""Rollouts a probe, and tokens of each."""

OWN = 40
"""The model's own samples that are forced: at most 4 should narrow or widen."""


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    horizon = int(sys.argv[2]) if len(sys.argv) > 2 else HORIZON
    backend = "llama-cpp" if installed("llama-cpp") else "reference"
    print(f"{len(PROBES)} probes, {samples} rollouts of up to {horizon} tokens, {backend}")
    parts = {"first answer token": 1, f"{horizon} tokens": horizon}
    found = {
        name: rolled(name, backend, samples, horizon, parts.values()) for name in practice.NAMES
    }
    for label, part in parts.items():
        cut = {name: rows[part] for name, rows in found.items()}
        base = cut[practice.NAMES[0]]
        print(f"\nBF, {label} (mean over probes, entropy estimator)")
        for name, rows in cut.items():
            all_of_it = overall(rows, "entropy")
            line = f"  {name:24}{all_of_it.bf:8.2f}  {interval(all_of_it.ci)}"
            if rows is not base:
                times, ci = ratio(base, rows, "entropy")
                line += f"   base / this {times:6.2f} {interval(ci)}"
            print(line)
    with bftui.open_model(practice.NAMES[0], backend=backend) as model:
        print('\n" Sure" on the base, against 12 matched controls')
        for probe in PROBES[:5]:
            session = Session(model, probe.page)
            response = session.respond(" Sure", samples=32, horizon=horizon, others=False)
            compared = response.contrast
            assert compared is not None
            factor = "–" if compared.delta is None else f"{math.exp(compared.delta):.2f}"
            print(
                f"  {probe.question:32} BF x{factor} "
                f"{interval(compared.delta_ci, exp=True)} {compared.verdict}"
            )
        verdicts = Counter(own_verdicts(model, horizon))
    off = verdicts["narrows"] + verdicts["widens"]
    print(f"\n{OWN} of the base's own samples forced: {dict(verdicts)}; off {off} (budget 4)")


def rolled(
    name: str, backend: str, samples: int, horizon: int, parts: Iterable[int]
) -> dict[int, list[list[Sample]]]:
    """The first tokens of the continuations of each probe, by their number; of an aligned model in its template."""
    with bftui.open_model(name, backend=backend) as model:
        chat = model.info.chat_template is not None
        rows = [
            Session(model, probe.question if chat else probe.page)
            .rollouts(samples, horizon)
            .samples
            for probe in PROBES
        ]
        return {
            part: [[clipped(each, part, model) for each in row] for row in rows] for part in parts
        }


def own_verdicts(model: bftui.Model, horizon: int) -> list[str]:
    """Forces tokens that the model sampled itself, one at each of different places and seeds."""
    verdicts: list[str] = []
    for number in range(10 * OWN):
        if len(verdicts) == OWN:
            break
        probe = PROBES[number % 5]
        session = Session(model, probe.page, seed=1000 + number)
        node = session.step()
        if node.eog or node.token_id is None:
            continue
        session.back()
        response = session.respond(ids=[node.token_id], samples=32, horizon=horizon, others=False)
        compared = response.contrast
        assert compared is not None
        verdicts.append(compared.verdict)
    return verdicts


def clipped(sample: Sample, tokens: int, model: bftui.Model) -> Sample:
    """The first tokens of a sample, as if no more had been asked for."""
    if tokens >= sample.length:
        return sample
    return Sample(
        token_ids=sample.token_ids[:tokens],
        entropy=sample.entropy[:tokens],
        entropy_truncated=sample.entropy_truncated[:tokens],
        logprob_truncated=sample.logprob_truncated[:tokens],
        logprob=sample.logprob[:tokens],
        n_bytes=sum(len(model.token_bytes(i)) for i in sample.token_ids[:tokens]),
        finish="length",
        chosen=sample.chosen,
    )


def interval(ci: Sequence[float] | None, *, exp: bool = False) -> str:
    if ci is None:
        return "[no interval]"
    low, high = (math.exp(each) for each in ci) if exp else ci
    return f"[{low:.2f}, {high:.2f}]"
