"""`bftui --help` against a two-command Typer program, and the first frame against a hello-world Textual app."""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TYPER = """
import typer
app = typer.Typer()
@app.command()
def one(name: str = "x"): "Say one."
@app.command()
def two(name: str = "x"): "Say two."
app()
"""

TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("first-frame")
Hello().run()
"""


def help_time(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(arguments, check=True, capture_output=True)
    return time.perf_counter() - start


def frame_time(arguments: list[str], sign: bytes) -> float:
    """Seconds until `sign` is drawn in a terminal of 120x36."""
    controller, terminal = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color"}
    start = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True
    )
    seen = b""
    while sign not in seen:
        seen += os.read(controller, 65536)
    elapsed = time.perf_counter() - start
    process.kill()
    process.wait()
    os.close(controller)
    os.close(terminal)
    return elapsed


def main(rounds: int = 9) -> None:
    with tempfile.TemporaryDirectory() as folder:
        typer, textual = Path(folder) / "small_typer.py", Path(folder) / "small_textual.py"
        typer.write_text(TYPER)
        textual.write_text(TEXTUAL)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(help_time([sys.executable, str(typer), "--help"]))
            ours.append(help_time([sys.executable, "-m", "bftui", "--help"]))
        report("--help", ours, theirs)
        ours, theirs = [], []
        run = [sys.executable, "-m", "bftui", "run", "--prompt", "Q: Name a fruit.\nA:"]
        for _ in range(rounds):
            theirs.append(frame_time([sys.executable, str(textual)], b"first-frame"))
            ours.append(frame_time(run, b"loading"))
        report("first frame", ours, theirs)


def report(what: str, ours: list[float], theirs: list[float]) -> None:
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{what}: {statistics.median(ours):.3f} s against {statistics.median(theirs):.3f} s, "
        f"median ratio {ratio:.2f}x (budget 1.5x)"
    )
