"""What a GGUF file says of itself, in a fraction of a second: short metadata, and what its tensors are.

Long lists (the vocabulary, the merges) are walked over and not kept. The file is read, not mapped, and nothing in it is
believed before it was held against the file's size: a lying number costs a bounded time and gives one clear error.
Not for: weights and vocabularies, which `llama.cpp` and `reference_file.py` read.
Source: the GGUF specification (ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from bftui.backends import gguf_file
from bftui.backends.machine import cut_short
from bftui.core.errors import ModelLoadError, UnsupportedModel

_VERSIONS = (2, 3)
_WINDOW = 1 << 20
_MOST_HEADER = 128 << 20
_MOST_KEYS = 1 << 13
_MOST_TENSORS = 1 << 18
_MOST_TEXTS = 1 << 23
"""Texts of a list: thirty times the largest vocabularies."""
_LONGEST_KEY = 1 << 16
_LONGEST_TEXT = 1 << 20
_LONGEST_LIST = 1024
"""Texts and lists beyond these are walked over."""
_MOST_DIMENSIONS = 4
_FEWEST_BITS = 1
"""Of one number of a tensor, in whichever quantisation."""

_TEXT, _LIST = 8, 9
_CODES = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""Of the other types, as `struct` calls them."""

_LENGTH = struct.Struct("<Q")

_TYPES = {
    int(kind): (kind.name, block, width) for kind, (block, width) in gguf.GGML_QUANT_SIZES.items()
}
"""Of tensors: name, and how many numbers take how many bytes."""


@dataclass(frozen=True, slots=True)
class Long:
    """Stands for a text or a list that was not kept; `count` is its length."""

    count: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the headers of a model's files say.

    Attributes:
        values: the metadata of the first file; a value that is long is a `Long`.
        parameters: numbers in all tensors.
        types: how many of them are stored as what ("Q4_K"; "type 99" for one that nobody here knows).
        bytes: the files' sizes.
    """

    values: dict[str, Any]
    parameters: int
    types: dict[str, int]
    bytes: int

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", "unknown"))

    @property
    def quantization(self) -> str:
        """The name of `general.file_type`, or of the type that most numbers have."""
        number = self.values.get("general.file_type")
        name = gguf_file.file_type_name(number) if isinstance(number, int) else None
        return name or max(self.types, key=self.types.__getitem__, default="unknown")

    def number(self, key: str) -> int:
        """A whole number of the architecture's metadata; of a list the first; 0 where there is none of sense."""
        value = self.values.get(f"{self.architecture}.{key}", 0)
        if isinstance(value, list):
            value = value[0] if value else 0
        return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def read_header(path: Path) -> GgufHeader:
    """Reads the headers of a file and of its other parts.

    Raises ModelLoadError for damaged and incomplete files, UnsupportedModel for versions that nobody reads any more.
    """
    gguf_file.check_gguf(path)
    wanted = gguf_file.part_count(path)
    files = gguf_file.parts(path)
    if len(files) < wanted:
        raise gguf_file.damaged(path, f"only {len(files)} of its {wanted} parts are here")
    values: dict[str, Any] = {}
    types: dict[str, int] = {}
    total = 0
    for file in files:
        try:
            header = _File(file)
        except OSError as error:
            raise ModelLoadError(f"cannot read {file}", error.strerror or str(error)) from error
        values = values or header.values
        total += header.size
        for kind, count in header.types.items():
            types[kind] = types.get(kind, 0) + count
    return GgufHeader(values, sum(types.values()), types, total)


