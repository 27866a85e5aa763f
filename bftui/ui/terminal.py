"""Keeps the screen and the libraries apart: both want file descriptor 2.

Textual draws on it, and native libraries print on it or point it elsewhere. While the workbench runs, Textual has a
duplicate, and fd 2 is a log file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast


class OwnTerminal:
    """A block in which fd 2 is a log without a name, so that however the program ends nothing is left lying about."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the program
        self._streams: tuple[TextIO, TextIO | None] = (sys.stderr, sys.__stderr__)
        self._screen: TextIO | None = None

    def keep_log(self) -> Path:
        """Writes what was logged to a file with a name, for whoever looks into a failure."""
        descriptor, name = tempfile.mkstemp(prefix="bftui-", suffix=".log")
        with os.fdopen(descriptor, "wb") as file:
            self._log.seek(0)
            shutil.copyfileobj(self._log, file)
        return Path(name)

    def __enter__(self) -> OwnTerminal:
        sys.stderr.flush()
        self._screen = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        # Both: Textual draws on the one, and the traceback of a crash goes to the other.
        sys.stderr = self._screen
        sys.__stderr__ = self._screen  # type: ignore[misc]
        os.dup2(self._log.fileno(), 2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        screen = cast(TextIO, self._screen)
        with suppress(OSError):  # the terminal may be gone
            screen.flush()
        os.dup2(screen.fileno(), 2)
        sys.stderr, sys.__stderr__ = self._streams  # type: ignore[misc,assignment]
        with suppress(OSError):
            screen.close()
