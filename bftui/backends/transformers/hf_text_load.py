"""From a directory to a torch model that reads whole texts, with its tokenizer: what vectors and entailment share.

The same care as for models that generate: safetensors only, no code of the directory, no missing tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.backends.transformers.hf_library import LIBRARY as LIBRARY
from bftui.backends.transformers.hf_library import out_of_memory, torch
from bftui.backends.transformers.hf_load import choose_device, choose_dtype, load_weights, quiet
from bftui.backends.transformers.hf_size import check_size
from bftui.backends.transformers.hf_source import WeightsSource, library_config
from bftui.backends.transformers.hf_tokenizer import library_tokenizer
from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats.directory_check import TOGETHER, check_config
from bftui.formats.machine import physical_cores
from bftui.formats.open_spec import OpenSpec, Progress
from bftui.formats.safetensors_file import check_directory, stored, weight_files

_LONGEST = 4096
"""Tokens of a text where neither model nor tokenizer has a smaller limit."""


@dataclass(frozen=True, slots=True)
class TextReader:
    """A torch model in evaluation mode on a device, with its tokenizer.

    Attributes:
        max_tokens: the longest input; what is longer is cut there, what the tokenizer puts around it is kept.
    """

    model: Any
    tokenizer: Any
    device: str
    max_tokens: int

    def encoded(self, inputs: Sequence[tuple[str, ...]]) -> tuple[dict[str, Any], tuple[bool, ...]]:
        """Returns a padded batch, its tensors of shape (n, longest), and which inputs were cut."""
        columns = [list(column) for column in zip(*inputs, strict=True)]
        whole = self.tokenizer(*columns)["input_ids"]
        cut = tuple(len(ids) > self.max_tokens for ids in whole)
        found = self.tokenizer(
            *columns, truncation=True, max_length=self.max_tokens, return_attention_mask=True
        )
        # Many models of language have no token for padding; what stands there is not looked at.
        pad = {"input_ids": self.tokenizer.pad_token_id or 0}
        longest = max(1, *map(len, found["input_ids"]))
        return {
            name: torch.tensor(
                [row + [pad.get(name, 0)] * (longest - len(row)) for row in rows],
                dtype=torch.long,
                device=self.device,
            )
            for name, rows in found.items()
        }, cut

    def run(self, batch: dict[str, Any]) -> Any:
        """Returns what the model gives for a batch. Raises ModelError where memory does not suffice."""
        with torch.inference_mode(), quiet(), out_of_memory(self.device, "the texts"):
            return self.model(**batch)


def open_reader(
    spec: OpenSpec, path: Path, auto: str, progress: Progress, limit: int | None = None
) -> TextReader:
    """Opens the transformer of a directory.

    Args:
        spec: device, type of numbers and threads.
        path: the directory of its config, weights and tokenizer.
        auto: the class of the library that builds it.
        progress: is told how far loading is.
        limit: the longest input in tokens, where the directory says so.

    Raises ModelLoadError, UnsupportedModel, CapabilityError, MissingDependency, Cancelled.
    """
    check_directory(path)
    weights = weight_files(path)
    tensors = stored(weights)
    check_config(path, tensors, generates=False)
    source = WeightsSource(path, None, weights, tensors.kind, tensors.numbers)
    device = choose_device(spec)
    torch.set_num_threads(spec.threads or physical_cores())
    with quiet():
        config = library_config(source)
        if getattr(config, "is_encoder_decoder", False):
            raise UnsupportedModel(
                f"cannot read texts with {path}",
                "it is an encoder with a decoder",
                "take an encoder, or a model that generates text",
            )
        # Nothing is generated, so that no keys and values are kept.
        config.use_cache = False
        dtype = choose_dtype(spec, device, source)
        check_size(source, config, dtype.itemsize, device, auto)
        model = load_weights(source, config, dtype, device, progress, auto)
        tokenizer = _tokenizer(path, int(model.get_input_embeddings().weight.shape[0]))
    model.config.use_cache = False
    return TextReader(model, tokenizer, device, _max_tokens(model.config, tokenizer, limit))


def _tokenizer(path: Path, rows: int) -> Any:
    """The tokenizer of a directory, for a model that knows so many tokens."""
    found = library_tokenizer(path)
    if len(found) > rows:
        raise ModelLoadError(
            f"cannot use the tokenizer of {path}",
            f"it has {len(found)} tokens, and the model knows {rows}",
            TOGETHER,
        )
    return found


def _max_tokens(config: Any, tokenizer: Any, limit: int | None) -> int:
    """The smallest of all limits that are told; of models whose positions start late, what these leave."""
    places = getattr(config, "max_position_embeddings", None)
    if isinstance(places, int) and config.model_type in _LATE:
        places -= (getattr(config, "pad_token_id", 0) or 0) + 1
    told = (limit, places, tokenizer.model_max_length, _LONGEST)
    return min(each for each in told if isinstance(each, int) and each > 0)


_LATE = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl"})
"""Models whose first token is at the position after that of padding."""
