"""Terminals that are small, poor, in another encoding, or none at all: the real program in a real one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.terminal import Terminal
from tests.tables import table

PROMPT = "Q: Name a fruit.\nA:"


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_be_drawn_on_is_told_of_lines_of_text(start, term):
    terminal = start(TERM=term)
    assert terminal.leave() == 2
    said = terminal.output.decode()
    assert said.count("\n") == 1
    assert (f"TERM is {term}" if term else "TERM is not set") in said
    assert "bftui run --plain" in said


def test_without_a_terminal_it_says_which_stream_is_none(orchard, tmp_path):
    command = [sys.executable, "-m", "bftui", "run", orchard]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    settings = {"capture_output": True, "text": True, "env": environment}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, **settings)
    assert done.returncode == 2
    assert "standard input is not one" in done.stderr
    controller, terminal = os.openpty()
    done = subprocess.run(command, stdin=terminal, **settings)
    assert done.returncode == 2
    assert "standard output is not one" in done.stderr
    os.close(controller)
    os.close(terminal)


def test_messages_may_go_to_a_file(start, orchard, tmp_path):
    log = tmp_path / "messages"
    terminal = start(orchard, "--prompt", "x", stderr=log)
    terminal.wait("ready", "candidates")
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()
    assert b"kept in" in terminal.output
    assert log.read_bytes() == b""


def test_where_bytes_are_ascii_signs_have_stand_ins(start, orchard, tmp_path):
    (tmp_path / "prompt.txt").write_text("é 日")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    terminal = start(orchard, "--prompt-file", "prompt.txt", "--words", "Sure", **locale)
    terminal.wait("ready", "candidates", ".Sure")
    terminal.press("1")
    terminal.wait("1 token ")
    assert "e.??" in terminal.text
    assert "+-" in terminal.text
    assert terminal.output.isascii()
    terminal.press("q")
    assert terminal.leave() == 0


def test_a_locale_that_says_nothing_is_drawn_in_utf8(start, orchard):
    terminal = start(orchard, "--prompt", "x", LANG="C", LC_ALL="")
    terminal.wait("ready", "│")
    terminal.press("q")
    assert terminal.leave() == 0


def test_a_storm_of_sizes_ends_in_a_whole_screen(start, orchard):
    terminal = start(orchard, "--prompt", PROMPT, "--response", "off")
    terminal.wait("ready")
    terminal.press("p")
    chance = random.Random(1)
    corners = [(1, 1), (500, 200), (1, 60), (200, 1), (59, 16), (60, 15), (60, 16)]
    for size in corners + [(chance.randint(1, 300), chance.randint(1, 100)) for _ in range(60)]:
        # The emulator would need each size in its moment; what it drew meanwhile is thrown away.
        terminal.signal_size(*size)
    terminal.press("p")
    terminal.signal_size(100, 30)
    time.sleep(0.5)
    terminal.resize(120, 36)
    terminal.wait("candidates", "tree", "quit")
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()


def test_too_small_says_so_and_comes_back(start, orchard):
    terminal = start(orchard, "--prompt", "x", size=(50, 10))
    terminal.wait("50×10 is too small", "q quits")
    terminal.resize(80, 24)
    terminal.wait("ready", "candidates")
    terminal.press("q")
    assert terminal.leave() == 0


def test_while_it_ends_nothing_draws_a_screen_again(start, orchard):
    terminal = start(orchard, "--prompt", "x")
    terminal.wait("ready", "candidates")
    terminal.press("?")
    terminal.wait("esc closes")
    terminal.press("q")
    terminal.wait_for(lambda: terminal.restored_screen, what="the main screen")
    # As ctrl+z and `fg` of a shell do, at every moment of its end; not for ever, since a slow machine comes no further.
    for _ in range(300):
        if terminal.process.poll() is not None:
            break
        for number in (signal.SIGTSTP, signal.SIGCONT):
            os.kill(terminal.process.pid, number)
            time.sleep(0.005)
    assert terminal.leave() == 0
    assert terminal.restored()
    assert b"kept in" in terminal.output


def test_it_is_suspended_and_comes_back(start, orchard):
    terminal = start(orchard, "--prompt", PROMPT, "--response", "off")
    terminal.wait("ready", "candidates")
    terminal.press("\x1a")
    process = psutil.Process(terminal.process.pid)
    terminal.wait_for(lambda: process.status() == psutil.STATUS_STOPPED, what="the suspension")
    terminal.wait_for(lambda: terminal.restored_screen, what="the main screen")
    os.kill(terminal.process.pid, signal.SIGCONT)
    terminal.wait_for(lambda: not terminal.restored_screen, what="the workbench's screen")
    terminal.press("g")
    terminal.wait("1 token ")
    terminal.press("q")
    assert terminal.leave() == 0


def test_a_slow_line_is_spared(start, tmp_path):
    """The same two seconds of playing: fewer bytes, and four frames a second at most. Prints the figures."""
    model = table(tmp_path / "long.json", default={" a": 0.4, " the": 0.4})
    sent = {}
    for flag in ("--no-low-bandwidth", "--low-bandwidth"):
        terminal = start(model, "--prompt", PROMPT, "--response", "off", flag)
        terminal.wait("ready")
        terminal.press("=", "=", "p")
        terminal.wait("pause")
        before, since = len(terminal.output), time.monotonic()
        time.sleep(2)
        drawn, seconds = terminal.output[before:], time.monotonic() - since
        sent[flag] = (len(drawn), drawn.count(b"ctx "))
        terminal.press("q")
        assert terminal.leave() == 0
    print(f"bytes and frames in two seconds of playing at 50 tokens a second: {sent}")
    assert 0 < sent["--low-bandwidth"][0] < sent["--no-low-bandwidth"][0]
    assert 0 < sent["--low-bandwidth"][1] <= 4 * seconds + 2


# Lines of text ----------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path, orchard, monkeypatch):
    """`bftui run --plain` in a terminal that nothing can be drawn on."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    started = []

    def start(*arguments):
        terminal = Terminal("run", "--plain", *arguments, cwd=tmp_path, TERM="dumb")
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.close()


def test_lines_of_text_need_no_cursor(plain, orchard):
    terminal = plain(orchard, "--prompt", PROMPT)
    terminal.wait("Node 0", ">")
    for line in ("sample", "force  Sure", "nonsense", "quit"):
        terminal.press(f"{line}\r")
    assert terminal.leave() == 0
    assert b"\x1b" not in terminal.output
    assert b'forced " Sure"' in terminal.output
    assert b"there is no command 'nonsense'" in terminal.output
    assert b"3 nodes kept in" in terminal.output


def test_ctrl_c_stops_work_and_twice_quits(plain, tmp_path):
    slow = table(tmp_path / "slow.json", step_ms=20)
    terminal = plain(slow, "--prompt", PROMPT)
    terminal.wait("Node 0", ">")
    terminal.press("rollouts 1000 100\r")
    terminal.wait("%")
    terminal.press("ctrl+c")
    terminal.wait("stopped; what was found by then")
    time.sleep(1.1)
    terminal.press("where\r")
    terminal.wait_for(lambda: terminal.output.count(b"Node 0") == 2, what="the place")
    terminal.press("ctrl+c")
    terminal.wait("ctrl+c again quits")
    terminal.press("ctrl+c")
    assert terminal.leave() == 130
    assert b"kept in" in terminal.output
