"""The workbench as a program in a real pseudo-terminal: how it ends, what it leaves behind, what it writes where."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyte
import pytest

_START = """
import os, sys
from pathlib import Path
from bftui.model.prompt import Prompt
from bftui.ui.app import run
from bftui.workbench.settings import WorkbenchSettings
model, trace = sys.argv[1:3]
code = run(WorkbenchSettings(model=model, prompt=Prompt("A:"), trace=Path(trace) if trace else None))
print("left", file=sys.stderr)
sys.exit(code)
"""
_SIZE = (24, 80)


class Terminal:
    """A program in a pseudo-terminal, and the screen that it draws."""

    def __init__(self, model: str, trace: str = "") -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, _SIZE)
        self.before = termios.tcgetattr(slave)
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, model, trace],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**environment, "TERM": "xterm-256color"},
        )
        self.slave = slave
        self.bytes = b""
        self.screen = pyte.Screen(_SIZE[1], _SIZE[0])
        self._stream = pyte.ByteStream(self.screen)

    def read(self, seconds: float) -> None:
        """Takes in what is drawn, until it is quiet for a moment."""
        if select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 1 << 16)
            self.bytes += data
            # pyte does not know the private modes with a `<`, `>` or `=`.
            self._stream.feed(data.replace(b"\x1b[>1u", b"").replace(b"\x1b[<u", b""))

    def until(self, text: str, seconds: float = 20.0) -> None:
        """Waits until the screen shows a text."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(text in line for line in self.screen.display):
                return
            self.read(0.05)
        raise AssertionError("\n".join(self.screen.display))

    def keys(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ends(self) -> int:
        """Waits for the end; the exit status."""
        end = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.1)
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def started(fruit: str, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(fruit, str(tmp_path / "trace.json"))
    terminal.until("ready")
    yield terminal
    terminal.close()


def _restored(terminal: Terminal) -> bool:
    return b"\x1b[?1049l" in terminal.bytes and termios.tcgetattr(terminal.slave) == terminal.before


def test_it_steps_quits_and_leaves_nothing_but_the_trace(started: Terminal, tmp_path: Path) -> None:
    (worker,) = psutil.Process(started.process.pid).children()
    started.keys("g")
    started.until("1 token ")
    started.keys("q")
    assert started.ends() == 0
    assert _restored(started)
    assert started.bytes.rstrip().endswith(b"left")
    assert len(json.loads((tmp_path / "trace.json").read_text())["nodes"]) == 2
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_ctrl_c_twice_is_an_interruption(started: Terminal) -> None:
    started.keys("\x03")
    started.until("ctrl+c again quits")
    started.keys("\x03")
    assert started.ends() == 130
    assert _restored(started)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_it_in_order(started: Terminal, number: signal.Signals, tmp_path: Path) -> None:
    os.kill(started.process.pid, number)
    assert started.ends() == 130
    assert _restored(started)
    assert (tmp_path / "trace.json").exists()


def test_nothing_of_a_model_is_imported_before_the_first_frame() -> None:
    code = (
        "import sys; import bftui.ui.app; from bftui.workbench.settings import WorkbenchSettings;"
        "bftui.ui.app.WorkbenchApp(WorkbenchSettings());"
        "print([m for m in ('numpy', 'llama_cpp', 'torch', 'transformers', 'gguf', 'tokenizers',"
        " 'bftui.session.session', 'bftui.backends.client.worker_client') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
