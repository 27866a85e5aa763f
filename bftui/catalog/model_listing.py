"""Models in a folder, found by name and size; only a kind whose suffix does not tell looks into files.

Pure but for looking at the disk. What a model is says `model_summary.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bftui import practice
from bftui.backends.registry import kinds
from bftui.formats.model_facts import DIRECTORY, GGUF, SourceKind
from bftui.formats.safetensors_file import repository
from bftui.trace.user_folders import user_folder

_MOST = 2_000
"""Entries of a folder that are looked at."""

PRACTICE = "practice"
"""The kind of the models inside bftui."""

_OPENED = re.compile(r"(?<!-\d{5}-of-\d{5})\.gguf$|-00001-of-\d{5}\.gguf$")
"""A GGUF file, of a split one the first part."""

_SHORT_REVISION = 7

_LATER_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
"""A part of a split GGUF file; one whose first part is not there is shown, so that it is told what it lacks."""

_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be opened or entered.

    Attributes:
        name: in its folder; of a folder with a slash.
        path: the MODEL form of what is opened, or the folder that is entered.
        kind: the name of a `SourceKind`, or `practice`, `folder`, or `none`: the choice of no model.
        size: bytes of the weights; None for a folder, and where they cannot be looked at.
    """

    name: str
    path: str
    kind: str
    size: int | None = None

    @property
    def is_model(self) -> bool:
        """Whether it is opened, not entered."""
        return self.kind not in ("folder", "none")

    @property
    def source_kind(self) -> SourceKind:
        """What the file of the model is."""
        return next((kind for kind in kinds() if kind.name == self.kind), GGUF)

    @property
    def file(self) -> str:
        """Where the model lies."""
        if self.kind == PRACTICE:
            return str(practice.path(self.name))
        return self.source_kind.path(self.path)


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What lies in a folder: its models, then its folders, each by name.

    Attributes:
        problem: why it cannot be read, or "".
        whole: whether all of it was looked at.
    """

    entries: tuple[Entry, ...] = ()
    problem: str = ""
    whole: bool = True


def listing(folder: str) -> FolderListing:
    """Looks into a folder."""
    found: list[Entry] = []
    whole = True
    try:
        with os.scandir(folder or ".") as inside:
            for count, entry in enumerate(inside):
                if count == _MOST:
                    whole = False
                    break
                found += _entry(folder, entry)
    except (OSError, ValueError) as error:
        return FolderListing(problem=(isinstance(error, OSError) and error.strerror) or str(error))
    found.sort(key=lambda e: (e.kind == "folder", e.name.startswith("."), e.name.lower()))
    return FolderListing(tuple(found), whole=whole)


def shipped() -> list[Entry]:
    """Return the practice models."""
    return [
        Entry(name, name, PRACTICE, os.path.getsize(practice.path(name))) for name in practice.NAMES
    ]


def places() -> list[Entry]:
    """Return the folders in which other programs keep models, as far as they are there."""
    dotted = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    hub = os.path.join(os.environ.get("HF_HOME") or os.path.join(dotted, "huggingface"), "hub")
    usual = (
        os.environ.get("HF_HUB_CACHE") or hub,
        os.environ.get("LLAMA_CACHE") or str(user_folder("cache", "llama.cpp")),
        os.path.join("~", ".lmstudio", "models"),
        os.path.join(dotted, "lm-studio", "models"),
    )
    there = [path for path in map(os.path.expanduser, usual) if os.path.isdir(path)]
    home = os.path.join(os.path.expanduser("~"), "")
    return [
        Entry(
            f"~/{path[len(home) :]}/" if path.startswith(home) else f"{path}/", f"{path}/", "folder"
        )
        for path in dict.fromkeys(path.rstrip("/") for path in there)
    ]


def _entry(folder: str, entry: os.DirEntry[str]) -> Iterator[Entry]:
    path = os.path.join(folder, entry.name)
    try:
        if entry.is_dir():
            cached, snapshots = repository(entry.name), os.path.join(path, "snapshots")
            if cached is not None and os.path.isdir(snapshots):
                yield from _snapshots(cached, snapshots)
            elif is_model(path):
                yield Entry(f"{entry.name}/", f"{path}/", DIRECTORY.name, weights(path))
            else:
                yield Entry(f"{entry.name}/", f"{path}/", "folder")
        elif _OPENED.search(entry.name) or _is_first_left(path):
            if entry.is_file():
                yield Entry(entry.name, path, GGUF.name, _split_size(path))
        else:
            kind = _kind_of(entry)
            if kind is not None:
                yield Entry(entry.name, kind.model(path), kind.name, entry.stat().st_size)
    except OSError:
        # A link that leads nowhere or to itself, or what may not be read.
        return


def _snapshots(name: str, folder: str) -> Iterator[Entry]:
    """The models of a cached repository, which lie in a folder for each revision."""
    with os.scandir(folder) as inside:
        revisions = [entry for entry, _ in zip(inside, range(_MOST), strict=False)]
    for revision in revisions:
        path = os.path.join(folder, revision.name)
        mark = f"@{revision.name[:_SHORT_REVISION]}" if len(revisions) > 1 else ""
        if is_model(path):
            yield Entry(f"{name}{mark}/", f"{path}/", DIRECTORY.name, weights(path))
        elif revision.is_dir():
            for found in listing(path).entries:
                if found.kind == GGUF.name:
                    yield replace(found, name=f"{name}{mark}/{found.name}")


def is_model(folder: str) -> bool:
    """Whether a folder is a Hugging Face directory with weights in safetensors."""
    if not os.path.isfile(os.path.join(folder, "config.json")):
        return False
    with suppress(OSError), os.scandir(folder) as inside:
        return any(
            entry.name.endswith(".safetensors")
            for entry, _ in zip(inside, range(_MOST), strict=False)
        )
    # It may be entered and not listed: what it lacks is said where it is described.
    return True


def weights(folder: str) -> int | None:
    """Return the bytes of a directory's safetensors; None where they cannot be looked at."""
    try:
        with os.scandir(folder) as inside:
            return sum(
                entry.stat().st_size
                for entry, _ in zip(inside, range(_MOST), strict=False)
                if entry.name.endswith(".safetensors")
            )
    except OSError:
        return None


def _is_first_left(path: str) -> bool:
    """Whether this is a part of a split GGUF file of which no earlier one is there."""
    part = _LATER_PART.fullmatch(path)
    if part is None:
        return False
    stem, number, count = part.groups()
    earlier = (f"{stem}-{each:05}-of-{count}.gguf" for each in range(1, int(number)))
    return not any(map(os.path.exists, earlier))


def _kind_of(entry: os.DirEntry[str]) -> SourceKind | None:
    """The kind of a file that its suffix tells, GGUF apart, which comes in parts."""
    fitting = (
        k for k in kinds() if k is not GGUF and k.suffixes and entry.name.endswith(k.suffixes)
    )
    return next((k for k in fitting if entry.is_file() and k.recognises(Path(entry.path))), None)


def _split_size(path: str) -> int:
    """The bytes of a GGUF file, with its other parts where it is the first of some."""
    first = _FIRST_PART.search(path)
    if first is None:
        return os.stat(path).st_size
    stem, count = path[: first.start()], first.group(1)
    parts = (f"{stem}-{part:05}-of-{count}.gguf" for part in range(1, min(int(count), 999) + 1))
    return sum(os.stat(part).st_size for part in parts if os.path.exists(part))


def completed(text: str, names: list[str]) -> str:
    """Return a path with as much added as all names in its folder that begin like its last part have in common."""
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
