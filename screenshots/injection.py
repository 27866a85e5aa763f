"""Makes the picture of injected style for the README: `python -m screenshots.injection RESULT.json`.

The result is what `bftui inject MODEL --prompts examples/styles.jsonl -o RESULT.json` writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bftui.results.codec import decode
from bftui.results.injection_result import InjectionResult
from bftui.trace.report.figures.axes import rendered
from bftui.trace.report.figures.injection_figure import injection
from bftui.trace.report.palette import LIGHT

PICTURE = Path(__file__).resolve().with_name("injection.svg")


def make(result: Path) -> str:
    """Write `screenshots/injection.svg` from a result; return where it is."""
    picture = injection("injection", decode(InjectionResult, json.loads(result.read_text("utf-8"))))
    assert picture is not None, "the result has no window"
    PICTURE.write_bytes(rendered(picture, LIGHT, "svg"))
    return str(PICTURE)


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
