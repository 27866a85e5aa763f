"""The journal: one JSON record a line, appended and handed to the system as the session goes.

A killed program loses nothing that was on the screen; a killed machine loses at most what the system had not written.
Whoever writes a journal holds a lock on it, which ends with the process, however that ends.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bftui.core.errors import UsageError
from bftui.trace.user_folders import user_folder

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Writes a value as journals and traces have it: on one line, without blanks."""

FORMAT = "bftui-journal"
VERSION = 1


class JsonText(str):
    """A value that is JSON already."""

    __slots__ = ()


class Journal:
    """One session's journal; made in `directory`, with a name that sorts by time.

    Records that cannot be written wait, and are written before the next one as soon as that can be.

    Attributes:
        path: the file.
        failure: why records wait, in the system's words; None where none does.
    """

    def __init__(self, directory: Path) -> None:
        """Creates the file; raises OSError where it cannot. Where it cannot be written, `write` says so."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self._begin(directory / f"{stamp}-{secrets.token_hex(3)}.jsonl", os.O_CREAT | os.O_EXCL)
        with suppress(OSError):
            self.write({"format": FORMAT, "version": VERSION})

    @classmethod
    def reopen(cls, path: Path, size: int) -> Journal:
        """Goes on with a journal that is there, after its first `size` bytes of whole records.

        Raises OSError where it cannot be written, UsageError where another program writes it.
        """
        journal = cls.__new__(cls)
        journal._begin(path, 0)
        os.ftruncate(journal._file, size)
        journal._size = size
        return journal

    def _begin(self, path: Path, flags: int) -> None:
        self.path = path
        self.failure: str | None = None
        self._waiting, self._size = b"", 0
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        if not _lock(self._file):
            os.close(self._file)
            raise UsageError(
                f"the session of {path} still runs", hint="end it there, or resume another one"
            )

    @property
    def whole(self) -> bool:
        """Whether all of it is in its file, and nobody removed that."""
        return self.failure is None and self.path.exists()

    def write(self, record: dict[str, Any]) -> None:
        """Appends a record, whose values may be `JsonText`; raises OSError where it has to wait, with nothing lost."""
        values = (
            f"{dumps(name)}:{value if isinstance(value, JsonText) else dumps(value)}"
            for name, value in record.items()
        )
        self._waiting += f"{{{','.join(values)}}}\n".encode()
        written = 0
        try:
            while written < len(self._waiting):
                written += os.write(self._file, memoryview(self._waiting)[written:])
        except OSError as error:
            self.failure = error.strerror or str(error)
            self._keep(self._waiting.rfind(b"\n", 0, written) + 1)
            # Half a record in the middle would spoil what comes after it.
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self.failure = None
        self._keep(written)

    def _keep(self, written: int) -> None:
        """Counts bytes that are in the file."""
        self._size += written
        self._waiting = self._waiting[written:]

    def close(self) -> None:
        """Writes down that the session ended, and closes the file; may be called twice.

        A file that nothing could be written to is removed.
        """
        if self._file < 0:
            return
        with suppress(OSError):
            self.write({"end": utc(datetime.now(UTC))})
        os.close(self._file)
        self._file = -1
        if not self._size:
            self.path.unlink(missing_ok=True)


def utc(when: datetime) -> str:
    """Writes a time in UTC as traces have it, to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def default_directory() -> Path:
    """Returns where journals lie."""
    return user_folder("state") / "sessions"


def runs(path: Path) -> bool:
    """Tells whether a program writes this journal now. Raises OSError where it cannot be read."""
    file = os.open(path, os.O_RDONLY)
    try:
        return not _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Takes the lock of an open file; False where another program has it."""
    try:
        import fcntl
    except ImportError:
        # Where the system has no such locks every journal counts as free.
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        return True
    return True
