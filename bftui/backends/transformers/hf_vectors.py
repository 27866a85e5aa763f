"""One vector of a text, from a directory: a model of sentences as it says itself, of any other the mean of its states.

A directory of sentence-transformers says which states of the last layer are taken and whether vectors are brought to
length 1. Of any other model, one that generates text too, it is the mean over the text's tokens, as the last layer
leaves them: good enough to tell texts apart, and not trained for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bftui.backends.text_models import TextModelInfo, TextRows
from bftui.backends.transformers.hf_library import torch
from bftui.backends.transformers.hf_text_load import LIBRARY, TextReader, open_reader
from bftui.formats.open_spec import OpenSpec, Progress
from bftui.formats.safetensors_file import directory_name
from bftui.formats.sentence_files import Pooling, SentenceLayout, sentence_layout

_WORDS: dict[Pooling, str] = {
    "mean": "mean of the last layer",
    "cls": "first token of the last layer",
    "last": "last token of the last layer",
    "max": "largest of the last layer",
}


class HfVectors:
    """One model of vectors; implements `text_models.TextModel`."""

    def __init__(self, reader: TextReader, layout: SentenceLayout, info: TextModelInfo) -> None:
        self.info = info
        self._reader, self._layout = reader, layout

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Returns the vectors of single texts; that of a text without a token is 0."""
        layout = self._layout
        texts = [(layout.before + (t.lower() if layout.lower else t),) for (t,) in inputs]
        batch, cut = self._reader.encoded(texts)
        # Past the end of a text nothing is read of a model that reads from left to right; encoders mask it.
        states = self._reader.run(batch).last_hidden_state.float()
        rows = pooled(states, batch["attention_mask"], layout.pooling)
        if layout.normalize:
            rows = torch.nn.functional.normalize(rows, dim=1)
        return TextRows(np.asarray(rows.cpu().numpy(), np.float32), cut)

    def close(self) -> None:
        """Nothing outlives the process."""


def pooled(states: Any, mask: Any, pooling: Pooling) -> Any:
    """Returns what is taken of the states of texts: shape (n, longest, d), with the mask (n, longest), to (n, d)."""
    lengths = mask.sum(dim=1)
    if pooling == "cls":
        return states[:, 0] * (lengths > 0)[:, None]
    if pooling == "last":
        rows = torch.arange(len(states), device=states.device)
        return states[rows, (lengths - 1).clamp(min=0)] * (lengths > 0)[:, None]
    inside = mask[:, :, None].to(states.dtype)
    if pooling == "max":
        return states.masked_fill(inside == 0, float("-inf")).amax(dim=1).nan_to_num(neginf=0.0)
    return (states * inside).sum(dim=1) / lengths.clamp(min=1)[:, None]


def open_text_model(spec: OpenSpec, progress: Progress) -> HfVectors:
    """Opens the directory that `spec` names. Raises what `open_reader` and `sentence_layout` raise."""
    path = Path(spec.source)
    layout = sentence_layout(path)
    reader = open_reader(spec, layout.folder, "AutoModel", progress, layout.max_tokens)
    how = _WORDS[layout.pooling] + (", normalised" if layout.normalize else "")
    info = TextModelInfo(
        directory_name(path),
        LIBRARY,
        str(path),
        "vectors",
        how if layout.declared else f"{how}, not trained for it",
        reader.max_tokens,
    )
    return HfVectors(reader, layout, info)
