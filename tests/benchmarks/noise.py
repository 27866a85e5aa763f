"""The noise floors: how far numbers move with the shape of a batch, by the type of the weights and the library.

The practice pair, and the pretrained models of `make test-real` as they are, as F16 and as Q8_0, and as directories.
Names on the command line choose: `practice`, `SmolLM2`, `gemma`. What is measured is kept as `bftui info` does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gguf

import bftui
from bftui import practice
from tests.models import rewritten
from tests.real.models import MODELS

_TYPES = {
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def main() -> None:
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, path, backend in _models(Path(folder)):
            if not chosen or any(each.casefold() in name.casefold() for each in chosen):
                print(f"{name}: {_floor(path, backend)}", flush=True)


def _models(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Each model by name, where it is and what runs it; files are made when they are asked for."""
    for name in ("practice", "practice-aligned"):
        for backend in ("llama-cpp", "reference", "transformers"):
            yield f"{name} (F16), {backend}", practice.path(name), backend
    for real in MODELS:
        if not real.gguf.exists():
            print(f"{real.name} is not there: `make test-real` fetches it")
            continue
        yield f"{real.name} as it is, llama-cpp", real.gguf, "llama-cpp"
        for word, (matrices, file_type) in _TYPES.items():
            target = folder / f"{real.name}-{word}.gguf"
            kind = {"general.file_type": (int(file_type), gguf.GGUFValueType.UINT32)}
            rewritten(real.gguf, target, changes=kind, matrices=matrices)
            yield f"{real.name} as {word}, llama-cpp", target, "llama-cpp"
            target.unlink()
        yield f"{real.name} widened, transformers", real.directory, "transformers"


def _floor(path: Path, backend: str) -> str:
    with bftui.open_model(path, backend=backend, ctx=1024, threads=1) as model:
        model.floor.measure()
        noise = model.noise
    if noise is None:
        return "none"
    return f"{noise.sentence()}; a logit {noise.logit_sd:.2g} ({noise.logit_max:.2g})"


if __name__ == "__main__":
    main()
