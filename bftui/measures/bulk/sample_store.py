"""What of a measurement is finished: samples, or other findings, by the key of everything that they depend on.

`Store` keeps them in memory, `PartialFile` in a file too, from which the same measurement goes on after it was stopped.
The file is JSON Lines: a head with the settings, then for each unit of work its key and what was found. A line counts
once it ends, so that a kill loses at most the prompt that was running.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Protocol, TypeVar

import numpy as np

from bftui.core.bf.samples import F64, Finish, Sample
from bftui.core.errors import InputError, UsageError
from bftui.results.model_info import ModelInfo
from bftui.trace.document import saving

V = TypeVar("V")

_FORMAT = "bftui-measure-partial"
_IDENTITY = ("backend", "dtype", "kv", "device", "n_ctx")
_COLUMNS = ("entropy", "entropy_truncated", "logprob_truncated", "logprob")


def model_identity(info: ModelInfo) -> list[Any]:
    """Returns what of a model its numbers depend on, for a key."""
    return [info.sha256 or info.source, *(getattr(info, each) for each in _IDENTITY)]


class Store(Generic[V]):
    """What was found, in memory."""

    def __init__(self) -> None:
        self._found: dict[str, V] = {}

    def get(self, key: str) -> V | None:
        """Returns what was found under a key, None where that is not done yet."""
        return self._found.get(key)

    def put(self, key: str, found: V) -> None:
        """Keeps what was found."""
        self._found[key] = found

    @property
    def empty(self) -> bool:
        """Whether nothing was found yet."""
        return not self._found


class Packing(Protocol[V]):
    """How what was found stands in a line of a file: as fields of JSON that lose nothing."""

    def pack(self, found: V) -> dict[str, Any]: ...

    def unpack(self, fields: Mapping[str, Any]) -> V:
        """Raises ValueError, KeyError, TypeError, UsageError for what was packed by nobody."""
        ...


class PartialFile(Store[V]):
    """What was found, in a file beside the result; a context manager.

    Attributes:
        path: the file.
    """

    def __init__(self, result: Path, settings: dict[str, Any], packing: Packing[V]) -> None:
        """Opens or begins the file; `settings` are those that a file which is there already must have.

        Raises UsageError for a file of other settings, InputError for a damaged one, NotSaved where none can be
        written.
        """
        super().__init__()
        self.path = result.with_name(f"{result.name}.partial")
        self._settings = json.loads(json.dumps(settings))
        self._packing = packing
        with saving(self.path):
            # Opened for adding: what is there is never overwritten.
            self._file: IO[bytes] = self.path.open("a+b")
        try:
            self._read()
        except BaseException:
            self._close()
            raise

    def put(self, key: str, found: V) -> None:
        super().put(key, found)
        self._write({"key": key, **self._packing.pack(found)})

    def remove(self) -> None:
        """Takes the file away: the result holds everything now."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> PartialFile[V]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._file.closed:
            self._close()
            if not self._found:
                self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        # What a full disk refused it refuses again; that was said.
        with suppress(OSError):
            self._file.close()

    def _write(self, fields: dict[str, Any]) -> None:
        with saving(self.path):
            self._file.write(json.dumps(fields).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        # A line without its end was being written when the program was killed.
        self._file.truncate(whole)
        lines = data[:whole].splitlines()
        if not lines:
            self._write({"format": _FORMAT, "version": 1, "settings": self._settings})
            return
        try:
            head, *entries = map(json.loads, lines)
            if head["format"] != _FORMAT or head["version"] != 1:
                raise ValueError("it has another format")
            same = head["settings"] == self._settings
            self._found = {entry["key"]: self._packing.unpack(entry) for entry in entries}
        except (ValueError, KeyError, TypeError, UsageError) as error:
            raise InputError(
                f"cannot go on with {self.path}", f"it is damaged: {error}", "remove it"
            ) from error
        if not same:
            raise UsageError(
                f"{self.path} holds what is finished of a measurement with other settings",
                hint="go on with those, choose another output, or remove it",
            )


class SamplePacking:
    """How samples stand in a file."""

    def pack(self, found: tuple[Sample, ...]) -> dict[str, Any]:
        return {"samples": [_packed(sample) for sample in found]}

    def unpack(self, fields: Mapping[str, Any]) -> tuple[Sample, ...]:
        return tuple(_unpacked(sample) for sample in fields["samples"])


def _packed(sample: Sample) -> dict[str, Any]:
    """Writes a sample as JSON that loses nothing: numbers as the base64 of little-endian float64."""
    return {
        "ids": list(sample.token_ids),
        **{name: base64_of(getattr(sample, name)) for name in _COLUMNS},
        "bytes": sample.n_bytes,
        "finish": sample.finish,
    }


def _unpacked(fields: dict[str, Any]) -> Sample:
    finish: Finish = fields["finish"]
    entropy, entropy_truncated, logprob_truncated, logprob = (
        from_base64(fields[name]) for name in _COLUMNS
    )
    return Sample(
        tuple(fields["ids"]),
        entropy,
        entropy_truncated,
        logprob_truncated,
        logprob,
        n_bytes=fields["bytes"],
        finish=finish,
    )


def from_base64(text: str) -> F64:
    """Reads numbers of `base64_of`, shape (n,). Raises ValueError for other text."""
    return np.frombuffer(base64.b64decode(text), "<f8")


def base64_of(values: F64) -> str:
    """Writes numbers without loss, flattened: the base64 of little-endian float64."""
    return base64.b64encode(values.astype("<f8").tobytes()).decode()
