"""`bftui run --plain`: the workbench's session on lines of text, with no cursor control.

For screen readers, terminals that cannot be drawn on, logs and pipes. A line is a command, answers are sentences.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from bftui.cli.plain.plain_commands import Left, do
from bftui.cli.plain.plain_sentences import say_aside
from bftui.cli.plain.plain_session import Plain
from bftui.cli.shared.interrupt import Interruption
from bftui.cli.shared.progress_bars import Bar
from bftui.core.errors import BftuiError, Cancelled
from bftui.core.job import duration

if TYPE_CHECKING:
    from bftui.workbench.settings import WorkbenchSettings

_TWICE_S = 1.0
_EVERY_S = 5.0


class _Quit(Exception):
    """ctrl+c was pressed twice."""


class _Keyboard(Interruption):
    """ctrl+c: stops what runs; the second within a second ends the program in order, another one at once."""

    def __init__(self) -> None:
        super().__init__()
        self.working = False
        self.quitting = False
        self._pressed = -_TWICE_S

    def pressed(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal."""
        now = time.monotonic()
        twice = now - self._pressed < _TWICE_S
        self._pressed = now
        if self.quitting:
            os._exit(Cancelled.exit_code)
        self.quitting = twice
        if self.working:
            # An exception raised here could leave a model's pipe in the middle of a message.
            self.request()
        elif twice:
            raise _Quit
        else:
            raise KeyboardInterrupt

    @contextmanager
    def work(self) -> Iterator[None]:
        """A block that ctrl+c stops; raises `_Quit` after it when it was pressed twice."""
        self.requested, self.working = False, True
        try:
            yield
        finally:
            self.working = False
        if self.quitting:
            raise _Quit


class _Spoken(Bar):
    """Progress as a line from time to time, where somebody waits for it."""

    def __init__(self, interruption: Interruption) -> None:
        super().__init__(interruption)
        self._told = time.monotonic()

    def __call__(self, share: float | None, text: str, left: float | None = None) -> bool:
        now = time.monotonic()
        if now - self._told > _EVERY_S and sys.stderr.isatty():
            self._told = now
            time_left = "" if left is None else f", {duration(left)} left"
            say_aside(text if share is None else f"{text}: {share:.0%}{time_left}")
        return super().__call__(share, text, left)


def run_plain(settings: WorkbenchSettings) -> int:
    """Reads commands until the input ends; the exit code of the command line.

    A failed command says so in one line, and the next one is read. Where the input is not a terminal, the exit code
    is that of the first command that failed. Raises what opening the model and the session raises.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    keyboard = _Keyboard()
    before = signal.signal(signal.SIGINT, keyboard.pressed)
    try:
        with keyboard.listening():
            return _run(settings, keyboard)
    finally:
        signal.signal(signal.SIGINT, before)


def _run(settings: WorkbenchSettings, keyboard: _Keyboard) -> int:
    show = _Spoken(keyboard)
    interactive = sys.stdin.isatty()
    if interactive:
        say_aside(f"opening {settings.model}")
    plain = Plain(settings, keyboard, show)
    try:
        code = _begin(plain, keyboard) or _loop(plain, keyboard, interactive)
    except BaseException:
        plain.workbench.close()
        raise
    unsaved = plain.leave()
    return code or unsaved


def _begin(plain: Plain, keyboard: _Keyboard) -> int:
    """Opens the model and the session that is asked for, if one is; the exit code of an interruption, or 0."""
    try:
        with keyboard.work():
            plain.begin()
    except _Quit:
        if plain.workbench.now.model is None:
            raise Cancelled("interrupted") from None
        return Cancelled.exit_code
    return 0


def _loop(plain: Plain, keyboard: _Keyboard, interactive: bool) -> int:
    first_failure = 0
    while True:
        try:
            line = _line(interactive)
            if line is None:
                return first_failure
            with keyboard.work():
                try:
                    do(plain, line)
                except BftuiError as error:
                    again = (
                        ""
                        if plain.workbench.model.crash is None
                        else "; reload opens the model again"
                    )
                    say_aside(error.line() + again)
                    if not interactive:
                        first_failure = first_failure or error.exit_code
        except Left:
            return first_failure
        except _Quit:
            return Cancelled.exit_code
        sys.stdout.flush()


def _line(interactive: bool) -> str | None:
    """The next line; None at the end of the input."""
    while True:
        if interactive:
            sys.stdout.write("> ")
            sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            say_aside("ctrl+c again quits")
            continue
        if not line and interactive:
            sys.stdout.write("\n")
        return line or None
