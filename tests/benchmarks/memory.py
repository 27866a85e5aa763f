"""Memory that steps take: how much the process grows by over a long walk, for each backend and family."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.contract.conftest import CASES, case_of
from tests.families import family_directory, family_gguf
from tests.memory_walk import growth

_STEPS = 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:

        def file(backend: str, family: str) -> Path:
            directory = backend == "transformers"
            path = Path(folder) / (family if directory else f"{family}.gguf")
            if not path.exists():
                (family_directory if directory else family_gguf)(path, family)
            return path

        for name in CASES:
            if name == "table":
                continue
            opened = case_of(name, file).open()
            grown = growth(opened, _STEPS)
            row = 4 * opened.info.n_vocab
            opened.close()
            print(
                f"{name:22} {grown / 2**20:6.2f} MB in {3 * _STEPS // 4:,} steps; "
                f"a row of logits kept from each would be {row * 3 * _STEPS // 4 / 2**20:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
