"""How alike texts are in meaning, by the vectors of a model of the user's: a directory or a GGUF file.

Without such a model `core.diversity.kernels.ngram_kernel` stands in, and results say which of them was used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bftui.backends.client.text_client import TextClient
from bftui.backends.registry import require
from bftui.backends.text_models import Reads, TextModel, TextSpec
from bftui.core.diversity.kernels import cosine_kernel
from bftui.core.errors import UnsupportedModel
from bftui.core.logits import F64
from bftui.formats.model_facts import DIRECTORY, GGUF
from bftui.formats.open_spec import Device, OpenSpec, Progress
from bftui.model.model_forms import source_of


class EmbeddingKernel:
    """Texts to the cosines of their vectors.

    Attributes:
        name: of the model, and what it takes for a vector: the label of a result.
        cut: how many texts were longer than the model reads, so far.
    """

    def __init__(self, model: TextModel) -> None:
        """Asks an open model, which the caller closes."""
        self._model = model
        self.name = f"{model.info.name} ({model.info.how})"
        self.cut = 0

    def vectors(self, texts: Sequence[str]) -> F64:
        """Returns a vector of each text, shape (K, d); equal texts are read once. Raises ModelError, Cancelled."""
        different = list(dict.fromkeys(texts))
        rows = self._model.read([(text,) for text in different])
        places = {text: place for place, text in enumerate(different)}
        order = [places[text] for text in texts]
        self.cut += sum(rows.cut[place] for place in order)
        return np.asarray(rows.values[order], np.float64)

    def __call__(self, texts: Sequence[str]) -> F64:
        """Returns the kernel of some texts, shape (K, K), entries in [-1, 1]. Raises ModelError, Cancelled."""
        return cosine_kernel(self.vectors(texts))


def open_text_client(
    model: str, reads: Reads, progress: Progress, *, threads: int = 0, device: Device = "auto"
) -> TextClient:
    """Opens a model that reads texts in a process of its own, which the caller closes.

    Args:
        model: the path of a Hugging Face directory, or for vectors of a GGUF file; or a practice model's name.
        reads: what it is asked for.
        progress: is told how far loading is; False cancels.
        threads: 0 takes the physical cores.
        device: for torch.

    Raises ModelLoadError, UnsupportedModel, MissingDependency, BackendCrashed, Cancelled.
    """
    source, kind = source_of(model)
    backends = {DIRECTORY.name: "transformers", GGUF.name: "llama-cpp"}
    backend = backends.get("" if kind is None else kind.name)
    if backend is None:
        raise UnsupportedModel(
            f"cannot read texts with {model}",
            "it is neither a directory nor a GGUF file",
            "give the path of one on this machine",
        )
    require(backend)
    spec = OpenSpec(source=source, backend=backend, threads=threads, device=device)
    return TextClient(TextSpec(spec, reads), progress)
