"""What was read of outputs as lines of a file, from which a reading that was stopped goes on."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bftui.core.logits import F64
from bftui.measures.diversity.output_numbers import ReadOutputs
from bftui.trace.generations_file import GeneratedTexts


def key_of(prompt: GeneratedTexts, unfinished: int) -> str:
    """Returns a hash of what a reading depends on, beside what it is made with."""
    fields = [prompt.id, prompt.texts, prompt.prompt, prompt.answer, prompt.cut, unfinished]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


class OutputPacking:
    """Packs readings as JSON that loses nothing: matrices as the base64 of little-endian float64."""

    def pack(self, found: ReadOutputs) -> dict[str, Any]:
        """Writes a reading."""
        entailment = found.entailment
        return {
            "id": found.id,
            "texts": found.texts,
            "answers": found.answers,
            "correct": found.correct,
            "kernel": _base64(found.kernel),
            "entailment": None if entailment is None else _base64(entailment),
            "surprise": found.surprise,
            "cut": found.cut,
            "unfinished": found.unfinished,
        }

    def unpack(self, fields: Mapping[str, Any]) -> ReadOutputs:
        """Reads one again; raises ValueError, KeyError, TypeError for what is none."""
        count = len(fields["texts"])
        correct, entailment, surprise = (fields[name] for name in _OPTIONAL)
        return ReadOutputs(
            fields["id"],
            tuple(fields["texts"]),
            tuple(fields["answers"]),
            None if correct is None else tuple(correct),
            _matrix(fields["kernel"], count),
            None if entailment is None else _matrix(entailment, count),
            None if surprise is None else tuple(surprise),
            fields["cut"],
            fields["unfinished"],
        )


_OPTIONAL = ("correct", "entailment", "surprise")


def _base64(values: F64) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode()


def _matrix(data: str, count: int) -> F64:
    values: F64 = np.frombuffer(base64.b64decode(data), "<f8").reshape(count, count)
    return values
