"""The journal: one JSON record a line, appended and handed to the system as the session goes.

A killed program loses nothing that was on the screen; a killed machine loses at most what the system had not written.
"""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

FORMAT = "bftui-journal"
VERSION = 1


class Journal:
    """One session's journal; made in `directory`, with a name that sorts by time."""

    def __init__(self, directory: Path) -> None:
        """Creates the file; raises OSError where it cannot."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = directory / f"{stamp}-{secrets.token_hex(3)}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(self.path, flags, 0o600)
        self.write({"format": FORMAT, "version": VERSION})

    def write(self, record: dict[str, Any]) -> None:
        """Appends one record; raises OSError, with nothing lost of what was written before."""
        data = memoryview((_dumps(record) + "\n").encode())
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
