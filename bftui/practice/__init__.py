"""The practice models: small models of our own, shipped inside the package.

This room is data: `path` says where a shipped GGUF file lies. The recipe that made the files (grammar, tokenizer,
training, GGUF writing) is `recipes/practice/`, which is not installed.

A practice model shows how the tool works. It says nothing about how the world is.
"""

from __future__ import annotations

from pathlib import Path

NAMES: tuple[str, ...] = (
    "practice",
    "practice-sft",
    "practice-aligned",
    "practice-small",
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
