"""The workbench as a person uses it: the real program, the practice model, a real terminal."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import bftui
from bftui.session.session import Session
from tests.groups import TORCH
from tests.tables import table
from tests.unit.test_session import same

PROMPT = "Q: Name a fruit.\nA:"


def gone(processes):
    return all(not p.is_running() or p.status() == psutil.STATUS_ZOMBIE for p in processes)


@pytest.mark.parametrize(
    "backend", ["reference", "llama-cpp", pytest.param("transformers", marks=TORCH)]
)
def test_step_force_back_branch_prompt_export_quit(start, tmp_path, backend):
    if backend != "reference":
        pytest.importorskip({"llama-cpp": "llama_cpp"}.get(backend, backend))
    measure_floor(backend)
    trace = tmp_path / "session.json"
    arguments = ("--backend", backend, "--prompt", PROMPT, "--seed", 7, "--response", "off")
    terminal = start(*arguments, "--trace", trace)
    terminal.wait("ready", "candidates")
    workers = terminal.children()
    assert workers
    terminal.press("space", "space", "space")
    journal = wait_for_journal(terminal, tmp_path, 4)
    terminal.press("f")
    terminal.wait("force")
    terminal.press(" Sure", "enter")
    wait_for_journal(terminal, tmp_path, 5)
    terminal.press("left", "left")
    terminal.press("g")
    wait_for_journal(terminal, tmp_path, 6)
    terminal.press("1")
    wait_for_journal(terminal, tmp_path, 7)
    terminal.press("u")
    terminal.press("e")
    terminal.wait_for(trace.exists, what="the exported trace")
    exported = json.loads(trace.read_text())
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()
    terminal.wait_for(lambda: gone(workers), what="the end of the worker")
    document = json.loads(trace.read_text())
    assert same(exported) == same(json.loads(trace.read_text()))
    ops = [action["op"] for action in document["actions"]]
    assert ops == ["step", "step", "step", "force", "back", "back", "greedy", "force", "undo"]
    assert journal.exists()

    with bftui.open_model("practice", backend=backend) as model:
        session = Session(model, PROMPT, seed=7)
        for _ in range(3):
            session.step()
        session.force(" Sure")
        session.back()
        session.back()
        session.greedy()
        session.force(session.model_tree.spaced("Sure"))
        session.undo()
        assert same(session.trace().as_dict()) == same(document)


def measure_floor(backend):
    """Measures the noise floor before a session: a path that it pushes out is read again in another batch."""
    with bftui.open_model("practice", backend=backend) as model:
        model.floor.measure()


def wait_for_journal(terminal, home, count):
    """Waits until the journal holds `count` nodes; returns its path."""
    found = []

    def enough():
        found[:] = list((home / "state" / "bftui" / "sessions").glob("*.jsonl"))
        if not found:
            return False
        records = [json.loads(line) for line in found[0].read_text("utf-8").splitlines()]
        return sum(len(record.get("nodes", [])) for record in records) >= count

    terminal.wait_for(enough, what=f"{count} nodes in the journal")
    return found[0]


def test_record_gives_the_same_trace_as_the_keys(start, tmp_path):
    measure_floor("reference")
    trace = tmp_path / "keys.json"
    arguments = ("--backend", "reference", "--prompt", PROMPT, "--seed", 3, "--response", "off")
    terminal = start(*arguments, "--trace", trace)
    terminal.wait("ready")
    terminal.press("space", "space", "g", "left", "1", "space")
    wait_for_journal(terminal, tmp_path, 6)
    terminal.press("q")
    assert terminal.leave() == 0
    keys = json.loads(trace.read_text())
    actions = tmp_path / "actions.json"
    script = [{"step": 2}, {"greedy": 1}, {"back": 1}, {"force": " Sure"}, {"step": 1}]
    actions.write_text(json.dumps(script))
    command = [sys.executable, "-m", "bftui", "record", "--backend", "reference", "--prompt"]
    command += [PROMPT, "--seed", "3", "--actions", str(actions), "--json"]
    recorded = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert same(recorded) == same(keys)


def test_an_empty_start_offers_prompts_and_an_edited_one_is_used(start, tmp_path):
    trace = tmp_path / "t.json"
    terminal = start("--backend", "reference", "--trace", trace)
    terminal.wait("ready", "Name·a·fruit", "Tell·me·a·story")
    terminal.press("enter")
    wait_for_journal(terminal, tmp_path, 1)
    terminal.press("space")
    wait_for_journal(terminal, tmp_path, 2)
    terminal.press("i")
    terminal.wait("^s start")
    terminal.press("Once upon")
    terminal.wait("Once")
    terminal.press("ctrl+s")
    wait_for_journal(terminal, tmp_path, 3)
    terminal.press("q")
    assert terminal.leave() == 0
    document = json.loads(trace.read_text())
    prompt = document["prompt"]
    assert (prompt["text"], prompt["template"]) == ("Name a fruit.", "page")
    assert prompt["rendered"].endswith(PROMPT)
    assert "Once upon" in document["prompts"][0]["prompt"]["text"]


def test_a_killed_worker_is_a_message_and_the_session_is_saved(start, tmp_path):
    trace = tmp_path / "t.json"
    terminal = start("--backend", "reference", "--prompt", PROMPT, "--trace", trace)
    terminal.wait("ready")
    terminal.press("space", "space")
    wait_for_journal(terminal, tmp_path, 3)
    for worker in terminal.children():
        worker.kill()
    terminal.wait("failed", "SIGKILL")
    terminal.press("space")
    terminal.wait("the model stopped")
    terminal.press("esc", "q")
    assert terminal.leave() == 0
    assert len(json.loads(trace.read_text())["nodes"]) == 3


@pytest.mark.parametrize(
    ("model", "says"),
    [("none.gguf", "does not exist"), ("garbage.gguf", "garbage.gguf")],
)
def test_a_model_that_cannot_be_loaded_is_a_message(start, tmp_path, model, says):
    (tmp_path / "garbage.gguf").write_bytes(os.urandom(4096))
    terminal = start(model)
    terminal.wait("failed", says)
    terminal.press("esc", "q")
    terminal.leave()
    assert terminal.restored()


def test_ctrl_c_stops_work_and_twice_quits_with_130(start, tmp_path):
    slow = table(tmp_path / "slow.json", step_ms=50, eog=[])
    terminal = start(slow, "--prompt", "x")
    terminal.wait("ready")
    workers = terminal.children()
    terminal.press("p")
    wait_for_journal(terminal, tmp_path, 4)
    terminal.press("ctrl+c")
    terminal.wait("ready")
    time.sleep(1.2)
    terminal.press("ctrl+c", "ctrl+c")
    assert terminal.leave() == 130
    assert terminal.restored()
    terminal.wait_for(lambda: gone(workers), what="the end of the worker")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(start, tmp_path, how):
    terminal = start(table(tmp_path / "t.json"), "--prompt", "x")
    terminal.wait("ready")
    workers = terminal.children()
    terminal.process.send_signal(how)
    terminal.leave()
    assert terminal.restored()
    terminal.wait_for(lambda: gone(workers), what="the end of the worker")


def test_a_killed_workbench_leaves_no_process_and_keeps_its_journal(start, tmp_path):
    terminal = start(table(tmp_path / "t.json", eog=[]), "--prompt", "x")
    terminal.wait("ready")
    workers = terminal.children()
    terminal.press("space", "space")
    wait_for_journal(terminal, tmp_path, 3)
    terminal.process.kill()
    terminal.leave()
    terminal.wait_for(lambda: gone(workers), what="the end of the worker")


def test_quitting_does_not_wait_for_a_model_that_hangs(start, tmp_path):
    hangs = table(tmp_path / "t.json", faults=[{"at": 2, "kind": "hang"}], eog=[])
    terminal = start(hangs, "--prompt", "x")
    terminal.wait("ready")
    terminal.press("space")
    terminal.wait("busy")
    terminal.press("q")
    assert terminal.leave(8) == 0


def test_hostile_text_stays_in_its_pane(start, tmp_path):
    hostile = table(
        tmp_path / "t.json",
        tokens=[
            "<s>",
            "</s>",
            "[/b]",
            "\x1b[2J\x1b]0;owned\x07",
            "[@click=app.quit]x",
            "\u202eabc",
            "x",
        ],
        default={"[/b]": 0.3, "\x1b[2J\x1b]0;owned\x07": 0.3, "[@click=app.quit]x": 0.3},
        rules={},
    )
    terminal = start(hostile, "--prompt", "x")
    terminal.wait("ready")
    terminal.press(*["space"] * 6)
    wait_for_journal(terminal, tmp_path, 5)
    terminal.wait("[/b]", "␛[2J")
    assert b"\x1b]0;owned" not in terminal.output
    terminal.press("q")
    assert terminal.leave() == 0


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "xterm"}, {"LC_ALL": "C"}])
def test_poor_terminals(start, tmp_path, environment):
    terminal = start(table(tmp_path / "t.json"), "--prompt", "x", size=(80, 24), **environment)
    terminal.wait("ready")
    terminal.press("space")
    wait_for_journal(terminal, tmp_path, 2)
    terminal.press("q")
    assert terminal.leave() == 0


def test_a_storm_of_resizes(start, tmp_path):
    terminal = start(table(tmp_path / "t.json"), "--prompt", "x")
    terminal.wait("ready")
    for columns, rows in [(80, 24), (20, 5), (1, 1), (200, 60), (61, 17), (120, 36)] * 3:
        terminal.resize(columns, rows)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.press("space")
    terminal.press("q")
    assert terminal.leave() == 0
