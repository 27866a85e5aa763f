"""Runs the command line for tests: in this process, or as the program of its own that a person starts."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bftui import cli
from bftui.catalog import backend_probe
from bftui.model import loaded_model as models
from bftui.ui.actions import action_table
from bftui.workbench import keys

Done = subprocess.CompletedProcess[str]

_MOST_S = 120
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


def bftui_(
    *arguments: object,
    stdin: str | bytes = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    worker: bool = False,
) -> Done:
    """Runs one command line in this process, which is left as it was found.

    Args:
        stdin: what standard input holds.
        env: the whole environment; None takes this one.
        worker: has each model in a child process, as the program does; else it is in this one too.
    """
    data = stdin.encode(errors="surrogateescape") if isinstance(stdin, str) else stdin
    streams = [io.TextIOWrapper(io.BytesIO(each), encoding="utf-8") for each in (data, b"", b"")]
    with _as_it_was(), in_time(), ExitStack() as stack:
        if not worker:
            stack.enter_context(_hosted_here())
        if env is not None:
            os.environ.clear()
            os.environ.update(env)
            tempfile.tempdir = None
        if cwd is not None:
            os.chdir(cwd)
        # With options of its own for warnings the program leaves them as they are: errors.
        sys.warnoptions, sys.argv = ["error"], ["bftui", *map(str, arguments)]
        sys.stdin, sys.stdout, sys.stderr = streams
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
    printed = []
    for stream in streams[1:]:
        stream.flush()
        printed.append(stream.buffer.getvalue().decode())
    assert isinstance(code, int)
    return Done([*map(str, arguments)], code, *printed)


def apart(*arguments: object, **settings: Any) -> Done:
    """Runs one command line as a process of its own; `settings` are those of `subprocess.run`."""
    if "input" not in settings:
        settings["stdin"] = subprocess.DEVNULL
    return subprocess.run(
        [sys.executable, "-m", "bftui", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=_MOST_S,
        **settings,
    )


def fails(code: int, *arguments: object, **settings: Any) -> str:
    """Runs a command that must fail with this code; returns the one line that it says."""
    done = bftui_(*arguments, **settings)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def ran(*arguments: object) -> tuple[int, str, str]:
    """Runs a command: (exit code, what it printed, what it said)."""
    done = bftui_(*arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def interrupted(arguments: list[object], when: bytes, *, seconds: int = _MOST_S) -> tuple[str, str]:
    """Presses ctrl+c as soon as the bar on the terminal says `when`; standard output, and all the terminal showed.

    Fails the test where it never says so, or does not end within so many seconds.
    """
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bftui", *map(str, arguments)], stdout=subprocess.PIPE, stderr=end
    )
    os.close(end)
    shown = b""
    try:
        with in_time(seconds):
            while when not in shown:
                shown += _shown(terminal, shown, when)
            process.send_signal(signal.SIGINT)
            # Read on to the end: a terminal that nobody reads would hold the program up.
            with suppress(OSError):
                while data := os.read(terminal, 1000):
                    shown += data
            output, _ = process.communicate()
    finally:
        # Where it failed, nothing of it stays.
        process.kill()
        process.wait()
        os.close(terminal)
    assert process.returncode == 130
    return output.decode(), shown.decode()


def _shown(terminal: int, before: bytes, when: bytes) -> bytes:
    """What a program writes next on its terminal; fails the test where it ended before it wrote `when`."""
    try:
        data = os.read(terminal, 1000)
    except OSError:
        data = b""
    if not data:
        pytest.fail(f"it ended and never said {when!r}:\n{before.decode(errors='replace')}")
    return data


def ask_only(patch: pytest.MonkeyPatch, *asked: str) -> None:
    """Has `doctor` ask these backends alone for their libraries: importing those of all takes seconds."""
    probe = backend_probe.probe

    def answer(backend: str) -> backend_probe.ProbeReport:
        return probe(backend) if backend in asked else backend_probe.ProbeReport("not asked")

    patch.setattr(backend_probe, "probe", answer)


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Takes back with the block what a program may change in its own process."""
    environment, folder, argv = dict(os.environ), os.getcwd(), sys.argv
    streams, options = (sys.stdin, sys.stdout, sys.stderr), sys.warnoptions
    collecting, thresholds, keymap = gc.isenabled(), gc.get_threshold(), keys.in_force()
    if not keymap.keys:
        # The first command that needs the table of actions has its keys in force from then on.
        keymap = action_table.USUAL
    temporary = tempfile.tempdir
    handlers = [signal.getsignal(each) for each in _SIGNALS]
    try:
        with warnings.catch_warnings():
            yield
        # A command takes its own handlers back: that is what it is held to.
        assert [signal.getsignal(each) for each in _SIGNALS] == handlers
        assert gc.isenabled() == collecting
    finally:
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        tempfile.tempdir = temporary
        sys.stdin, sys.stdout, sys.stderr = streams
        sys.argv, sys.warnoptions = argv, options
        gc.set_threshold(*thresholds)
        keys.use(keymap)


@contextmanager
def in_time(seconds: int = _MOST_S) -> Iterator[None]:
    """Fails the test where the block does not end."""

    def late(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _hosted_here() -> Iterator[None]:
    """Has commands open their models as notebooks do: in this process."""
    opened = models.open_model

    def open_here(model: str, *, worker: bool, **options: Any) -> models.Model:
        return opened(model, **options)

    models.open_model = open_here
    try:
        yield
    finally:
        models.open_model = opened
