"""The worker process: the same numbers as in process, cancel, priorities, and every way to die."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

import bftui
from bftui.backends.client.worker_client import WorkerClient
from bftui.core.errors import BackendCrashed, BftuiError, Cancelled, ModelLoadError
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.session.session import Session
from tests.tables import table
from tests.unit.test_session import same


def opened(path, **changes):
    return bftui.open_model(table(path / "t.json", **changes), worker=True)


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def play(session):
    session.force(" Sure Here")
    for _ in range(4):
        if not session.ended:
            session.step()
    session.back(2)
    session.greedy()
    session.set_sampler(top_p=0.5)
    session.step()
    session.set_prompt("again")
    session.step()
    return same(session.trace().as_dict())


def test_the_same_trace_as_in_process(tmp_path):
    with opened(tmp_path) as far, bftui.open_model(table(tmp_path / "t.json")) as near:
        assert far.info == near.info
        assert play(Session(far, "x", seed=5)) == play(Session(near, "x", seed=5))


def test_two_sessions_on_one_worker_do_not_mix(tmp_path):
    with opened(tmp_path, eog=[]) as model:
        one, other = Session(model, "x", seed=1), Session(model, "y", seed=2)
        for _ in range(3):
            one.step()
            other.step()
        alone = Session(model, "y", seed=2)
        for _ in range(3):
            alone.step()
        assert same(other.trace().as_dict()) == same(alone.trace().as_dict())


def test_pages_cover_the_vocabulary_and_search_it(tmp_path):
    with opened(tmp_path) as model:
        session = Session(model, "x")
        client, number = model.client, session.model_tree.number
        page = client.page(number, 0, session.sampler, 0, 10**6, "")
        assert page.total == len(page.rows) == model.info.n_vocab
        assert [row.rank for row in page.rows] == list(range(1, page.total + 1))
        assert sum(row.kept for row in page.rows) == session.node.next.kept
        assert np.exp([row.logprob for row in page.rows]).sum() == pytest.approx(1)
        part = client.page(number, 0, session.sampler, 20, 30, "")
        assert part.rows == page.rows[20:30]
        found = client.page(number, 0, session.sampler, 0, 50, "·FRUIT")
        assert [model.token_bytes(row.token_id) for row in found.rows] == [b" fruit"]
        assert found.total == 1


def test_lookahead_equals_steps(tmp_path):
    with opened(tmp_path) as model:
        session = Session(model, "x", top_p=0.7)
        ids = [int(i) for i in session.node.next.top_ids[:15]]
        after = dict(model.client.lookahead(session.model_tree.number, 0, ids, session.sampler))
        assert set(after) == set(ids)
        for token_id in ids:
            node = session.force(ids=[token_id])
            session.back()
            if node.next is None:
                assert after[token_id] is None
            else:
                assert after[token_id].bf == pytest.approx(node.next.bf, abs=1e-12)


def test_foreground_work_goes_before_background_work(tmp_path):
    with opened(tmp_path, step_ms=60, eog=[]) as model:
        session = Session(model, "x")
        done = []
        ids = list(range(2, 162))
        stream = model.client.lookahead(session.model_tree.number, 0, ids, session.sampler)
        started = threading.Event()

        def collect():
            for item in stream:
                started.set()
                done.append(item)

        background = threading.Thread(target=collect)
        background.start()
        assert started.wait(10)
        session.step()
        early = len(done)
        background.join(20)
        assert len(done) == len(ids)
        assert early < len(ids) / 2, "the step waited for the look-ahead"


def test_a_stream_that_is_left_ends_in_the_worker_too(tmp_path):
    with opened(tmp_path, step_ms=20, eog=[]) as model:
        session = Session(model, "x")
        stream = model.client.lookahead(
            session.model_tree.number, 0, list(range(2, 200)), session.sampler
        )
        next(stream)
        stream.close()
        time.sleep(0.1)
        before = model.client.evaluated()
        time.sleep(0.2)
        assert before < 100
        assert model.client.evaluated() == before


def test_cancel_overtakes_the_work_it_cancels(tmp_path):
    with opened(tmp_path, faults=[{"at": 2, "kind": "hang"}], eog=[]) as model:
        session = Session(model, "x")
        threading.Timer(0.2, model.client.cancel).start()
        with pytest.raises(Cancelled):
            session.step()
        assert session.step().draw == 0, "the model goes on, and the draw was not used up"


def test_while_work_is_halted_nothing_is_asked_but_what_clears_up(tmp_path):
    with opened(tmp_path, eog=[]) as model:
        session = Session(model, "x")
        before, halted = model.client.evaluated(), [True]
        model.client.watch(lambda: None, lambda: halted[0])
        with pytest.raises(Cancelled):
            session.step()
        model.client.release_tree(99)
        halted[0] = False
        assert model.client.evaluated() == before
        assert session.step().draw == 0


def test_loading_reports_progress_and_can_be_cancelled(tmp_path):
    shares = []
    spec = OpenSpec(table(tmp_path / "t.json", load_ms=300).removeprefix("table:"), "table")
    WorkerClient(spec, lambda share, text: shares.append(share) is None).close()
    assert shares == sorted(shares)
    assert len(shares) > 3
    with pytest.raises(Cancelled):
        WorkerClient(spec, lambda share, text: False)


def test_a_model_that_cannot_be_loaded_says_why(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ModelLoadError, match="is not a table"):
        bftui.open_model(f"table:{tmp_path / 'bad.json'}", worker=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_a_killed_worker_is_an_error_and_the_session_goes_on_with_another(tmp_path, how):
    model = opened(tmp_path, eog=[])
    session = Session(model, "x", seed=3)
    session.force(" Sure Here")
    session.step()
    os.kill(model.client.pid, how)
    with pytest.raises(BackendCrashed, match=how.name):
        session.step()
    with pytest.raises(BackendCrashed):
        session.force(" a")
    assert (session.state.draws, len(session.tree)) == (1, 4)
    model.close()
    with opened(tmp_path, eog=[]) as again, opened(tmp_path, eog=[]) as other:
        session.reload(again)
        session.step()
        session.back(3)
        session.step()
        straight = Session(other, "x", seed=3)
        straight.force(" Sure Here")
        straight.step()
        straight.step()
        straight.back(3)
        straight.step()
        assert same(session.trace().as_dict()) == same(straight.trace().as_dict())


def test_a_crash_in_the_middle_of_a_step_is_told_with_the_last_log_lines(tmp_path):
    with opened(tmp_path, faults=[{"at": 2, "kind": "crash"}], eog=[]) as model:
        session = Session(model, "x")
        with pytest.raises(BackendCrashed, match="SIGABRT") as raised:
            session.step()
        assert raised.value.exit_code == 3


def test_an_error_of_the_backend_keeps_its_class_and_words(tmp_path):
    with opened(tmp_path, faults=[{"at": 2, "kind": "error"}], eog=[]) as model:
        session = Session(model, "x")
        with pytest.raises(BftuiError, match="a fault is scripted here"):
            session.step()
        session.step()


def test_another_vocabulary_is_refused(tmp_path):
    (tmp_path / "b").mkdir()
    with (
        opened(tmp_path) as one,
        opened(tmp_path / "b", tokens=["a", "b"], bos=None, eog=[], rules={}, default={}) as b,
    ):
        session = Session(one, "x")
        with pytest.raises(BftuiError, match="another vocabulary"):
            session.reload(b)
        session.step()


def test_closing_ends_the_process_even_when_it_hangs(tmp_path):
    model = opened(tmp_path, faults=[{"at": 2, "kind": "hang"}], eog=[])
    session = Session(model, "x")
    process = psutil.Process(model.client.pid)
    failed = []

    def step():
        try:
            session.step()
        except BftuiError as error:
            failed.append(error)

    thread = threading.Thread(target=step)
    thread.start()
    time.sleep(0.1)
    model.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failed) == 1
    wait_for(lambda: not process.is_running())
    model.close()


def test_the_worker_dies_with_its_parent_however_that_died(tmp_path):
    code = (
        "import bftui, sys, time\n"
        "from bftui.session.session import Session\n"
        "m = bftui.open_model(sys.argv[1], worker=True)\n"
        "s = Session(m, 'x')\n"
        "print(m.client.pid, flush=True)\n"
        "s.step()\n"
    )
    model = table(tmp_path / "t.json", faults=[{"at": 2, "kind": "hang"}], eog=[])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, model], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    worker = psutil.Process(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_what_libraries_print_in_the_worker_stays_out_of_the_terminal(tmp_path, capfd):
    noisy = (
        "import os; from bftui.backends.table import TableBackend as T\n"
        "def open_model(spec, progress):\n"
        "    os.write(1, b'noise on stdout\\n'); os.write(2, b'noise on stderr\\n')\n"
        "    return T(spec, progress)\n"
    )
    (tmp_path / "noisy_backend.py").write_text(noisy)
    site = tmp_path / "noisy-1.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1\n")
    (site / "entry_points.txt").write_text("[bftui.backends]\nnoisy = noisy_backend:open_model\n")
    model = table(tmp_path / "t.json", eog=[])
    code = (
        "import bftui, sys\n"
        "m = bftui.open_model(sys.argv[1], backend='noisy', worker=True)\n"
        "print(bftui.Session(m, 'x').step().draw); m.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model.removeprefix("table:")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


NATIVE = """
import ctypes, mmap, os, sys, tempfile, warnings
def open_model(spec, progress):
    warnings.warn("a library would like to say")
    if os.environ["HOW"] == "SIGSEGV":
        ctypes.string_at(0)
    if os.environ["HOW"] == "SIGBUS":
        with tempfile.TemporaryFile() as file:
            file.truncate(1 << 20)
            data = mmap.mmap(file.fileno(), 0)
            file.truncate(0)
            data[1 << 19]
    os.write(2, b"/build/of/somebody/lib.cpp:7: ASSERT(x) failed\\n")
    os.abort()
