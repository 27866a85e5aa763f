"""A directory of safetensors: is it a whole model, which files are its weights, what do their headers say.

Only headers are read, and nothing is imported but the standard library.
Not for: configs and tokenizers, which `transformers` reads; `directory_check.py` says what a config may not say.
Source: the safetensors format (a length of 8 bytes, as much JSON, then the numbers).
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats.file_kinds import SNIFFED, page, pointer
from bftui.formats.machine import cut_short

AGAIN = "the directory is incomplete or damaged: download it again"

_HINT = "give a directory with config.json, *.safetensors and a tokenizer"
_WHOLE = "model.safetensors"
_INDEX = f"{_WHOLE}.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_CONFIG_BYTES = 16 << 20
_CACHED = re.compile(r"models--(.+)")

_MOST_HEADER = 64 << 20
_MOST_PER_BYTE = 8
"""Numbers of a tensor, in whichever type."""


def check_directory(path: Path) -> None:
    """Raises ModelLoadError and UnsupportedModel where a directory does not hold a complete model in safetensors."""
    if not path.is_dir():
        raise ModelLoadError(f"cannot open {path}", "there is no such directory", _HINT)
    config = path / "config.json"
    _refuse_others(path)
    if not config.is_file():
        gguf = next(iter(sorted(path.glob("*.gguf"))), None)
        hint = f"it holds a GGUF file: open {gguf}" if gguf else _HINT
        raise ModelLoadError(f"there is no model in {path}", "it has no config.json", hint)
    if config.stat().st_size > _CONFIG_BYTES:
        raise ModelLoadError(f"cannot load {path}", "its config.json is not a config", AGAIN)
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


def _refuse_others(path: Path) -> None:
    """Refuses directories of another kind: adapters, tokenizers, and what Git left in the place of files."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", _INDEX):
        refuse_stand_in(path / name)
    weights = weight_files(path)
    adapter = path / "adapter_config.json"
    if adapter.is_file() and (not weights or not (path / "config.json").is_file()):
        base = _named_base(adapter)
        raise UnsupportedModel(
            f"{path} is not a model",
            "it is a LoRA adapter, which changes another model",
            f"merge it into {base or 'that model'}, and open the result",
        )
    tokenizer = any(
        (path / f"tokenizer{end}").is_file() for end in (".json", ".model", "_config.json")
    )
    others = (*_PICKLED, "*.gguf", "*.index.json", "*.msgpack", "*.h5")
    alone = not weights and not (path / "config.json").is_file()
    if tokenizer and alone and not any(next(path.glob(each), None) for each in others):
        raise UnsupportedModel(
            f"{path} is not a model",
            "it holds a tokenizer and no weights",
            "open the directory that holds the weights",
        )


def _named_base(adapter: Path) -> str:
    """The model that an adapter was made for; "" where it does not say."""
    try:
        base = json.loads(adapter.read_bytes()[:_CONFIG_BYTES]).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
    return base[:80] if isinstance(base, str) else ""


def refuse_stand_in(file: Path) -> None:
    """Raises ModelLoadError for a file that holds a Git LFS pointer or a web page in its place."""
    try:
        with file.open("rb") as opened:
            start = opened.read(SNIFFED)
    except OSError:
        return
    kind = pointer(start) or page(start)
    if kind is not None:
        raise ModelLoadError(f"cannot load {file}", kind.reason, kind.hint)


def weight_files(path: Path) -> list[Path]:
    """Return the files that hold the weights, whether they exist or not.

    Raises ModelLoadError for an index of no sense, one that leads out of the directory or to pickled weights, and one
    beside a file that the library would read in its place.
    """
    whole, index = path / _WHOLE, path / _INDEX
    if not index.is_file():
        return [whole] if whole.exists() else sorted(path.glob("*.safetensors"))
    try:
        names = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelLoadError(
            f"cannot read {index}", "it is not an index of weights", AGAIN
        ) from error
    for name in sorted(names):
        if Path(name).name != name or not name.endswith(".safetensors") or "\0" in name:
            raise ModelLoadError(
                f"cannot load {path}",
                f"its index names {name}, which is not a file of weights",
                AGAIN,
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
    """What the headers of weight files say: of each tensor, by name, its type ("F32", "BF16") and its shape."""

    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    bytes: int

    @property
    def kind(self) -> str:
        """The type of most numbers."""
        counts: dict[str, int] = {}
        for kind, shape in self.tensors.values():
            counts[kind] = counts.get(kind, 0) + math.prod(shape)
        return max(counts, key=counts.__getitem__, default="F32")

    @property
    def numbers(self) -> int:
        """Numbers in all tensors; several quantised ones share one."""
        return sum(math.prod(shape) for _, shape in self.tensors.values())


def stored(files: Sequence[Path]) -> Stored:
    """Reads the headers; raises ModelLoadError where a file is damaged, or something else."""
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    for file in files:
        try:
            str(file).encode()
        except UnicodeEncodeError as error:
            raise ModelLoadError(
                f"cannot open {file}", "its path is not valid UTF-8", "rename the directory"
            ) from error
        tensors |= _tensors(file)
    return Stored(tensors, sum(file.stat().st_size for file in files))


def _tensors(file: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of each tensor of a file; raises ModelLoadError where it is damaged."""

    def damaged(reason: str) -> ModelLoadError:
        return ModelLoadError(f"cannot load {file}", f"{file.name}: {reason}", AGAIN)

    try:
        if not file.is_file():
            raise damaged("it is not a regular file")
        refuse_stand_in(file)
        there = file.stat().st_size
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if there < 8 or length > min(there - 8, _MOST_HEADER):
                raise damaged("it ends within its header")
            header = json.loads(opened.read(length))
    except OSError as error:
        raise damaged(error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise damaged("its header is not JSON") from error
    found = {}
    last = 0
    try:
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            shape, (begin, end) = tensor["shape"], tensor["data_offsets"]
            if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
                raise TypeError
            if math.prod(shape) > _MOST_PER_BYTE * (end - begin):
                raise TypeError
            found[str(name)] = (str(tensor["dtype"])[:12], tuple(shape))
            last = max(last, end)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise damaged("its header describes no tensors") from error
    if 8 + length + last > there:
        raise damaged(cut_short(there, 8 + length + last))
    return found


def directory_files(path: Path) -> list[Path]:
    """Return what a directory's hash is made from: its files, hidden ones and folders left out."""
    return sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))


def directory_name(path: Path) -> str:
    """Return what people call the model of a directory: its name, or ORG/NAME in the cache of the Hugging Face hub."""
    # Not resolved: a link has the name that somebody gave it.
    whole = Path(os.path.abspath(path))
    found = repository(whole.parent.parent.name) if whole.parent.name == "snapshots" else None
    return found or whole.name


def repository(folder: str) -> str | None:
    """ORG/NAME of a folder in the cache of the Hugging Face hub, by its name; None for any other folder.

    Below it `snapshots/` has a directory for each revision.
    """
    match = _CACHED.fullmatch(folder)
    return None if match is None else match[1].replace("--", "/", 1)
