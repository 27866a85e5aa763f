"""Token distribution shift of the practice models on the probes: shares by position, for each aligned model.

python -m tests.benchmarks shift [MAX_TOKENS]
"""

from __future__ import annotations

import sys
import time

import bftui
from bftui import practice
from bftui.backends.registry import installed
from bftui.core.pair.distribution_shift import KINDS
from bftui.core.pair.shift_summary import by_position, overall
from bftui.measures.nudging.nudging_runs import PairedPrompt
from bftui.measures.shift.shift_runs import ShiftRuns
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt
from recipes.practice.truth import PROBES

MAX_TOKENS = 64
BINS = ((0, 1), (1, 5), (5, 10), (10, 20), (20, 40), (40, 1000))


def main() -> None:
    max_tokens = int(sys.argv[1]) if len(sys.argv) > 1 else MAX_TOKENS
    backend = "llama-cpp" if installed("llama-cpp") else "reference"
    print(f"{len(PROBES)} probes, greedy answers of up to {max_tokens} tokens, {backend}")
    questions = [
        PairedPrompt(str(n), Prompt(probe.question, template="page"), Prompt(probe.question))
        for n, probe in enumerate(PROBES)
    ]
    for name in practice.NAMES[1:]:
        with (
            bftui.open_model(practice.NAMES[0], backend=backend) as base,
            bftui.open_model(name, backend=backend) as aligned,
        ):
            job = ShiftRuns(Pair(base, aligned), questions, author="partner", max_tokens=max_tokens)
            began = time.perf_counter()
            job.finish()
            seconds = time.perf_counter() - began
        answers = [each.shift.positions for each in job.found]
        shares = overall(answers)
        assert shares is not None
        assert shares.intervals is not None
        print(f"\n{name}: {shares.n} tokens in {seconds:.1f} s")
        for kind, (low, high) in zip(KINDS, shares.intervals, strict=True):
            print(f"  {kind:10} {getattr(shares, kind):6.1%}  [{low:.1%}, {high:.1%}]")
        means = by_position(answers)
        for first, end in BINS:
            there = [mean for mean in means if first <= mean.position < end]
            if there:
                n = sum(mean.n for mean in there)
                shown = [sum(getattr(m.shares, k) * m.n for m in there) / n for k in KINDS]
                prob = sum(mean.prob * mean.n for mean in there) / n
                cells = "  ".join(f"{share:6.1%}" for share in shown)
                kl = sum(mean.kl * mean.n for mean in there if mean.kl is not None) / n
                print(
                    f"  tokens {first:3}-{end - 1:<4} {cells}   P {prob:.3f}   KL {kl:.3f}   n {n}"
                )
