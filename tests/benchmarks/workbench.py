"""The workbench in a real terminal of 120x36: keys while it generates, what playing costs the model, idling, frames.

The model has 56 M parameters and 32,000 tokens and runs in llama.cpp with all cores, as it does for a person.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import psutil

import bftui
from bftui.core.sampler import Sampler
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.trace.journal import Journal
from bftui.ui.app import WorkbenchApp
from bftui.ui.panes.pane import Pane
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Status
from tests.benchmarks.big_model import big_model

N_CTX = 2048
PROMPT = "The river rises in the hills, and by the time it meets the town it is wide."
NODES = 10_000
PATH = 1_600
"""Tokens of one branch of the large tree: some room is left to play in."""
PLAY_S = 6.0
ROUNDS = 5
KEYS = 60
IDLE_S = 20.0


class Screen:
    """`bftui run` in a pty; what it draws is kept with its time and not interpreted, which would cost a core."""

    def __init__(self, *arguments: str, state: str) -> None:
        self._controller, terminal = pty.openpty()
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": state}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bftui", "run", *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=env,
            start_new_session=True,
        )
        os.close(terminal)
        self.drawn: list[tuple[float, bytes]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._controller, 65536)
            except OSError:
                return
            if not data:
                return
            self.drawn.append((time.perf_counter(), data))

    def press(self, keys: str) -> float:
        """Types; when."""
        now = time.perf_counter()
        os.write(self._controller, keys.encode())
        return now

    def when(self, sign: bytes, since: int, seconds: float = 60.0) -> float:
        """When a sign was drawn, in what came after the first `since` pieces."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            seen = b""
            for at, data in self.drawn[since:]:
                seen = seen[-200:] + data
                if sign in seen:
                    return at
            time.sleep(0.001)
        raise TimeoutError(f"{sign!r} was never drawn: {self.drawn[-1:]}")

    def quit(self) -> None:
        self.press("q")
        self.process.wait(30)


def keys_while_it_generates(model: str, folder: str) -> None:
    """From `H`, which redraws the curve in another unit, to the bytes that say so."""
    trace = Path(folder) / "large.json"
    chance = random.Random(0)
    with bftui.open_model(model, backend="llama-cpp", ctx=N_CTX) as opened:
        session = Session(opened, PROMPT, ignore_eos=True)
        while len(session.tree) < NODES:
            session.goto(0)
            session.force(ids=[chance.randrange(300, 30_000) for _ in range(PATH)])
        session.goto(session.tree.path(session.cursor)[20])
        session.trace().save(trace)
    screen = Screen("--resume-from", str(trace), "--response", "off", state=folder)
    screen.when(b"resumed", 0)
    time.sleep(1)
    screen.press("======p")
    time.sleep(2)
    times = []
    for turn in range(KEYS):
        time.sleep(0.1 + chance.random() * 0.05)
        since = len(screen.drawn)
        start = screen.press("H")
        times.append((screen.when(b"entropy" if turn % 2 == 0 else b"log", since) - start) * 1e3)
    screen.press("p")
    time.sleep(0.5)
    screen.quit()
    times.sort()
    print(
        f"key to frame at {NODES:,} nodes, while it generates: median {statistics.median(times):.0f} ms, "
        f"p95 {times[int(len(times) * 0.95)]:.0f} ms (budget 50)"
    )


def _played(model: str, folder: str) -> float:
    """Tokens a second of the workbench while it plays as fast as it goes."""
    arguments = ("--backend", "llama-cpp", "--ctx", str(N_CTX), "--prompt", PROMPT)
    screen = Screen(model, *arguments, "--response", "off", state=folder)
    screen.when(b"nats", 0)
    time.sleep(1)
    sessions = Path(folder) / "bftui" / "sessions"
    screen.press("======p")
    time.sleep(1)
    before, start = _lines(sessions), time.perf_counter()
    time.sleep(PLAY_S)
    after, end = _lines(sessions), time.perf_counter()
    screen.press("p")
    screen.quit()
    return (after - before) / (end - start)


def _lines(sessions: Path) -> int:
    """Records of the journal that is being written: one a token."""
    return max(path.read_bytes().count(b"\n") for path in sessions.glob("*.jsonl"))


