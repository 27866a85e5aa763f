"""The parts of a trace that do not grow: model, prompt, sampler, as plain data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from bftui.core.sampler import Sampler

_MODEL = (
    "name",
    "backend",
    "library",
    "source",
    "sha256",
    "tokenizer_sha256",
    "architecture",
    "n_vocab",
    "n_ctx",
    "dtype",
    "kv",
    "device",
    "threads",
)


class Described(Protocol):
    """Anything with the fields of a trace's `model`."""

    @property
    def name(self) -> str: ...


def model_fields(info: Described) -> dict[str, Any]:
    """`model` of the trace. Bytes of a path that are no UTF-8 are replaced: JSON has no place for them."""
    fields = {name: getattr(info, name) for name in _MODEL}
    for name in ("name", "source"):
        fields[name] = os.fsencode(fields[name]).decode(errors="replace")
    return fields


def prompt_fields(text: str, rendered: str, token_ids: Sequence[int]) -> dict[str, Any]:
    """`prompt` of the trace, for a prompt without a template."""
    return {
        "text": text,
        "system": None,
        "messages": None,
        "template": "raw",
        "rendered": rendered,
        "token_ids": list(token_ids),
        "scores": None,
    }


def sampler_fields(sampler: Sampler) -> dict[str, Any]:
    """One entry of `samplers`."""
    return asdict(sampler)
