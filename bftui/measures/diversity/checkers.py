"""Which outputs are correct, and what answer each of them gives.

A checker comes from the command line alone, never from a file of prompts or generations: it may run a program. A
pattern and a program run in processes of their own that can be ended (`checker_process.py`).
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from bftui.core.errors import Cancelled, UsageError

Comparison = Literal["exact", "numeric"]

_CHILD = Path(__file__).with_name("checker_process.py")
_STARTUP_S = 15.0
_MOST_SLOW = 3
"""Texts that a pattern may be ended at before it is given up."""

_PROCESSES = 64
"""Processes that a command may start, beside those that the user has already."""

_DIGITS = 300
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?(?![\w])"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checker says of one output.

    Attributes:
        correct: None where it cannot say: there is nothing to compare with, or it was ended.
        answer: the answer that the output gives, in one form; None where it gives none, or nothing takes one out.
    """

    correct: bool | None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How outputs are checked.

    Attributes:
        pattern: a regular expression. Alone, an output is correct where it is found; with `compare` it takes out the
            answer: its first group, or all of it where it has none. "" for none.
        compare: how the answer is held against that of the prompt: equal as text, white space at its ends aside, or
            its last number equal in value to the last one there. None for neither.
        command: a program with its arguments: the text comes on its standard input, and status 0 within the limits is
            correct, all else is not. Empty for none.
        seconds: most for one text, above 0.
        memory: MiB of address space.
    """

    pattern: str = ""
    compare: Comparison | None = None
    command: tuple[str, ...] = ()
    seconds: float = 10.0
    memory: int = 1024

    def __post_init__(self) -> None:
        """Raises UsageError for what makes no sense together."""
        if not (self.pattern or self.compare or self.command):
            raise UsageError("nothing says what is correct")
        if self.command and (self.pattern or self.compare):
            raise UsageError(
                "--check-command says by itself what is correct",
                hint="leave out --check, --exact and --numeric",
            )
        if not (0 < self.seconds < math.inf and self.memory > 0):
            raise UsageError("the limits of a check are more than 0 seconds and MiB")

    def described(self) -> str:
        """Says in words what is correct."""
        if self.command:
            return f"status 0 of {' '.join(self.command)}"
        taken = f"what {self.pattern!r} takes out" if self.pattern else "the output"
        if self.compare is None:
            return f"{self.pattern!r} is found"
        how = "is the prompt's answer" if self.compare == "exact" else "ends in the prompt's number"
        return f"{taken} {how}"


class Checker:
    """Checks outputs; a context manager, which owns a folder that commands get as their home.

    Attributes:
        slow: texts at which a pattern or a command was ended.
    """

    def __init__(self, settings: CheckSettings) -> None:
        """Tries what it needs. Raises UsageError for a bad pattern, and for a program that is not there."""
        self.settings = settings
        self.slow = 0
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._home = tempfile.TemporaryDirectory(prefix="bftui-check-")
        self._processes = _PROCESSES + _tasks_of_user()
        try:
            if settings.pattern:
                self._matched([])
            path = self._environment()["PATH"]
            if settings.command and shutil.which(settings.command[0], path=path) is None:
                raise UsageError(f"--check-command: there is no program {settings.command[0]!r}")
        except BaseException:
            self._home.cleanup()
            raise

    def __enter__(self) -> Checker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What a command left behind may not be ours to remove.
        with suppress(OSError):
            self._home.cleanup()

    def cancel(self) -> None:
        """Has a check that runs, and any later one, raise Cancelled; from any thread."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                _end(self._child)

    def check(self, texts: Sequence[str], expected: str | None) -> list[Verdict]:
        """Checks the outputs of one prompt, whose answer is `expected`. Raises Cancelled, UsageError."""
        settings = self.settings
        if settings.command:
            return [Verdict(self._accepts(text)) for text in texts]
        if not settings.pattern:
            return [self._compared(text, expected) for text in texts]
        found = self._matched(texts)
        if settings.compare is None:
            return [
                Verdict(None) if each is None else Verdict(each["found"], each["answer"])
                for each in found
            ]
        return [
            Verdict(None)
            if each is None
            else self._compared(each["answer"], expected, taken=each["found"])
            for each in found
        ]

    def _compared(self, answer: str | None, expected: str | None, *, taken: bool = True) -> Verdict:
        form = last_number if self.settings.compare == "numeric" else str.strip
        given = form(answer) if taken and answer is not None else None
        wanted = None if expected is None else form(expected)
        return Verdict(None if wanted is None else given == wanted, given)

    def _matched(self, texts: Sequence[str]) -> list[dict[str, Any] | None]:
        """What the pattern finds in each text; None where it was ended."""
        found: list[dict[str, Any] | None] = []
        while True:
            rest = texts[len(found) :]
            request = {
                "pattern": self.settings.pattern,
                "texts": rest,
                "seconds": self.settings.seconds,
                "memory": self.settings.memory << 20,
            }
            _, said = self._finished(
                ["match"],
                json.dumps(request).encode(),
                self.settings.seconds * (len(rest) + 1) + _STARTUP_S,
            )
            replies = [json.loads(line) for line in said.split(b"\n")[:-1]]
            if not replies or "bad" in replies[0]:
                why = replies[0]["bad"] if replies else "it did not end"
                raise UsageError("--check is not a regular expression that can be used", why)
            found += replies[1:]
            if len(found) == len(texts):
                return found
            found.append(None)
            self.slow += 1
            if self.slow >= _MOST_SLOW:
                raise UsageError(
                    f"--check was ended at {self.slow} texts",
                    f"it takes more than {self.settings.seconds:g} s or its memory on each",
                    "write it without a repeat inside of a repeat",
                )

    def _accepts(self, text: str) -> bool:
        """Whether the command ends with status 0, within its limits, on this text."""
        settings = self.settings
        limits = (math.ceil(settings.seconds), settings.memory << 20, self._processes)
        status, _ = self._finished(
            ["run", *map(str, limits), *settings.command],
            text.encode(errors="replace"),
            settings.seconds,
            silent=True,
        )
        if status is None or status in _ENDED:
            self.slow += 1
        return status == 0

    def _finished(
        self, arguments: Sequence[str], data: bytes, seconds: float, *, silent: bool = False
    ) -> tuple[int | None, bytes]:
        """Runs the child to its end: its status, None where its time ran out, and what it wrote."""
        with self._lock:
            if self._stopped:
                raise Cancelled("interrupted")
            child = self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_CHILD), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if silent else subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )
        ended = False
        try:
            said, _ = child.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            ended = True
        finally:
            with self._lock:
                # Also where it ended by itself: what it started may go on.
                _end(child)
                self._child = None
        if ended:
            said, _ = child.communicate()
        if self._stopped:
            raise Cancelled("interrupted")
        return None if ended else child.returncode, said or b""

    def _environment(self) -> dict[str, str]:
        """What a child sees of ours: where programs are, the language, and a home that is empty."""
        kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        return {
            **kept,
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": self._home.name,
        }


_ENDED = tuple(-getattr(signal, name) for name in ("SIGXCPU", "SIGKILL") if hasattr(signal, name))
"""How a process ends at a limit of its own."""


def last_number(text: str) -> str | None:
    """Returns the last number of a text in one form, as `42` or `5/2`; None without one.

    Commas between digits are left out; a number of more than 300 characters is none.
    """
    found = _NUMBER.findall(text)
    if not found or len(found[-1]) > _DIGITS:
        return None
    return str(Fraction(found[-1].replace(",", "")))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends a child and all that it started in its session."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()


def _tasks_of_user() -> int:
    """Threads of this user, which the system's limit of processes counts; 0 where nothing tells."""
    count = 0
    with suppress(OSError):
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                    count += sum(1 for _ in (entry / "task").iterdir())
    return count
