"""What a GGUF file says of itself, in a fraction of a second: short metadata, and what its tensors are.

Long lists (the vocabulary, the merges) are walked over and not kept. The file is read, not mapped, and nothing in it is
believed before it was held against the file's size: a lying number costs a bounded time and gives one clear error.
Not for: weights and vocabularies, which `llama.cpp` and `reference_file.py` read.
Source: the GGUF specification (ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats import gguf_file
from bftui.formats.machine import cut_short

_VERSIONS = (2, 3)
_NEWER = range(4, 10)
"""Versions that may come; a number beyond them is damage, not a version."""

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
_MOST_TOLD_APART = 1 << 20
"""Texts of a list that are compared with each other."""

_TOKENS = "tokenizer.ggml.tokens"
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
class TensorHeader:
    """What a header says of one tensor.

    Attributes:
        kind: what its numbers are stored as ("Q4_K"; "type 99" for one that nobody here knows).
        shape: as GGUF has it, the fastest dimension first.
    """

    kind: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the headers of a model's files say.

    Attributes:
        values: the metadata of the first file; a value that is long is a `Long`.
        tensors: of all files, by name.
        repeated: a token that the vocabulary holds twice, "" where all are different.
        files: how many there are.
        bytes: the files' sizes.
    """

    values: dict[str, Any]
    tensors: dict[str, TensorHeader]
    repeated: str
    files: int
    bytes: int

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.numbers for tensor in self.tensors.values())

    @property
    def types(self) -> dict[str, int]:
        """How many numbers are stored as what."""
        found: dict[str, int] = {}
        for tensor in self.tensors.values():
            found[tensor.kind] = found.get(tensor.kind, 0) + tensor.numbers
        return found

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", "unknown"))

    @property
    def title(self) -> str:
        """What the model calls itself; "" where it has no name, or one too long to be one."""
        name = self.values.get("general.name", "")
        return name if isinstance(name, str) else ""

    @property
    def quantization(self) -> str:
        """The name of `general.file_type`, or of the type that most numbers have."""
        number = self.values.get("general.file_type")
        name = gguf_file.file_type_name(number) if isinstance(number, int) else None
        types = self.types
        return name or max(types, key=types.__getitem__, default="unknown")

    def value(self, key: str) -> Any:
        """Return a value of the architecture's metadata; None where there is none."""
        return self.values.get(f"{self.architecture}.{key}")

    def number(self, key: str) -> int:
        """Return a whole number of the architecture's metadata; of a list the first; 0 where there is none of sense."""
        value = self.value(key)
        if isinstance(value, list):
            value = value[0] if value else 0
        return value if type(value) is int and 0 <= value < 2**31 else 0


def read_header(path: Path) -> GgufHeader:
    """Reads the headers of a file and of its other parts.

    Raises ModelLoadError for damaged files, and for parts that do not make a whole model; UnsupportedModel for versions
    that nobody reads any more, or yet.
    """
    gguf_file.check_gguf(path)
    gguf_file.check_parts(path, 0, 0)
    first = _opened(path)
    number, count = (first.values.get(f"split.{key}") for key in ("no", "count"))
    gguf_file.check_parts(path, _small(number), _small(count))
    files = [first if file == path else _opened(file) for file in gguf_file.parts(path)]
    tensors: dict[str, TensorHeader] = {}
    for file in files:
        for name, tensor in file.tensors.items():
            if name in tensors:
                raise gguf_file.senseless(path, f"it holds the tensor {name} twice")
            tensors[name] = tensor
    return GgufHeader(
        first.values, tensors, first.repeated, len(files), sum(file.size for file in files)
    )


def _opened(path: Path) -> _File:
    try:
        return _File(path)
    except OSError as error:
        raise ModelLoadError(f"cannot read {path}", error.strerror or str(error)) from error


def _small(value: Any) -> int:
    """A count as a header may give it; 0 where there is none of sense."""
    return value if type(value) is int and 0 <= value < 2**16 else 0


class _File:
    """One file, read from its first byte to the end of its header."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tensors: dict[str, TensorHeader] = {}
        self.repeated = ""
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
        message = f"cannot load {self._path}"
        if turned in (1, *_VERSIONS):
            raise UnsupportedModel(
                message,
                "its numbers are big-endian",
                "turn them with `gguf-convert-endian FILE little`, or take another file of the model",
            )
        if version == 1:
            raise UnsupportedModel(
                message,
                "it is of version 1 of GGUF, which is no longer read",
                "convert the model again",
            )
        if version in _NEWER:
            raise UnsupportedModel(
                message,
                f"it is of version {version} of GGUF, and {_VERSIONS[-1]} is the newest known here",
                "a newer bftui may read it",
            )
        raise self._damaged(f"there is no version {version} of GGUF")

    def _metadata(self, count: int) -> dict[str, Any]:
        values = {}
        for _ in range(count):
            length = self._unpack("Q")
            if length > _LONGEST_KEY:
                raise self._damaged(f"a key claims {length:,} bytes")
            key = self._take(length).decode("utf-8", "replace")
            if key in values:
                raise gguf_file.senseless(self._path, f"it says {key[:60]} twice")
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
            if key == _TOKENS and count <= _MOST_TOLD_APART:
                self._compare_texts(count)
            else:
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
                # Merges are most of a header: this is the loop that its time goes into.
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

    def _compare_texts(self, count: int) -> None:
        """Goes past the texts of a list and notes one that is there twice; empty ones count as different."""
        unpack, width = _LENGTH.unpack_from, _LENGTH.size
        seen: set[bytes] = set()
        while count:
            data, at, size = self._data, self._at, len(self._data)
            with suppress(struct.error):
                while count:
                    begin = at + width
                    end = begin + unpack(data, at)[0]
                    if end > size:
                        break
                    if (text := data[begin:end]) in seen and text:
                        self.repeated = self.repeated or text.decode("utf-8", "replace")
                    seen.add(text)
                    at, count = end, count - 1
            if not count:
                self._at = at
            elif at > self._at:
                self._move(at)
            else:
                # Longer than what is held at once, and so no token.
                self._skip(self._unpack("Q"))
                count -= 1

    # Tensors ---------------------------------------------------------------------------------------------------

    def _tensors(self, count: int) -> None:
        last = 0
        for _ in range(count):
            length = self._unpack("Q")
            if length > _LONGEST_KEY:
                raise self._damaged(f"the name of a tensor claims {length:,} bytes")
            name = self._take(length).decode("utf-8", "replace")
            dimensions = self._unpack("I")
            if dimensions > _MOST_DIMENSIONS:
                raise self._damaged(f"a tensor claims {dimensions:,} dimensions")
            shape = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
            kind, offset = self._unpack("I"), self._unpack("Q")
            stored, width = _stored(kind, math.prod(shape))
            if name in self.tensors:
                raise gguf_file.senseless(self._path, f"it holds the tensor {name[:60]} twice")
            self.tensors[name] = TensorHeader(stored, shape)
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


def is_neutral(name: str, value: Any) -> bool:
    """Whether a setting of an architecture ("attn_logit_softcapping") has the value that it has where it is left out.

    A number of 0 switches off, and a scale of 1 scales nothing. A backend that does not know another setting refuses
    the model, since its numbers would be those of another one.
    """
    values = value if isinstance(value, list) else [value]
    if name.endswith("scale") and name != "attention.scale":
        return all(each in (0, 1) for each in values)
    return all(each == 0 or each == "" for each in values)
