"""What of a measurement is finished: samples by the key of everything that they depend on.

`Store` keeps them in memory, `PartialFile` in a file too, from which the same measurement goes on after it was stopped.
The file is JSON Lines: a head with the settings, then for each prompt on each model its key and samples. A line counts
once it ends, so that a kill loses at most the prompt that was running.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from bftui.core.bf.samples import F64, Finish, Sample
from bftui.core.errors import InputError, UsageError
from bftui.trace.document import saving

_FORMAT = "bftui-measure-partial"
_COLUMNS = ("entropy", "entropy_truncated", "logprob_truncated", "logprob")


class Store:
    """Samples in memory."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Sample, ...]] = {}

    def get(self, key: str) -> tuple[Sample, ...] | None:
        """Returns the samples of a key, None where they are not drawn yet."""
        return self._found.get(key)

    def put(self, key: str, samples: tuple[Sample, ...]) -> None:
        """Keeps samples."""
        self._found[key] = samples


class PartialFile(Store):
    """Samples in a file beside the result; a context manager.

    Attributes:
        path: the file.
    """

    def __init__(self, result: Path, settings: dict[str, Any]) -> None:
        """Opens or begins the file; `settings` are those that a file which is there already must have.

        Raises UsageError for a file of other settings, InputError for a damaged one, NotSaved where none can be
        written.
        """
        super().__init__()
        self.path = result.with_name(f"{result.name}.partial")
        self._settings = json.loads(json.dumps(settings))
        with saving(self.path):
            # Opened for adding: what is there is never overwritten.
            self._file: IO[bytes] = self.path.open("a+b")
        try:
            self._read()
        except BaseException:
            self._close()
            raise

    def put(self, key: str, samples: tuple[Sample, ...]) -> None:
        super().put(key, samples)
        self._write({"key": key, "samples": [_packed(sample) for sample in samples]})

    def remove(self) -> None:
        """Takes the file away: the result holds everything now."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> PartialFile:
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
            self._found = {
                entry["key"]: tuple(_unpacked(sample) for sample in entry["samples"])
                for entry in entries
            }
        except (ValueError, KeyError, TypeError, UsageError) as error:
            raise InputError(
                f"cannot go on with {self.path}", f"it is damaged: {error}", "remove it"
            ) from error
        if not same:
            raise UsageError(
                f"{self.path} holds what is finished of a measurement with other settings",
                hint="go on with those, choose another output, or remove it",
            )


def _packed(sample: Sample) -> dict[str, Any]:
    """Writes a sample as JSON that loses nothing: numbers as the base64 of little-endian float64."""
    return {
        "ids": list(sample.token_ids),
        **{name: _base64(getattr(sample, name)) for name in _COLUMNS},
        "bytes": sample.n_bytes,
        "finish": sample.finish,
    }


def _unpacked(fields: dict[str, Any]) -> Sample:
    finish: Finish = fields["finish"]
    entropy, entropy_truncated, logprob_truncated, logprob = (
        np.frombuffer(base64.b64decode(fields[name]), "<f8") for name in _COLUMNS
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


def _base64(values: F64) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode()
