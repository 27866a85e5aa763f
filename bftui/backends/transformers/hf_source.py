"""Where a model for transformers lies, and what it says of itself before any weight is read.

Not for: the headers of weight files, which are `safetensors_file.py`'s and `reference_file.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends.reference.reference_file import GgufModel
from bftui.backends.transformers.hf_library import one_line, transformers
from bftui.core.errors import BftuiError, ModelLoadError, UnsupportedModel
from bftui.formats import gguf_file
from bftui.formats.directory_check import check_config
from bftui.formats.file_kinds import ANOTHER
from bftui.formats.safetensors_file import (
    AGAIN,
    check_directory,
    directory_name,
    stored,
    weight_files,
)


@dataclass(frozen=True)
class WeightsSource:
    """Where a model lies: a directory, or a GGUF file, whose header is then open.

    Attributes:
        weights: the files that hold the weights.
        stored: what most weights are stored as.
        numbers: in all tensors of a file; several quantised ones of a directory share one.
    """

    path: Path
    gguf: GgufModel | None
    weights: list[Path]
    stored: str
    numbers: int

    @property
    def bytes(self) -> int:
        """The size of the weights' files."""
        return sum(file.stat().st_size for file in self.weights)

    @property
    def arguments(self) -> dict[str, Any]:
        """What `from_pretrained` needs to find it, and nothing else."""
        found: dict[str, Any] = {
            "pretrained_model_name_or_path": str(self.path.parent if self.gguf else self.path),
            "local_files_only": True,
            "trust_remote_code": False,
        }
        if self.gguf:
            found["gguf_file"] = self.path.name
        return found

    @property
    def otherwise(self) -> str:
        """What to do where it makes no sense: of a file all is here by now, of a directory something may be missing."""
        return AGAIN if self.gguf is None else ANOTHER

    @property
    def name(self) -> str:
        """What people call the model: by its file or its directory."""
        return gguf_file.stem(self.path) if self.gguf is not None else directory_name(self.path)

    @property
    def title(self) -> str:
        """What the model calls itself, "" where it does not."""
        return "" if self.gguf is None else self.gguf.header.title


def open_source(path: Path) -> WeightsSource:
    """Raises ModelLoadError and UnsupportedModel for what is not a whole model."""
    if path.is_file():
        file = GgufModel(path, "transformers")
        header = file.header
        return WeightsSource(path, file, [path], header.quantization, header.parameters)
    check_directory(path)
    weights = weight_files(path)
    found = stored(weights)
    check_config(path, found)
    return WeightsSource(path, None, weights, found.kind, found.numbers)


def read_config(source: WeightsSource) -> Any:
    """Return the library's config.

    Raises UnsupportedModel for what does not predict next tokens, ModelLoadError for a config of no sense.
    """
    config = library_config(source)
    names = set(transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    architectures = config.architectures or []
    if not isinstance(architectures, list):
        raise ModelLoadError(
            f"cannot read the config of {source.path}",
            "its architectures are not a list",
            source.otherwise,
        )
    known = any(name in names for name in architectures) or not architectures
    if not known or config.is_encoder_decoder:
        raise UnsupportedModel(
            f"{source.path} has no next-token distribution",
            f"it is a {(architectures or [config.model_type])[0]}",
            "open a model that generates text",
        )
    return config


def library_config(source: WeightsSource) -> Any:
    """Return the library's config of any model. Raises UnsupportedModel, ModelLoadError for a config of no sense."""
    try:
        return transformers.AutoConfig.from_pretrained(**source.arguments)
    except Exception as error:
        raise _config_error(source, error) from error


def _config_error(source: WeightsSource, error: Exception) -> BftuiError:
    text = str(error)
    if "trust_remote_code" in text or "custom code" in text:
        return UnsupportedModel(
            f"cannot load {source.path}",
            "it asks to run code of its own, which bftui never does",
            "open a model whose architecture transformers knows, or its GGUF file",
        )
    if "model type" in text or "Unrecognized model" in text or "not supported" in text:
        return UnsupportedModel(
            f"cannot load {source.path}",
            f"its architecture is unknown to transformers {transformers.__version__}",
            "a newer transformers may know it",
        )
    return ModelLoadError(
        f"cannot read the config of {source.path}", one_line(error), source.otherwise
    )
