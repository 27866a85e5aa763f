"""Workbenches in real terminals, killed with SIGKILL at random moments while they generate.

`BFTUI_KILLS` sets how many (200). Every token that was on the screen must be in the journal, and no process left.
"""

from __future__ import annotations

import os
import random
import re
import signal
import tempfile
import time
from pathlib import Path

import psutil

from bftui.session.records.resume import read_saved
from bftui.trace.journals import latest
from tests.e2e.terminal import Terminal

KILLS = int(os.environ.get("BFTUI_KILLS", "200"))
PROMPT = "Q: Name a fruit.\nA:"
_PATIENCE_S = 20.0
_COUNT = re.compile(r"([\d,]+) nodes? ")


def shown(terminal: Terminal) -> int:
    """Nodes that the tree's footing counts; 0 where it is not drawn."""
    found = _COUNT.search(terminal.text)
    return int(found[1].replace(",", "")) if found else 0


def killed(chance: random.Random, state: str) -> tuple[int, int]:
    """One workbench: generates, branches and forces until it is killed; nodes on the screen, processes left."""
    arguments = ("run", "practice", "--backend", "reference", "--response", "off")
    terminal = Terminal(*arguments, "--prompt", PROMPT, XDG_STATE_HOME=state)
    try:
        terminal.wait("ready", "BF", seconds=60)
        terminal.press(*"======")
        end = time.monotonic() + chance.random() * 2
        while time.monotonic() < end:
            terminal.press(chance.choice(["p", "space", "g", "1", "left", "left", "m", "enter"]))
            time.sleep(chance.random() * 0.1)
        children = terminal.children()
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait()
        _, left = psutil.wait_procs(children, _PATIENCE_S)
        time.sleep(0.05)
        return shown(terminal), len(left)
    finally:
        terminal.close()


def main() -> None:
    chance = random.Random(0)
    lost = left = nodes = cut = 0
    for number in range(KILLS):
        with tempfile.TemporaryDirectory() as state:
            seen, alive = killed(chance, state)
            saved = read_saved(latest(Path(state) / "bftui" / "sessions"))
        kept = len(saved.player.state.tree)
        nodes += seen
        left += alive
        cut += saved.cut
        if kept < seen:
            lost += 1
            print(f"  kill {number}: {seen} nodes on the screen, {kept} in the journal")
    print(
        f"{KILLS} workbenches killed: {nodes} nodes were on their screens, {lost} journals lack one, "
        f"{cut} records cut short, {left} processes left"
    )
