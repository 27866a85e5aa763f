"""Facts about a GGUF file that need no model: is it one at all, its parts, its hash, what its numbers are called.

Not for: metadata and tensors, which `gguf_header.py`, `llama.cpp` and `gguf.GGUFReader` read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf

from bftui.core.errors import Cancelled, ModelLoadError
from bftui.formats.file_kinds import AGAIN, ANOTHER, SNIFFED, kind_of
from bftui.formats.open_spec import Progress

MAGIC = b"GGUF"
_SHORTEST = 24
_BLOCK = 4 << 20
_SPLIT = re.compile(r"(?P<stem>.*)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def check_gguf(path: Path) -> None:
    """Raises ModelLoadError unless this is a readable file that starts as GGUF does."""
    hint = "give the path of a .gguf file"
    try:
        if path.is_dir():
            raise ModelLoadError(f"cannot open {path}", "it is a directory", hint)
        with path.open("rb") as file:
            start = file.read(SNIFFED)
    except FileNotFoundError as error:
        raise ModelLoadError(f"cannot open {path}", "there is no such file", hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelLoadError(f"cannot open {path}", reason, hint) from error
    if not start:
        raise ModelLoadError(f"{path} is not a model", "the file is empty", "download it again")
    if start[:4] != MAGIC[: len(start)]:
        kind = kind_of(start)
        reason, hint = (kind.reason, kind.hint) if kind else ("it starts with other bytes", hint)
        raise ModelLoadError(f"{path} is not a GGUF file", reason, hint)
    if len(start) < _SHORTEST:
        raise damaged(path, "it ends within its header")


def damaged(path: Path, reason: str) -> ModelLoadError:
    """Return the error for a file that starts as GGUF, and of which something is missing or overwritten."""
    return ModelLoadError(f"cannot load {path}", reason, AGAIN)


def senseless(path: Path, reason: str) -> ModelLoadError:
    """Return the error for a whole file that says of itself what cannot be."""
    return ModelLoadError(f"cannot load {path}", reason, ANOTHER)


def parts(path: Path) -> list[Path]:
    """Return the files of this model: the path itself, or every part of a split file that exists."""
    split = _SPLIT.fullmatch(path.name)
    if split is None:
        return [path]
    names = [
        f"{split['stem']}-{part:05d}-of-{split['count']}.gguf"
        for part in range(1, int(split["count"]) + 1)
    ]
    return [part for part in (path.with_name(name) for name in names) if part.is_file()]


def check_parts(path: Path, number: int, count: int) -> None:
    """Raises ModelLoadError unless this is a whole model, or the first of parts that are all here.

    Args:
        number: which part of the set this file says it is, from 0.
        count: how many files the set has, as this one says; 0 or 1 where it is whole.
    """
    split = _SPLIT.fullmatch(path.name)
    if split is not None:
        number, count = max(number, int(split["part"]) - 1), max(count, int(split["count"]))
    if count < 2:
        return
    if number:
        first = "its first part"
        if split is not None:
            first += f", {split['stem']}-00001-of-{split['count']}.gguf"
        raise ModelLoadError(
            f"cannot load {path}",
            f"it is part {number + 1} of the {count} of a model",
            f"open {first}",
        )
    if split is None or int(split["count"]) != count:
        raise ModelLoadError(
            f"cannot load {path}",
            f"it is part 1 of the {count} of a model, which are found by their names",
            f"give them names that end as …-00001-of-{count:05d}.gguf",
        )
    here = {file.name for file in parts(path)}
    names = (f"{split['stem']}-{part:05d}-of-{split['count']}.gguf" for part in range(1, count + 1))
    missing = [name for name in names if name not in here]
    if missing:
        raise ModelLoadError(
            f"cannot load {path}",
            f"{len(missing)} of its {count} parts are not here: {missing[0]}"
            + (", …" if len(missing) > 1 else ""),
            "download them into the same folder",
        )


def stem(path: Path) -> str:
    """Return what the file of a model is called, without its ending, and without the number of a part."""
    split = _SPLIT.fullmatch(path.name)
    return path.stem if split is None else split["stem"]


def file_sha256(path: Path, progress: Progress) -> str:
    """SHA-256 of a model's file in hex, of a split one that of its parts' hashes, sorted.

    Raises Cancelled, and ModelLoadError where reading fails.
    """
    files = parts(path)
    return files_sha256(files, progress, joined=len(files) > 1)


def files_sha256(files: Sequence[Path], progress: Progress, *, joined: bool) -> str:
    """SHA-256 of one file in hex or, `joined`, that of the sorted hashes of any number of files."""
    total = max(1, sum(file.stat().st_size for file in files))
    done, hashes = 0, []
    for file in files:
        digest = hashlib.sha256()
        try:
            with file.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    if not progress(min(1.0, done / total), "reading the file"):
                        raise Cancelled("loading was cancelled")
        except OSError as error:
            raise ModelLoadError(f"cannot read {file}", error.strerror or str(error)) from error
        hashes.append(digest.hexdigest())
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest() if joined else hashes[0]


_NAMED_TOKENS = {
    "unk_token": ("unknown",),
    "sep_token": ("seperator", "separator"),
    "pad_token": ("padding",),
    "cls_token": ("cls",),
    "mask_token": ("mask",),
}
"""What a file calls the special tokens that a chat template may ask for; one has two spellings."""


def template_tokens(value: Callable[[str], object], pieces: Sequence[bytes]) -> dict[str, str]:
    """Return the special tokens that a chat template may ask for beside start and end, by name.

    Args:
        value: gives a metadata value by its key, None where there is none.
        pieces: the bytes of each token.
    """
    found: dict[str, str] = {}
    for name, keys in _NAMED_TOKENS.items():
        for key in keys:
            number = value(f"tokenizer.ggml.{key}_token_id")
            if isinstance(number, int) and 0 <= number < len(pieces):
                found[name] = pieces[number].decode(errors="replace")
    return found


def file_type_name(number: int) -> str | None:
    """Return what `general.file_type` is called ("Q4_K_M"); None where the number is unknown."""
    if number not in set(gguf.LlamaFileType):
        return None
    name = gguf.LlamaFileType(number).name
    return name.removeprefix("ALL_").removeprefix("MOSTLY_")


def dtype_name(quantization: str) -> str:
    """The type that a trace names for these weights: "float32", "float16", "bfloat16" or the quantisation's name."""
    return {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}.get(quantization, quantization)
