"""Opens model files that are not good, one after another, in a process of its own: `bad_models.py BACKEND CASES OUT`.

CASES is a JSON object of names and open options; OUT receives one JSON line for each case that the process survived.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bftui.backends.registry import open_backend
from bftui.core.errors import BftuiError
from bftui.formats.open_spec import OpenSpec


def main() -> None:
    backend, cases, out = sys.argv[1:]
    with Path(out).open("w") as results:
        for name, options in json.loads(Path(cases).read_text()).items():
            try:
                open_backend(
                    OpenSpec(backend=backend, **options), lambda _share, _text: True
                ).close()
                result: dict[str, str | None] = {"error": None}
            except BftuiError as error:
                result = {
                    "error": type(error).__name__,
                    "message": error.message,
                    "reason": error.reason,
                    "hint": error.hint,
                    "line": error.line(),
                }
            print(
                json.dumps({"name": name, "source": options["source"], **result}),
                file=results,
                flush=True,
            )


if __name__ == "__main__":
    main()
