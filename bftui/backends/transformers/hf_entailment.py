"""Whether one text follows from another or contradicts it, by a classifier of natural language inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bftui.backends.text_models import TextModelInfo, TextRows
from bftui.backends.transformers.hf_library import torch
from bftui.backends.transformers.hf_text_load import LIBRARY, TextReader, open_reader
from bftui.core.errors import UnsupportedModel
from bftui.formats.directory_check import read_config_file
from bftui.formats.open_spec import OpenSpec, Progress
from bftui.formats.safetensors_file import check_directory, directory_name

_ENTAILS = frozenset({"entailment", "entails", "entail"})
_CONTRADICTS = frozenset({"contradiction", "contradicts", "contradict", "contradictory"})


class HfEntailment:
    """One classifier; implements `text_models.TextModel`."""

    def __init__(self, reader: TextReader, labels: tuple[int, int], info: TextModelInfo) -> None:
        self.info = info
        self._reader, self._labels = reader, list(labels)

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Returns P(entailment) and P(contradiction) of pairs of premise and hypothesis, shape (n, 2)."""
        batch, cut = self._reader.encoded(inputs)
        logits = self._reader.run(batch).logits.float()
        shares = torch.softmax(logits, dim=-1)[:, self._labels]
        return TextRows(np.asarray(shares.cpu().numpy(), np.float32), cut)

    def close(self) -> None:
        """Nothing outlives the process."""


def entailment_labels(path: Path, config: Mapping[str, Any]) -> tuple[int, int]:
    """Returns the classes of entailment and contradiction by their names in a config, in any case and order.

    Raises UnsupportedModel where they are not named, each once.
    """
    named = config.get("id2label")
    names = {
        str(number): str(name).strip().casefold() for number, name in named.items()
    } if isinstance(named, Mapping) else {}  # fmt: skip
    found = [
        [int(number) for number, name in names.items() if name in wanted and number.isdigit()]
        for wanted in (_ENTAILS, _CONTRADICTS)
    ]
    (entails, contradicts) = found
    if len(entails) == len(contradicts) == 1:
        return entails[0], contradicts[0]
    shown = ", ".join(names.values())[:80] or "none"
    raise UnsupportedModel(
        f"{path} does not say what follows from what",
        f"among the classes of its config.json are not entailment and contradiction, but {shown}",
        "give a model of natural language inference with three named classes (id2label)",
    )


def open_text_model(spec: OpenSpec, progress: Progress) -> HfEntailment:
    """Opens the directory that `spec` names. Raises UnsupportedModel, and what `open_reader` raises."""
    path = Path(spec.source)
    check_directory(path)
    labels = entailment_labels(path, read_config_file(path))
    reader = open_reader(spec, path, "AutoModelForSequenceClassification", progress)
    info = TextModelInfo(
        directory_name(path), LIBRARY, str(path), "entailment", "entailment", reader.max_tokens
    )
    return HfEntailment(reader, labels, info)
