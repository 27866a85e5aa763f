"""Models that read whole texts: a vector of each, or whether one text follows from another. The third protocol.

They are beside the model that is studied and help to measure it, so they know no tree, no sampler and no cache. As
every model they live in a process of their own, which `client/text_client.py` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, cast

import numpy as np

from bftui.backends.protocol import F32
from bftui.core.errors import Cancelled, ModelError, UnsupportedModel
from bftui.formats.open_spec import OpenSpec, Progress

Reads = Literal["vectors", "entailment"]

BATCH = 16
"""Inputs that are read together; a cancel waits for no more of them."""

_OPENERS = {
    ("transformers", "vectors"): "bftui.backends.transformers.hf_vectors",
    ("transformers", "entailment"): "bftui.backends.transformers.hf_entailment",
    ("llama-cpp", "vectors"): "bftui.backends.llama_cpp.llama_vectors",
}
"""What offers `open_text_model(spec, progress)`, by backend and by what is read of a text."""


@dataclass(frozen=True, slots=True)
class TextSpec:
    """What to open and how, and what it is asked for."""

    open: OpenSpec
    reads: Reads

    @property
    def source(self) -> str:
        """The path of the file or directory."""
        return self.open.source

    @property
    def threads(self) -> int:
        """Compute threads; 0 takes the physical cores."""
        return self.open.threads


@dataclass(frozen=True, slots=True)
class TextModelInfo:
    """What is known of an open model.

    Attributes:
        name: what people call it: its file or directory.
        library: name and version.
        source: its path.
        reads: what it gives.
        how: in words, as "mean of the last layer, normalised".
        max_tokens: the longest input; what is longer is cut there.
    """

    name: str
    library: str
    source: str
    reads: Reads
    how: str
    max_tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class TextRows:
    """What a model gave for some inputs.

    Attributes:
        values: shape (n, d): vectors; or of each pair P(entailment) and P(contradiction), d = 2.
        cut: whether an input was longer than the model reads.
    """

    values: F32
    cut: tuple[bool, ...]


class TextModel(Protocol):
    """One loaded model. Methods raise errors of `core.errors`."""

    @property
    def info(self) -> TextModelInfo: ...

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Read inputs together: single texts for vectors, premise and hypothesis for entailment."""
        ...

    def close(self) -> None:
        """Free the model; may be called twice."""
        ...


class TextEngine:
    """Reads any number of inputs with one model, in batches, until it is cancelled; implements `TextModel`."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._cancelled = False

    @property
    def info(self) -> TextModelInfo:
        """What is known of the model."""
        return self._model.info

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Reads inputs in batches of the like length, and gives them back in their order.

        Raises ModelError for numbers that are not finite, Cancelled.
        """
        self.forget_cancel()
        order = sorted(range(len(inputs)), key=lambda place: sum(map(len, inputs[place])))
        rows: list[F32 | None] = [None] * len(inputs)
        cut = [False] * len(inputs)
        for start in range(0, len(order), BATCH):
            if self._cancelled:
                raise Cancelled("stopped")
            places = order[start : start + BATCH]
            found = self._model.read([tuple(map(_whole, inputs[place])) for place in places])
            if not np.isfinite(found.values).all():
                raise ModelError(
                    f"{self.info.name} gave numbers that are not finite",
                    hint="open it with --dtype float32, or take another model",
                )
            for place, row, long in zip(places, found.values, found.cut, strict=True):
                rows[place], cut[place] = row, long
        known = [row for row in rows if row is not None]
        values = np.stack(known) if known else np.zeros((0, 0), np.float32)
        return TextRows(values, tuple(cut))

    def cancel(self) -> None:
        """Makes the work that is running raise Cancelled after its batch. Thread-safe."""
        self._cancelled = True

    def forget_cancel(self) -> None:
        """Forgets a cancel that came when nothing was running."""
        self._cancelled = False

    def close(self) -> None:
        """Frees the model; may be called twice."""
        self._model.close()


def _whole(text: str) -> str:
    """A text that UTF-8 can write: a sampled one may end in half a character."""
    return text.encode("utf-8", "replace").decode()


def open_text_model(spec: TextSpec, progress: Progress) -> TextEngine:
    """Imports what opens such a model and opens it; blocks.

    Raises UnsupportedModel for a backend that cannot, and what opening raises.
    """
    name = _OPENERS.get((spec.open.backend, spec.reads))
    if name is None:
        raise UnsupportedModel(
            f"cannot read {spec.reads} with {spec.source}",
            f"the backend {spec.open.backend} gives none",
            "give a Hugging Face directory"
            + (" or a GGUF file" if spec.reads == "vectors" else ""),
        )
    return TextEngine(cast(TextModel, import_module(name).open_text_model(spec.open, progress)))
