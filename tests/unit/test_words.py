"""The words of the house: those that were given up for the field's own do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("examples/**/*.md")]
FILES = [*sorted((ROOT / "bftui").rglob("*.py")), *PAGES]

NOT_USED = {
    r"\b(the|no|past the|after the) cut\b|\buncut\b": "truncation, kept",
    r"\bfan(s|ned)?\b|\bfan[- ]out\b": "continuations",
    r"\bplant(s|ed)?\b": "add a prompt, prefill",
    r"\bmade anew\b": "recomputed",
    r"\btaken up again\b": "resumed",
    r"\bfor whoever\b": "for those who",
    r"\bengine state\b": "state, snapshot",
    r"\bbridge\b": "workbench",
    # "There is no X" is English.
    r"(?<!there )(?<!There )\b(is|are) no (?!longer|more|\w+er\b|effect\b)[a-zA-Z]": "is not a",
}
"""What is not written, and what is instead."""

OTHER_SENSE = ("model/urial.py", "client/noise_measurement.py")
"""Texts of other people."""


@pytest.mark.parametrize(("pattern", "instead"), NOT_USED.items())
def test_words_that_are_not_used(pattern: str, instead: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        if not str(path).endswith(OTHER_SENSE)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == [], f"say {instead}"