class _File:
    """One file, read from its first byte to the end of its header."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.types: dict[str, int] = {}
        with path.open("rb", buffering=0) as self._file:
            self.size = self._file.seek(0, 2)
            self._most = min(self.size, _MOST_HEADER)
            self._start = self._at = 0
            self._data = b""
            self._take(4)
            self._version()
            tensors, keys = self._unpack("Q"), self._unpack("Q")
            if tensors > _MOST_TENSORS or keys > _MOST_KEYS:
                raise self._damaged(f"it claims {keys:,} keys and {tensors:,} tensors")
            self.values = self._metadata(keys)
            self._tensors(tensors)

    def _damaged(self, reason: str) -> ModelLoadError:
        return gguf_file.damaged(self._path, reason)

    # Bytes -----------------------------------------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        """The next bytes, of which there are few."""
        end = self._at + count
        if end > len(self._data):
            self._move(self._at, max(count, _WINDOW))
            end = self._at + count
            if end > len(self._data):
                raise self._damaged("it ends within its header")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _move(self, at: int, count: int = _WINDOW) -> None:
        """Reads on from a place, which is counted from the beginning of what is held."""
        self._start += at
        if self._start > self._most:
            raise self._damaged("its header goes on past the end of the file")
        self._file.seek(self._start)
        self._data, self._at = self._file.read(min(count, self._most - self._start)), 0

    def _skip(self, count: int) -> None:
        if self._at + count <= len(self._data):
            self._at += count
        else:
            self._move(self._at + count)

    def _unpack(self, code: str) -> int:
        number: int = struct.unpack(f"<{code}", self._take(struct.calcsize(code)))[0]
        return number

    # Metadata --------------------------------------------------------------------------------------------------

    def _version(self) -> None:
        version = self._unpack("I")
        if version in _VERSIONS:
            return
        turned = int.from_bytes(version.to_bytes(4, "little"), "big")
        if turned in _VERSIONS:
            reason = "its numbers are big-endian"
        elif version == 1:
            reason = "it is of the first version of GGUF"
        else:
            raise self._damaged(f"there is no version {version} of GGUF")
        raise UnsupportedModel(
            f"cannot load {self._path}", reason, "convert the model to GGUF again"
        )

    def _metadata(self, count: int) -> dict[str, Any]:
        values = {}
        for _ in range(count):
            length = self._unpack("Q")
            if length > _LONGEST_KEY:
                raise self._damaged(f"a key claims {length:,} bytes")
            key = self._take(length).decode("utf-8", "replace")
            values[key] = self._value(self._unpack("I"), key)
        return values

    def _value(self, kind: int, key: str) -> Any:
        if kind == _TEXT:
            length = self._unpack("Q")
            if length > _LONGEST_TEXT:
                self._skip(length)
                return Long(length)
            return self._take(length).decode("utf-8", "replace")
        if kind == _LIST:
            return self._list(self._unpack("I"), self._unpack("Q"), key)
        return self._numbers(kind, 1, key)[0]

    def _numbers(self, kind: int, count: int, key: str) -> list[Any]:
        if kind not in _CODES:
            raise self._damaged(f"{key} is of the type {kind}, which does not exist")
        code = _CODES[kind]
        return list(struct.unpack(f"<{count}{code}", self._take(count * struct.calcsize(code))))

    def _list(self, kind: int, count: int, key: str) -> Any:
        if kind == _TEXT:
            if count > _MOST_TEXTS:
                raise self._damaged(f"{key} claims {count:,} texts")
            self._skip_texts(count)
            return Long(count)
        if count > _LONGEST_LIST and kind in _CODES:
            self._skip(count * struct.calcsize(_CODES[kind]))
            return Long(count)
        return self._numbers(kind, count, key)

    def _skip_texts(self, count: int) -> None:
        unpack, width = _LENGTH.unpack_from, _LENGTH.size
        while count:
            data, at = self._data, self._at
            try:
                # Vocabularies are most of a header: this is the loop that its time goes into.
                for left in range(count, 0, -1):  # noqa: B007 - its last value counts
                    at += width + unpack(data, at)[0]
                count = 0
            except (struct.error, OverflowError):
                count = left
            if at <= len(data) and not count:
                self._at = at
                return
            self._move(at)
            if count and len(self._data) < width:
                raise self._damaged("it ends within its header")

    # Tensors ---------------------------------------------------------------------------------------------------

    def _tensors(self, count: int) -> None:
        last = 0
        for _ in range(count):
            length = self._unpack("Q")
            if length > _LONGEST_KEY:
                raise self._damaged(f"the name of a tensor claims {length:,} bytes")
            self._take(length)
            dimensions = self._unpack("I")
            if dimensions > _MOST_DIMENSIONS:
                raise self._damaged(f"a tensor claims {dimensions:,} dimensions")
            numbers = 1
            for extent in struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions)):
                numbers *= extent
            kind, offset = self._unpack("I"), self._unpack("Q")
            name, width = _stored(kind, numbers)
            self.types[name] = self.types.get(name, 0) + numbers
            last = max(last, offset + width)
        alignment = self.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= _WINDOW:
            raise self._damaged(f"its alignment is {str(alignment)[:20]}")
        begin = -(-(self._start + self._at) // alignment) * alignment
        claimed = begin + last
        if count and claimed > self.size:
            raise self._damaged(cut_short(self.size, claimed))


def _stored(kind: int, numbers: int) -> tuple[str, int]:
    """What a type of tensors is called, and the bytes that so many numbers take, at least."""
    known = _TYPES.get(kind)
    if known is None:
        return f"type {kind}", numbers * _FEWEST_BITS // 8
    name, block, width = known
    return name, numbers // block * width
