"""A directory of safetensors: is it a whole model, which files are its weights, what are they stored as.

Only headers are read; nothing is imported but the standard library and `safetensors` itself.
Not for: configs and tokenizers, which `transformers` reads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bftui.core.errors import ModelLoadError, UnsupportedModel

AGAIN = "the directory is incomplete or damaged: download it again"

_HINT = "give a directory with config.json, *.safetensors and a tokenizer"
_WHOLE = "model.safetensors"
_INDEX = f"{_WHOLE}.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_CONFIG_BYTES = 16 << 20
_WHOLE_NUMBERS = frozenset({"BOOL", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})
_INDICES = 1024
"""Settings that name a layer, or one in so many, may be larger than the number of tensors."""


def check_directory(path: Path) -> None:
    """Raises ModelLoadError where a directory does not hold a complete model in safetensors."""
    if not path.is_dir():
        raise ModelLoadError(f"cannot open {path}", "there is no such directory", _HINT)
    config = path / "config.json"
    if not config.is_file():
        gguf = next(iter(sorted(path.glob("*.gguf"))), None)
        hint = f"it holds a GGUF file: open {gguf}" if gguf else _HINT
        raise ModelLoadError(f"there is no model in {path}", "it has no config.json", hint)
    if config.stat().st_size > _CONFIG_BYTES:
        raise ModelLoadError(f"cannot load {path}", "its config.json is no config", AGAIN)
    files = weight_files(path)
    if not files:
        if any(next(path.glob(pattern), None) for pattern in _PICKLED):
            raise ModelLoadError(
                f"cannot load {path}",
                "its weights are pickled, and loading those would run code of theirs",
                "convert them to safetensors",
            )
        raise ModelLoadError(f"there is no model in {path}", "it has no *.safetensors", _HINT)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelLoadError(
            f"cannot load {path}",
            f"{missing[0]} is missing, one of {len(files)} files of weights",
            AGAIN,
        )


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights, whether they exist or not.

    Raises ModelLoadError for an index of no sense, one that leads out of the directory or to pickled weights, and one
    beside a file that the library would read in its place.
    """
    whole, index = path / _WHOLE, path / _INDEX
    if not index.is_file():
        return [whole] if whole.exists() else sorted(path.glob("*.safetensors"))
    try:
        names = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelLoadError(f"cannot read {index}", "it is no index of weights", AGAIN) from error
    for name in sorted(names):
        if Path(name).name != name or not name.endswith(".safetensors") or "\0" in name:
            raise ModelLoadError(
                f"cannot load {path}", f"its index names {name}, which is no file of weights", AGAIN
            )
    if names and whole.exists() and _WHOLE not in names:
        raise ModelLoadError(
            f"cannot load {path}",
            f"it holds {_WHOLE} and an index of other weights",
            "take away the one that is not meant",
        )
    return sorted(path / name for name in names)


@dataclass(frozen=True)
class Stored:
    """What the headers of weight files say: how many tensors, and the type of most numbers ("F32", "BF16")."""

    tensors: int
    kind: str


def stored(files: Sequence[Path]) -> Stored:
    """Reads the headers; raises ModelLoadError where a file is damaged."""
    from safetensors import SafetensorError, safe_open

    tensors = 0
    counts: dict[str, int] = {}
    for file in files:
        try:
            str(file).encode()
        except UnicodeEncodeError as error:
            raise ModelLoadError(
                f"cannot open {file}", "its path is not valid UTF-8", "rename the directory"
            ) from error
        try:
            with safe_open(str(file), framework="np") as opened:
                for name in opened.keys():  # noqa: SIM118 - it is no mapping
                    part = opened.get_slice(name)
                    kind = str(part.get_dtype())
                    counts[kind] = counts.get(kind, 0) + math.prod(part.get_shape())
                    tensors += 1
        except (SafetensorError, OSError) as error:
            reason = " ".join(str(error).split()) or "it cannot be read"
            raise ModelLoadError(f"cannot load {file}", reason, AGAIN) from error
    return Stored(tensors, max(counts, key=counts.__getitem__, default="F32"))


def check_config(path: Path, found: Stored) -> None:
    """Raises ModelLoadError or UnsupportedModel for a config that no library may be given.

    One that asks for more layers or labels than there are tensors would have them built for ever; whole numbers are
    weights only together with a quantisation that says what they stand for; and a kernel of a repository is its code.
    """
    config = path / "config.json"
    try:
        data = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"cannot read {config}", "it is not JSON", AGAIN) from error
    if not isinstance(data, dict) or "model_type" not in data:
        raise ModelLoadError(f"cannot load {path}", "its config.json names no model_type", AGAIN)
    if found.kind in _WHOLE_NUMBERS and not data.get("quantization_config"):
        raise ModelLoadError(
            f"cannot load {path}",
            f"its weights are whole numbers ({found.kind}) and its config names no quantisation",
            AGAIN,
        )
    waiting: list[Any] = [data]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        waiting += part.values()
        for name, value in part.items():
            if name.endswith("_implementation") and "/" in str(value):
                raise UnsupportedModel(
                    f"cannot load {path}",
                    f"it asks to run code of its own ({name}), which bftui never does",
                    "take that line out of its config.json",
                )
            built = "layer" in name or name == "num_labels"
            if not built or not isinstance(value, int | float):
                continue
            if abs(value) > max(found.tensors, _INDICES):
                raise ModelLoadError(
                    f"cannot load {path}",
                    f"{name} is {value} in its config, and its weights are {found.tensors} tensors",
                    AGAIN,
                )


def directory_files(path: Path) -> list[Path]:
    """What a directory's hash is made from: its files, hidden ones and folders left out."""
    return sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
