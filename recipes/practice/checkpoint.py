"""Checkpoints of training: one file for each stage, written whole, kept when the stage is done."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from recipes.practice.grammar import Grammar

EVERY_SECONDS = 60.0
"""How much work an interruption may cost."""


def fingerprint(*parts: object) -> str:
    """Return a hash of what a stage depends on; dataclasses and plain data only."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def grammar_fingerprint(grammar: Grammar) -> str:
    """Return a hash of every rule and every word."""
    return fingerprint(sorted(grammar.rules.items()), sorted(grammar.categories.items()))


def save(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never a part."""
    partial = path.with_suffix(".partial")
    torch.save({"identity": identity, **state}, partial)
    partial.replace(path)


def load(path: Path, identity: str) -> dict[str, Any] | None:
    """Read a checkpoint, None where there is none.

    Raises:
        ValueError: the checkpoint belongs to another recipe, seed, grammar or tokenizer.
    """
    if not path.exists():
        return None
    saved: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    if saved["identity"] != identity:
        raise ValueError(
            f"{path} belongs to another recipe, seed or grammar; choose another folder or remove it"
        )
    return saved


def write_json(path: Path, data: object) -> None:
    """Write plain data, readable."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
