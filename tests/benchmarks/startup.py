"""`bftui --help` against a two-command Typer program, and the first frame against a hello-world Textual app.

All run from bytecode, as what is installed does: also where Python is told to write none into this checkout.
"""

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


def surroundings(bytecode: str) -> dict[str, str]:
    """The environment of what is timed; `bytecode` is the folder for it."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "TERM": "xterm-256color"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def help_time(arguments: list[str], env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(arguments, check=True, capture_output=True, env=env)
    return time.perf_counter() - start


def frame_time(arguments: list[str], env: dict[str, str], sign: bytes) -> float:
    """Seconds until `sign` is drawn in a terminal of 120x36."""
    controller, terminal = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
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
        env = surroundings(folder)
        # The first round of each writes the bytecode and does not count.
        ours, theirs = [], []
        for _ in range(rounds + 1):
            theirs.append(help_time([sys.executable, str(typer), "--help"], env))
            ours.append(help_time([sys.executable, "-m", "bftui", "--help"], env))
        report("--help", ours[1:], theirs[1:])
        ours, theirs = [], []
        run = [sys.executable, "-m", "bftui", "run", "--prompt", "Q: Name a fruit.\nA:"]
        for _ in range(rounds + 1):
            theirs.append(frame_time([sys.executable, str(textual)], env, b"first-frame"))
            ours.append(frame_time(run, env, b"loading"))
        report("first frame", ours[1:], theirs[1:])


def report(what: str, ours: list[float], theirs: list[float]) -> None:
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{what}: {statistics.median(ours):.3f} s against {statistics.median(theirs):.3f} s, "
        f"median ratio {ratio:.2f}x (budget 1.5x)"
    )
