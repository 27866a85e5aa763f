"""Whether the config of a model directory may be given to a library: by what it and the headers of the weights say.

A config that asks for more than the weights hold would have the rest allocated, and filled with random numbers, before
anybody misses it. No library is imported, so that `bftui models` and opening say the same.
Not for: what only the library knows; `hf_size.py` compares with the model that it would build.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats.safetensors_file import AGAIN, Stored

TOGETHER = "take config and weights from one place"
"""What to do about a config and weights that are whole and do not belong together."""

LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
WIDTH = ("hidden_size", "n_embd", "d_model")
_EXPERTS = frozenset(
    {"num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "moe_num_experts"}
)
_WHOLE_NUMBERS = frozenset({"BOOL", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})
_INDICES = 1024
"""Settings that name a layer, or one in so many, may be larger than the number of tensors."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|layer|block)\.(\d{1,6})\.")
_EMBEDDING = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|embed_in|tok_embeddings)\.weight$"
)

_NO_TEXT = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForFeatureExtraction",
    "ForImageClassification",
    "ForCTC",
    "ForReward",
    "RewardModel",
    "EncoderModel",
)
"""How classes are called that generate no text."""

_SENTENCES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
"""Files of models that give one vector for a text."""


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the config of a directory; raises ModelLoadError for what is not a config."""
    config = path / "config.json"
    try:
        data = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"cannot read {config}", "it is not JSON", AGAIN) from error
    if not isinstance(data, dict) or not isinstance(data.get("model_type"), str):
        raise ModelLoadError(f"cannot load {path}", "its config.json names no model_type", AGAIN)
    return data


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a config that is about text: of a model of pictures and text, one level down."""
    parts = (config.get(key) for key in ("text_config", "llm_config"))
    return next((part for part in parts if isinstance(part, dict)), config)


def check_config(path: Path, found: Stored, *, generates: bool = True) -> dict[str, Any]:
    """Return the config of a directory, which may be given to a library.

    Raises ModelLoadError and UnsupportedModel: for one that asks for more layers, experts or labels than there are
    tensors, which a library would build for ever; for weights of whole numbers without a quantisation that says what
    they stand for; for a kernel of a repository, which is its code; with `generates` for models that generate no text.
    """
    data = read_config_file(path)
    if found.kind in _WHOLE_NUMBERS and not data.get("quantization_config"):
        raise ModelLoadError(
            f"cannot load {path}",
            f"its weights are whole numbers ({found.kind}) and its config names no quantisation",
            TOGETHER,
        )
    for name, value in _settings(data):
        if name.endswith("_implementation") and "/" in str(value):
            raise UnsupportedModel(
                f"cannot load {path}",
                f"it asks to run code of its own ({name}), which bftui never does",
                "take that line out of its config.json",
            )
        built = "layer" in name or name == "num_labels" or name in _EXPERTS
        if not built or not isinstance(value, int | float):
            continue
        if abs(value) > max(len(found.tensors), _INDICES):
            raise ModelLoadError(
                f"cannot load {path}",
                f"{name} is {value} in its config, and its weights are {len(found.tensors)} tensors",
                TOGETHER,
            )
    if generates:
        _check_kind(path, data)
    _check_sizes(path, text_config(data), found)
    return data


def _settings(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every setting of a config and of the configs in it."""
    waiting: list[Any] = [data]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
            yield from part.items()


def _check_kind(path: Path, config: Mapping[str, Any]) -> None:
    """Refuses models that give vectors, classes or filled gaps."""
    named = config.get("architectures")
    classes = [str(each) for each in named] if isinstance(named, list) else []
    reason = None
    if any((path / name).is_file() for name in _SENTENCES):
        reason = "it is an embedding model"
    elif config.get("is_encoder_decoder") is True:
        reason = "it is an encoder with a decoder"
    elif classes and all(_gives_no_text(each) for each in classes):
        reason = f"it is a {classes[0][:60]}"
    if reason is not None:
        raise UnsupportedModel(
            f"{path} has no next-token distribution", reason, "open a model that generates text"
        )


def _gives_no_text(name: str) -> bool:
    bare = name.endswith("Model") and not name.endswith("LMHeadModel")
    return bare or name.endswith(_NO_TEXT)


def _check_sizes(path: Path, config: Mapping[str, Any], found: Stored) -> None:
    """Refuses a config whose sizes are missing, or not those of the weights."""
    layers, width = _named(config, LAYERS), _named(config, WIDTH)
    if layers is None and width is None:
        raise ModelLoadError(
            f"cannot load {path}",
            f"its config.json does not say how large the model is ({WIDTH[0]}, {LAYERS[0]})",
            AGAIN,
        )
    here = {int(match[1]) for name in found.tensors if (match := _LAYER.search(name))}
    if type(layers) is int and here and layers > len(here):
        raise ModelLoadError(
            f"cannot load {path}",
            f"its config says {layers} layers, and its weights have {len(here)}",
            AGAIN,
        )
    widest = max((n for _, shape in found.tensors.values() for n in shape), default=0)
    inner = config.get("intermediate_size")
    if type(inner) is int and inner > widest and found.kind not in _WHOLE_NUMBERS:
        raise ModelLoadError(
            f"cannot load {path}",
            f"intermediate_size is {inner} in its config, and no tensor is as wide",
            TOGETHER,
        )
    for name, (kind, shape) in found.tensors.items():
        if not _EMBEDDING.search(name) or len(shape) != 2 or kind in _WHOLE_NUMBERS:
            continue
        for setting, said, held in (
            ("vocab_size", config.get("vocab_size"), shape[0]),
            (WIDTH[0], width, shape[1]),
        ):
            if type(said) is int and said > held:
                raise ModelLoadError(
                    f"cannot load {path}",
                    f"{setting} is {said} in its config, and {held} in {name}",
                    TOGETHER,
                )


def _named(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of these settings that there is; None where there is none."""
    return next((config[name] for name in names if config.get(name) is not None), None)
