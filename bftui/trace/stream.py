"""One JSON object of any size, read piece by piece: what it holds is handed over and forgotten.

Everything is refused that is not JSON or that we could not write again: NaN, infinities, halves of characters.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from bftui.core.errors import InputError
from bftui.formats.machine import size

_CHUNK = 1 << 20
_BLANK = " \t\n\r"
_MARGIN = 64
"""An error this far from the end of what was read is not caused by the end."""

ITEM, VALUE = 16 << 20, 1 << 30
"""Most characters of one item of a streamed list, and of any other value."""

BEGIN, WHOLE = -2, -1


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")


_decoder = json.JSONDecoder(parse_constant=_no_number)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


@contextmanager
def opened(path: Path, *, pipes: bool = False) -> Iterator[BufferedReader]:
    """Opens a regular file to be read; raises InputError where it, or a read of it, fails.

    With `pipes` a pipe will do too, and - is the standard input.
    """
    try:
        if pipes and str(path) == "-":
            yield cast(BufferedReader, sys.stdin.buffer)
            return
        if path.exists() and not (path.is_file() or (pipes and path.is_fifo())):
            raise InputError(f"cannot read {path}", "it is not a regular file")
        with path.open("rb") as file:
            yield file
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}", reason) from error


def read_bounded(path: Path, most: int, *, hint: str = "", pipes: bool = False) -> bytes:
    """Reads a file of at most `most` bytes; raises InputError as `opened`, and with a hint for a larger one."""
    with opened(path, pipes=pipes) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise InputError(f"cannot read {path}", f"it has more than {size(most)}", hint)
    return data


def check_plain(value: Any) -> None:
    """Raises ValueError for what JSON text can spell and we could not write again."""
    try:
        _encode(value).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it holds half a character") from None
    except ValueError:
        raise ValueError("a number in it is too large") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse(text: str) -> Any:
    """Reads one whole JSON value; raises ValueError with the reason."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class ObjectReader:
    """Reads one JSON object from a binary file.

    Attributes:
        streamed: fields whose value is a list that is handed over item by item.
    """

    def __init__(self, file: IO[bytes], name: str, streamed: Collection[str]) -> None:
        """`name` is what errors call the file."""
        self._file, self._name, self.streamed = file, name, streamed
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._end = "", 0, False
        self._bytes = file.tell()
        self._where = ""

    def fields(self) -> Iterator[tuple[str, int, Any]]:
        """Yields (field, WHOLE, its value); of a streamed list (field, BEGIN, its byte), then (field, place, item).

        Raises InputError for what is not a JSON object, for a field that comes twice and for values beyond all measure.
        """
        if self._peek() == "\ufeff":
            self._at += 1
        if self._peek() in ("[", '"'):
            raise InputError(f"{self._name} is not a trace", "it holds no object")
        self._take("{")
        seen: set[str] = set()
        while self._peek() != "}":
            if seen:
                self._take(",")
            if self._peek() != '"':
                raise self._wrong("a name in quotes is missing")
            key = self._value(ITEM)
            if key in seen:
                raise InputError(f"{self._name} is damaged", f"{key[:40]!r} comes twice")
            seen.add(key)
            self._take(":")
            self._where = key[:40]
            if key in self.streamed and self._peek() == "[":
                yield key, BEGIN, self._offset()
                for place, item in enumerate(self.items()):
                    yield key, place, item
            else:
                yield key, WHOLE, self._value(VALUE)
            self._where = ""
        self._at += 1
        if self._peek():
            raise self._wrong("something stands behind the end")

    def items(self) -> Iterator[Any]:
        """Yields the items of the list that begins here."""
        self._take("[")
        field = self._where
        limit = ITEM if field == "nodes" else VALUE
        place = 0
        while self._peek() != "]":
            self._where = f"{field}.{place}"
            if place:
                self._take(",")
            yield self._value(limit)
            place += 1
        self._at += 1

    def _value(self, limit: int) -> Any:
        self._peek()
        size = _CHUNK
        while True:
            try:
                value, end = _decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                here = error.pos < len(self._text) - _MARGIN
                if self._end or (here and not error.msg.startswith("Unterminated string")):
                    self._at = error.pos
                    raise self._wrong(error.msg) from None
            except RecursionError:
                raise self._wrong("it is nested too deeply") from None
            except ValueError as error:
                # Python's own limit of digits, or what `_no_number` says.
                long = "digits" in str(error)
                raise self._wrong("a number has too many digits" if long else str(error)) from None
            else:
                # A number at the very end may go on.
                if end < len(self._text) or self._end:
                    self._at = end
                    return value
            if len(self._text) - self._at > limit:
                raise self._wrong(f"a value of more than {limit >> 20} MiB")
            self._more(size)
            size *= 2

    def _peek(self) -> str:
        """Returns the next character that is not a blank; "" at the end."""
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in _BLANK:
                    return character
                self._at += 1
            if self._end:
                return ""
            self._more(_CHUNK)

    def _take(self, wanted: str) -> None:
        found = self._peek()
        if found != wanted:
            raise self._wrong(f"{wanted!r} is missing" if found else "the file ends too early")
        self._at += 1

    def _more(self, size: int) -> None:
        self._bytes += len(self._text[: self._at].encode())
        data = self._file.read(size)
        self._end = not data
        begun, _ = self._utf8.getstate()
        try:
            text = self._utf8.decode(data, final=self._end)
        except UnicodeDecodeError as error:
            at = self._file.tell() - len(data) - len(begun) + error.start
            raise self._wrong(f"it is not UTF-8: {error.reason}", at) from None
        self._text = self._text[self._at :] + text
        self._at = 0

    def _offset(self) -> int:
        return self._bytes + len(self._text[: self._at].encode())

    def _wrong(self, why: str, at: int | None = None) -> InputError:
        where = f"{self._where}: " if self._where else ""
        place = self._offset() if at is None else at
        return InputError(f"{self._name} is not JSON", f"{where}{why}, at byte {place}")
