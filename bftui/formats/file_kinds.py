"""What a file that should hold weights holds instead, told by its first bytes.

Pure. A file that is damaged looks like none of these: that is said by who reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SNIFFED = 1024
"""Bytes that are enough to tell."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a Git LFS pointer begins."""

_LARGEST_POINTER = 1024

AGAIN = "the file is incomplete or damaged: download it again"
"""What to do about a file that is not as long as its header says, and about nothing else."""

ANOTHER = "the file was not made as models are: convert the model again, or take another file of it"
"""What to do about a file whose header makes no sense, though all of it is here."""

_FULL_SIZE = re.compile(rb"^size (\d{1,18})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file that is not a model: what it is instead, and what to do."""

    reason: str
    hint: str


_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "it is a ZIP archive, or weights that PyTorch pickled", "unpack it, or"),
    (b"\x80\x02", "it holds pickled weights, and loading those would run code of theirs", ""),
    (b"\x1f\x8b", "it is a gzip archive", "unpack it, or"),
    (b"BZh", "it is a bzip2 archive", "unpack it, or"),
    (b"\xfd7zXZ", "it is an xz archive", "unpack it, or"),
    (b"(\xb5/\xfd", "it is a Zstandard archive", "unpack it, or"),
    (b"7z\xbc\xaf", "it is a 7-Zip archive", "unpack it, or"),
    (b"\x89HDF", "it is an HDF5 file", ""),
    (b"lmgg", "it is a GGML file, from before GGUF", "convert the model to GGUF, or"),
    (b"tjgg", "it is a GGML file, from before GGUF", "convert the model to GGUF, or"),
    (b"fmgg", "it is a GGML file, from before GGUF", "convert the model to GGUF, or"),
    (b"algg", "it is a LoRA adapter, from before GGUF", ""),
)
"""Magic bytes, what they stand for, and what to do with it; an older GGML magic is written little-endian."""

_MODEL = "give the path of a .gguf file"


def pointer(start: bytes) -> ForeignFile | None:
    """Return what to say of a file that is a Git LFS pointer; None for any other."""
    if not start.startswith(POINTER):
        return None
    found = _FULL_SIZE.search(start[:_LARGEST_POINTER])
    missing = f" of {int(found[1]):,} bytes" if found else ""
    return ForeignFile(
        f"it is a Git LFS pointer in the place of a file{missing}",
        "fetch the file itself: `git lfs pull` in its folder, or download it",
    )


def page(start: bytes) -> ForeignFile | None:
    """Return what to say of a file that is a web page, which a server may send for a file; None for any other."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<!doctype", b"<head")):
        return ForeignFile(
            "it is a web page, not a file of weights",
            "download the file itself: its page or a login was saved in its place",
        )
    return None


def kind_of(start: bytes) -> ForeignFile | None:
    """Return what a file that should be GGUF is instead, by its first `SNIFFED` bytes; None where that is unknown."""
    known = pointer(start) or page(start)
    if known is not None:
        return known
    if len(start) > 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 32:
        return ForeignFile("it is a safetensors file", "open the directory that it lies in")
    for magic, reason, first in _STARTS:
        if start.startswith(magic):
            return ForeignFile(reason, f"{first} {_MODEL}".strip())
    if start and _is_text(start):
        line = " ".join(start.decode("utf-8", "replace").split())[:60]
        return ForeignFile(f"it is text, and begins “{line}”", "download the file itself")
    return None


def _is_text(start: bytes) -> bool:
    """Whether these bytes are lines of text, as far as they go."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or error.start < len(start) - 4:
            return False
        text = start[: error.start].decode()
    return all(character.isprintable() or character in "\t\r\n" for character in text)
