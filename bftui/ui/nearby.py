"""Models in a folder, found by name and size alone: nothing is opened. Pure but for looking at the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MOST = 2_000
"""Entries of a folder that are looked at."""

_OPENED = re.compile(r"(?<!-\d{5}-of-\d{5})\.gguf$|-00001-of-\d{5}\.gguf$")
"""A GGUF file, of a split one the first part."""

_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be opened or entered.

    Attributes:
        name: in its folder; of a folder with a slash.
        path: what is opened, or the folder that is entered.
        kind: `gguf`, `safetensors` or `folder`.
        size: bytes of the weights, None for a folder.
    """

    name: str
    path: str
    kind: str
    size: int | None


def entries(folder: str) -> list[Entry]:
    """Models in a folder, then its folders, each by name; nothing where it cannot be read."""
    found: list[Entry] = []
    try:
        with os.scandir(folder or ".") as inside:
            for entry, _ in zip(inside, range(_MOST), strict=False):
                found += _entry(folder, entry)
    except (OSError, ValueError):
        return []
    return sorted(found, key=lambda e: (e.kind == "folder", e.name.startswith("."), e.name.lower()))


def _entry(folder: str, entry: os.DirEntry[str]) -> Iterator[Entry]:
    path = os.path.join(folder, entry.name)
    try:
        if entry.is_dir():
            size = weights(path)
            kind = "folder" if size is None else "safetensors"
            yield Entry(f"{entry.name}/", f"{path}/", kind, size)
        elif _OPENED.search(entry.name) and entry.is_file():
            yield Entry(entry.name, path, "gguf", _split_size(path))
    except OSError:
        return


def weights(folder: str) -> int | None:
    """The bytes of a Hugging Face directory's safetensors; None where a folder is none."""
    if not os.path.isfile(os.path.join(folder, "config.json")):
        return None
    total = None
    with os.scandir(folder) as inside:
        for entry, _ in zip(inside, range(_MOST), strict=False):
            if entry.name.endswith(".safetensors"):
                total = (total or 0) + entry.stat().st_size
    return total


def _split_size(path: str) -> int:
    """The bytes of a GGUF file, with its other parts where it is the first of some."""
    first = _FIRST_PART.search(path)
    if first is None:
        return os.stat(path).st_size
    stem, count = path[: first.start()], first.group(1)
    parts = (f"{stem}-{part:05}-of-{count}.gguf" for part in range(1, min(int(count), 999) + 1))
    return sum(os.stat(part).st_size for part in parts if os.path.exists(part))


def completed(text: str, names: list[str]) -> str:
    """A path with as much added as all names in its folder that begin like its last part have in common."""
    folder, part = os.path.split(text)
    fitting = [name for name in names if name.startswith(part)]
    if not fitting:
        return text
    # In order the first and the last differ where any two do.
    first, last = min(fitting), max(fitting)
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return os.path.join(folder, first[:same])


def size_text(size: int) -> str:
    """Bytes as people say them."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit in ("B", "kB") else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
