"""Runs the benchmarks that are named, or all of them; what follows the names is for the last one.

python -m tests.benchmarks [NAME …] [ARGUMENT …]
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from itertools import takewhile

NAMES = (
    "backends",
    "step",
    "rules",
    "mixtures",
    "torch_step",
    "memory",
    "tree",
    "startup",
    "practice",
    "response",
    "respond",
    "shift",
    "nudging",
    "noise",
    "traces",
    "trie",
    "grown_tree",
    "kills",
    "workbench",
)


def main() -> None:
    named = list(takewhile(_is_benchmark, sys.argv[1:]))
    arguments = sys.argv[1 + len(named) :]
    names = named or NAMES
    for name in names:
        print(f"\n== {name}", flush=True)
        sys.argv[1:] = arguments if name == names[-1] else []
        importlib.import_module(f"tests.benchmarks.{name}").main()


def _is_benchmark(word: str) -> bool:
    return word.isidentifier() and find_spec(f"tests.benchmarks.{word}") is not None


main()
