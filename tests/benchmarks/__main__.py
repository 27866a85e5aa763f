"""Runs the benchmarks that are named, or all of them."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "backends",
    "step",
    "torch_step",
    "memory",
    "tree",
    "startup",
    "practice",
    "shift",
    "nudging",
    "noise",
    "traces",
    "kills",
    "workbench",
)


def main() -> None:
    names = sys.argv[1:] or NAMES
    del sys.argv[1:]
    for name in names:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()


main()
