"""The practice models: BF on the probes, and " Sure" against its controls.

python -m tests.benchmarks practice [SAMPLES] [HORIZON]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import bftui
from bftui import practice
from bftui.backends.registry import installed
from bftui.core.bf.estimate import Sample, overall, ratio
from bftui.session.session import Session
from recipes.practice.truth import PROBES

SAMPLES, HORIZON = 48, 48
"""Rollouts a probe, and tokens of each."""


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
        print('\n" Sure" on the base, against matched controls')
        for probe in PROBES[:5]:
            response = Session(model, probe.page).respond(" Sure", horizon=horizon, others=False)
            result = response.result()
            assert result.delta is not None
            print(
                f"  {probe.question:32} BF x{math.exp(result.delta):.2f} "
                f"{interval(result.delta_ci, exp=True)} {result.verdict}, {result.samples} samples"
            )


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
