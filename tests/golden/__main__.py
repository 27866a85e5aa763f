"""`python -m tests.golden` writes every golden file anew. Look at the difference before you keep it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.golden.making import CASES, FILES, SAVED, Workplace, saved


def main() -> None:
    """Writes the session's trace and journal first: most commands read them."""
    with tempfile.TemporaryDirectory() as folder, Workplace(Path(folder)):
        for name, data in saved().items():
            (FILES / name).write_bytes(data)
    with tempfile.TemporaryDirectory() as folder, Workplace(Path(folder)) as workplace:
        for name, case in CASES.items():
            (FILES / name).write_bytes(workplace.output(case))
    for path in FILES.iterdir():
        if path.name not in (*SAVED, *CASES):
            path.unlink()


if __name__ == "__main__":
    main()
