"""A session that was killed is there again, and a trace is walked where its model cannot run; with keys only."""

import json
import os
import re
import signal

import pytest

from tests.e2e.terminal import Terminal

PROMPT = "Q: Name a fruit.\nA:"


def without_sum(line):
    """A row without Σp: a trace rounds each candidate, and their sum may differ in the last place that is shown."""
    return re.sub(r" +1?\.\d+ *│$", "", line)


def body(terminal):
    """The screen between status line and notices, but for what the curve remembers of a branch that was left."""
    # What the notice is about was drawn after everything else.
    terminal.press("Z")
    terminal.wait("Z does nothing here")
    found = [line.replace("┄", " ") for line in terminal.screen.display[1:33]]
    terminal.press("esc")
    terminal.wait_for(lambda: "Z does nothing" not in terminal.text)
    return found


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """Replays in a terminal, where no library of models can be imported."""
    for name in ("llama_cpp", "torch", "transformers"):
        folder = tmp_path / "blocked" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"raise ImportError('{name} is blocked')\n")
    started = []

    def start(*arguments):
        terminal = Terminal("replay", *arguments, PYTHONPATH=str(tmp_path / "blocked"))
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.close()


def test_kill_9_then_resume(start):
    terminal = start(
        *("practice", "--backend", "reference", "--response", "off", "--prompt", PROMPT)
    )
    terminal.wait("ready", "28.7", seconds=60)
    terminal.press("1")
    terminal.wait("ready", "▲·Sure▮")
    terminal.press("space", "space", "m")
    terminal.wait("mark this place")
    terminal.press("enter")
    terminal.wait("'a ")
    terminal.press("left", "left", "g", "a")
    terminal.wait("5 nodes", "p, P~, Σp, BF after", "◀")
    terminal.wait_for(lambda: "look-ahead" not in terminal.screen.display[0])
    before = body(terminal)
    children = terminal.children()
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()
    for child in children:
        child.wait(20)

    again = start("--resume")
    again.wait("resumed with", "'a ", "◀", seconds=60)
    assert body(again) == before
    again.press("space")
    again.wait("6 nodes")
    again.press("q")
    assert again.leave() == 0
    assert again.restored()

    last = start("--resume")
    last.wait("resumed with", "'a ", seconds=60)
    last.press("q")
    assert last.leave() == 0


def test_nothing_to_resume_is_one_line(start):
    terminal = start("--resume")
    assert terminal.leave() == 4
    assert "there is no session to resume" in terminal.text


def test_replay_without_any_model_library(start, replay, tmp_path):
    trace = tmp_path / "sure.json"
    terminal = start("practice", "--response", "off", "--prompt", PROMPT, "--trace", trace)
    terminal.wait("ready", "28.7", seconds=60)
    terminal.press("1")
    terminal.wait("▲·Sure▮")
    terminal.press("space", "space", "space")
    terminal.wait("5 nodes", "ready")
    before = body(terminal)
    terminal.press("q")
    assert terminal.leave() == 0
    nodes = json.loads(trace.read_text())["nodes"]

    again = replay(trace, "--speed", "max")
    again.wait("replay 4/4", "a replay: p plays it")
    # The candidates below the screen are not stored, and the footing says so.
    other = [
        now
        for now, then in zip(body(again), before, strict=True)
        if without_sum(now) != without_sum(then)
    ]
    assert len(other) == 1, other
    assert "50 stored" in other[0]
    again.press("space")
    again.wait("replay 0/4", " 1 node · ")
    again.press("p")
    again.wait("replay 4/4", f"{len(nodes)} nodes", "the replay ends here")
    again.press("g")
    again.wait("there is no model to ask")
    again.press("q")
    assert again.leave() == 0
    assert again.restored()


def test_a_session_that_could_not_be_kept_is_exit_code_1(start):
    resource = pytest.importorskip("resource")
    terminal = start("practice", "--backend", "reference", "--response", "off", "--prompt", PROMPT)
    terminal.wait("ready", "28.7", seconds=60)
    terminal.press("space")
    terminal.wait("2 nodes")
    resource.prlimit(terminal.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    terminal.press("space")
    terminal.wait("3 nodes", "the journal cannot be written")
    terminal.press("q")
    assert terminal.leave() == 1
    assert "3 nodes could not be kept" in terminal.text
