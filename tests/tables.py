"""Table models for the tests: small, deterministic, scripted."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

WORDS = [
    " the",
    " a",
    " fruit",
    " apple",
    " pear",
    " that",
    " I",
    " like",
    " is",
    " red",
    " Sure",
    " Here",
    " Thank",
    " you",
]
BYTES = [base64.b64encode(bytes([byte])).decode() for byte in range(256)]


def table(path: Path, **changes: Any) -> str:
    """Writes a table that spells any text; returns its MODEL form. `changes` replace fields of the file."""
    document = {
        "name": "orchard",
        "tokens": ["<s>", "</s>", *WORDS, *({"bytes": byte} for byte in BYTES)],
        "bos": 0,
        "eog": [1],
        "n_ctx": 256,
        "default": dict.fromkeys(WORDS, 0.06) | {"</s>": 0.04},
        "rules": {
            " Sure": {" Here": 0.97},
            " Here": {" is": 0.98},
            " is": {" a": 0.7, " the": 0.29},
            '[" a", " fruit"]': {" that": 0.5, "</s>": 0.5},
        },
        **changes,
    }
    path.write_text(json.dumps(document))
    return f"table:{path}"


CHOICES = [f" w{n}" for n in range(16)]


def even_table(path: Path) -> str:
    """Writes a table of sixteen words of the same chance, whichever comes before; returns its MODEL form.

    After " Sure" only itself comes, after " Half" itself or " w0". At the beginning both stand in the place of two of
    the words.
    """
    return table(
        path,
        tokens=["<s>", "</s>", *CHOICES, " Sure", " Half", " none"],
        default=dict.fromkeys(CHOICES, 1 / 16),
        rules={
            " Sure": {" Sure": 1.0},
            " Half": {" Half": 0.5, " w0": 0.5},
            '["<s>"]': dict.fromkeys([*CHOICES[:14], " Sure", " Half"], 1 / 16),
        },
    )
