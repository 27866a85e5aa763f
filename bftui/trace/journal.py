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

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

FORMAT = "bftui-journal"
VERSION = 1


class Journal:
    """One session's journal; made in `directory`, with a name that sorts by time."""

    def __init__(self, directory: Path) -> None:
        """Creates the file; raises OSError where it cannot."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self._begin(directory / f"{stamp}-{secrets.token_hex(3)}.jsonl", os.O_CREAT | os.O_EXCL)
        self.write({"format": FORMAT, "version": VERSION})

    @classmethod
    def reopen(cls, path: Path, size: int) -> Journal:
        """Goes on with a journal that is there, after its first `size` bytes of whole records.

        Raises OSError where it cannot be written, UsageError where another program writes it.
        """
        journal = cls.__new__(cls)
        journal._begin(path, 0)
        os.ftruncate(journal._file, size)
        return journal

    def _begin(self, path: Path, flags: int) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        if not _lock(self._file):
            os.close(self._file)
            raise UsageError(
                f"the session of {path} still runs", hint="end it there, or resume another one"
            )

    def write(self, record: dict[str, Any]) -> None:
        """Appends one record; raises OSError, with nothing lost of what was written before."""
        data = memoryview((_dumps(record) + "\n").encode())
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Writes down that the session ended, and closes the file; may be called twice."""
        if self._file < 0:
            return
        with suppress(OSError):
            self.write({"end": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
        os.close(self._file)
        self._file = -1


def default_directory() -> Path:
    """Where journals lie."""
    from platformdirs import user_state_path

    return user_state_path("bftui") / "sessions"


def runs(path: Path) -> bool:
    """Whether a program writes this journal now. Raises OSError where it cannot be read."""
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
