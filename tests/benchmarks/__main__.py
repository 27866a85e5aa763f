"""Runs the benchmarks that are named, or all of them."""

from __future__ import annotations

import importlib
import sys

NAMES = ("backends", "step", "tree", "startup")


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()


main()
