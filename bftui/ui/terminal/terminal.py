"""The terminal that the workbench has: whether there is one, what it can show, and who may write to it.

Textual draws on file descriptor 2, and native libraries print on it or point it elsewhere. While the workbench runs,
Textual has a duplicate, and fd 2 is a log file. Imports no Textual.
"""

from __future__ import annotations

import codecs
import locale
import os
import shutil
import sys
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

from bftui.core.errors import UsageError

_NAMELESS = ("", "dumb", "unknown")
_SINGLE_BYTE = ("iso8859", "cp125", "koi8")

_STAND_INS = str.maketrans(
    {
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╞╡", "+"),
        **dict.fromkeys("─━┄┈╌╴╶═", "-"),
        **dict.fromkeys("│┃┆┊║▏▎▕", "|"),
        **dict.fromkeys("▁▂▃", "_"),
        **dict.fromkeys("▄▅▆▌▍▋▖▗▘▝", "="),
        **dict.fromkeys("▇█▉▊■▮▓▐", "#"),
        **dict.fromkeys("░▒", "%"),
        **dict.fromkeys("·•∙", "."),
        **dict.fromkeys("‹◀◂←◁", "<"),
        **dict.fromkeys("›▸▶→▹", ">"),
        **dict.fromkeys("▲△↑◇", "^"),
        **dict.fromkeys("▼▽↓", "v"),
        **dict.fromkeys("○●◦", "o"),
        **dict.fromkeys("“”″", '"'),
        **dict.fromkeys("‘’′", "'"),
        **dict.fromkeys("–—−‒", "-"),
        **dict.fromkeys("…⋯", "~"),
        **dict.fromkeys("≈⇄", "~"),
        "⏎": "$",
        "⚠": "!",
        "✗": "x",
        "×": "x",
        "≠": "!",
        "γ": "g",
        "Δ": "d",
        "±": "+",
        "Σ": "S",
    }
)
"""One ASCII character for each sign of the screen, where the terminal shows no UTF-8."""


def _stood_in(error: UnicodeError) -> tuple[str, int]:
    """As an error handler of codecs: as many cells as the characters take."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_stand_in, text)), error.end


def _stand_in(character: str) -> str:
    plain = character.translate(_STAND_INS)
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()[:1]
    wide = unicodedata.east_asian_width(character) in "WF"
    return plain if plain and not wide else "??" if wide else "?"


codecs.register_error("bftui-stand-in", _stood_in)


def encoding() -> str:
    """What the terminal is written in: UTF-8, else the locale's where its characters are bytes, else ASCII.

    A locale that says nothing (C, POSIX, none) counts as UTF-8, as Python has it.
    """
    name = codecs.lookup(locale.getpreferredencoding(False)).name
    if name == "utf-8" or name.startswith(_SINGLE_BYTE):
        return name
    return "ascii"


def check_terminal(instead: str) -> None:
    """Raises UsageError where there is no terminal to draw on; `instead` is what works without one."""
    message = "the workbench needs a terminal"
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if not stream.isatty():
            raise UsageError(message, f"standard {name} is not one", instead)
    term = os.environ.get("TERM", "")
    if term in _NAMELESS:
        said = f"TERM is {term}" if term else "TERM is not set"
        raise UsageError(message, f"{said}, so it cannot be drawn on", f"set TERM, or {instead}")


class OwnTerminal:
    """A block in which fd 2 is a log without a name, so that however the program ends nothing is left lying about.

    Where fd 2 is not a terminal (`2>file`), fd 1 is drawn on.
    """

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the program
        self._streams: tuple[TextIO, TextIO | None] = (sys.stderr, sys.__stderr__)
        self._screen: TextIO | None = None
        self._before = -1

    def keep_log(self) -> Path:
        """Writes what was logged to a file with a name, for those who look into a failure."""
        descriptor, name = tempfile.mkstemp(prefix="bftui-", suffix=".log")
        with os.fdopen(descriptor, "wb") as file:
            self._log.seek(0)
            shutil.copyfileobj(self._log, file)
        return Path(name)

    def __enter__(self) -> OwnTerminal:
        sys.stderr.flush()
        self._before = os.dup(2)
        drawn_on = os.dup(2 if os.isatty(2) else 1)
        self._screen = os.fdopen(drawn_on, "w", encoding=encoding(), errors="bftui-stand-in")
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
        os.dup2(self._before, 2)
        os.close(self._before)
        sys.stderr, sys.__stderr__ = self._streams  # type: ignore[misc,assignment]
        with suppress(OSError):
            screen.close()