"""


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGBUS", "SIGABRT"])
def test_whatever_ends_a_process_that_opens_a_model_is_one_error(tmp_path, how):
    (tmp_path / "native_backend.py").write_text(NATIVE)
    site = tmp_path / "native-1.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: native\nVersion: 1\n")
    (site / "entry_points.txt").write_text("[bftui.backends]\nnative = native_backend:open_model\n")
    model = table(tmp_path / "t.json").removeprefix("table:")
    done = subprocess.run(
        [sys.executable, "-m", "bftui", "record", model, "--backend", "native"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}", "HOW": how},
        timeout=60,
    )
    before = f"bftui: cannot open {model}: the process that opened it ended ({how})"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(before)
    assert done.stderr.count("\n") == 1
    assert "library would like" not in done.stderr
    assert "somebody" not in done.stderr
    assert ("lib.cpp:7: ASSERT(x) failed" in done.stderr) == (how == "SIGABRT")
    assert not list(tmp_path.glob("core*"))


def test_one_that_ends_while_idle_is_noticed(tmp_path):
    model = opened(tmp_path)
    ended = threading.Event()
    model.client.watch(ended.set)
    assert model.client.crash is None
    os.kill(model.client.pid, signal.SIGKILL)
    assert ended.wait(10)
    assert "memory" in model.client.crash.hint
    model.close()


def test_one_that_is_closed_is_not_mourned(tmp_path):
    model = opened(tmp_path)
    ended = threading.Event()
    model.client.watch(ended.set)
    model.close()
    assert not ended.wait(0.2)


def test_a_sampler_crosses_the_pipe(tmp_path):
    with opened(tmp_path) as model:
        following, elapsed = model.client.add_prompt(99, 0, [0], Sampler(top_p=0.5, seed=2**63))
        assert following.kept < model.info.n_vocab
        assert elapsed >= 0