def _stepped(model: str, folder: str) -> float:
    """Tokens a second of the same session through its worker, with a journal and without a screen."""
    options = {"backend": "llama-cpp", "ctx": N_CTX}
    with bftui.open_model(model, worker=True, **options) as opened:
        journal = Journal(Path(folder))
        session = Session(opened, PROMPT, ignore_eos=True, journal=journal)
        for _ in range(8):
            session.step()
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + PLAY_S:
            session.step()
            count += 1
        speed = count / (time.perf_counter() - start)
        journal.close()
    return speed


def playing(model: str) -> None:
    """The two in turn."""
    shares, speeds = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            stepped, played = _stepped(model, folder + "/a"), _played(model, folder)
        shares.append(1 - played / stepped)
        speeds.append((played, stepped))
    middle = statistics.median(shares)
    print(
        f"playing: {statistics.median(p for p, _ in speeds):.0f} tokens a second on the screen, "
        f"{statistics.median(s for _, s in speeds):.0f} without one: costs {middle:.1%} "
        f"[{min(shares):.1%}, {max(shares):.1%}] (budget 15 %)"
    )


def idling(folder: str) -> None:
    """How often the processes of a workbench wake up when nobody does anything."""
    for partner in ((), ("--partner", "practice-aligned")):
        arguments = ("practice", "--prompt", "Q: Name a fruit.\nA:", "--response", "off", *partner)
        screen = Screen(*arguments, state=folder)
        screen.when(b"ready", 0)
        time.sleep(6)
        program = psutil.Process(screen.process.pid)
        family = [program, *program.children(recursive=True)]
        before, drawn = sum(_switches(p) for p in family), len(screen.drawn)
        cpu = sum(sum(p.cpu_times()[:2]) for p in family)
        time.sleep(IDLE_S)
        woken = sum(_switches(p) for p in family) - before
        cpu = sum(sum(p.cpu_times()[:2]) for p in family) - cpu
        drawn = len(screen.drawn) - drawn
        screen.quit()
        what = "with a partner" if partner else "alone"
        print(
            f"idle for {IDLE_S:.0f} s, {what}: {woken} wake-ups of {len(family)} processes, "
            f"{cpu * 1e3:.0f} ms of processor, {drawn} writes to the terminal"
        )


def _switches(process: psutil.Process) -> int:
    """Voluntary context switches of all its threads."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        status = (task / "status").read_text()
        total += int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return total


async def frames() -> None:
    """Every pane drawn again from nothing, at 120x36, on a path with branches."""
    settings = WorkbenchSettings(
        backend="reference",
        prompt=Prompt("Tell me a story.", template="page"),
        sampler=Sampler(seed=3),
        response="off",
    )
    app = WorkbenchApp(settings)
    async with app.run_test(size=(120, 36)) as pilot:

        async def rest() -> None:
            while app.workbench.now.status is not Status.READY or app.workbench.working:
                await asyncio.sleep(0.01)
            await pilot.pause()

        await rest()
        for key in [*["space"] * 60, *["left"] * 30, "1", *["space"] * 40]:
            await pilot.press(key)
            await rest()
        bench = app.bench
        for widget in (bench.status, *bench.panes, bench.key_line):
            times = []
            for _ in range(40):
                if isinstance(widget, Pane):
                    widget.redraw()
                    widget.use(widget.palette)
                start = time.perf_counter()
                for line in range(widget.size.height):
                    widget.render_line(line)
                times.append((time.perf_counter() - start) * 1e3)
            times.sort()
            print(
                f"frame of {type(widget).__name__}: median {statistics.median(times):.2f} ms, "
                f"p95 {times[int(len(times) * 0.95)]:.2f} ms (budget 10)"
            )
        times = []
        for _ in range(20):
            start = time.perf_counter()
            bench.frame()
            times.append((time.perf_counter() - start) * 1e3)
        print(f"nothing new, all panes asked: {statistics.median(times):.2f} ms")
    app.workbench.close()


def main() -> None:
    asyncio.run(frames())
    with tempfile.TemporaryDirectory() as folder:
        idling(folder)
    with big_model() as path, tempfile.TemporaryDirectory() as folder:
        keys_while_it_generates(str(path), folder)
        playing(str(path))
