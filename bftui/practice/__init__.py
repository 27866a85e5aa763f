"""The practice models: small models of our own, shipped inside the package.

For the rest of the program this room is data: `path` says where a shipped GGUF file lies. The
recipe that made the files (grammar, tokenizer, training, GGUF writing) lives in the sibling
modules; none of them is imported here, so that asking for a path costs nothing.

A practice model shows how the tool works. It says nothing about how the world is.
"""

from __future__ import annotations

from pathlib import Path

NAMES: tuple[str, ...] = (
    "practice",
    "practice-sft",
    "practice-aligned",
    "practice-aligned-small",
)
"""Names of the models that are shipped, the default one first."""


def path(name: str = "practice") -> Path:
    """Return the GGUF file of the shipped model `name`.

    Raises:
        KeyError: no model of that name is shipped.
    """
    if name not in NAMES:
        raise KeyError(f"no practice model is called {name!r}; shipped: {', '.join(NAMES)}")
    return Path(__file__).resolve().parent / "data" / f"{name}.gguf"
