"""The journal beside a step, traces at size, and what `check` finds; and sessions killed at random moments.

`BFTUI_NODES` sets the number of nodes (100,000), `BFTUI_KILLS` the number of kills (200).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import numpy as np

import bftui
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.session import commands as c
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.session_log import SessionLog
from bftui.session.records.trace_check import COARSE, Checking
from bftui.session.session import Session
from bftui.session.session_state import SessionState
from bftui.session.view_state import ViewState
from bftui.trace.diff.trace_comparison import compare
from bftui.trace.document import Trace, read
from bftui.trace.journal import Journal
from bftui.trace.journals import latest
from bftui.trace.reading import TraceFile
from tests.benchmarks.big_model import big_model
from tests.benchmarks.step import BareLoop
from tests.tables import table
from tests.unit.test_trace import MODEL, PROMPT, SAMPLER

NODES = int(os.environ.get("BFTUI_NODES", "100000"))
KILLS = int(os.environ.get("BFTUI_KILLS", "200"))
N_VOCAB = 32_000
THREADS = 2


def tree_of(count: int) -> Tree:
    """A path of nodes like those of a trained model."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(2000):
        logits = (rng.standard_normal(N_VOCAB) * 4.8).astype(np.float32)
        distribution = Distribution(logits, Sampler())
        rows.append((distribution.score(distribution.draw(0.3)), distribution.summary()))
    tree = Tree(N_VOCAB)
    tree.add_root([3], rows[0][1], sampler=0, elapsed_ms=1.0)
    while len(tree) < count:
        node = len(tree)
        scored, following = rows[node % len(rows)]
        took = 25 + node % 997 / 1000
        tree.add(node - 1, scored, Source.SAMPLED, following, sampler=0, draw=node, elapsed_ms=took)
    return tree


def journal() -> None:
    """What one record costs, against a step of a model of 56 M parameters."""
    tree = tree_of(2000)
    times = []
    with tempfile.TemporaryDirectory() as folder:
        record = SessionLog(Journal(Path(folder)), lambda token_id: b" token", print)
        for node in range(1, len(tree)):
            state = SessionState(
                cast(Tree, _Upto(tree, node + 1)), [Sampler()], ViewState(node), draws=node
            )
            start = time.perf_counter()
            record.add("step", {}, state, node)
            times.append(time.perf_counter() - start)
    each = statistics.median(times)
    with big_model() as path:
        bare = BareLoop(path, THREADS)
        bare.run(24)
        step = statistics.median([bare.run(24) for _ in range(10)])
    print(
        f"journal: {each * 1e6:.0f} us a step, {each / step:.1%} of a bare step of {step * 1e3:.1f} ms "
        "at 56 M parameters (budget 2 %)"
    )


class _Upto:
    """A tree as it was when it had fewer nodes."""

    def __init__(self, tree: Tree, count: int) -> None:
        self._tree, self._count = tree, count

    def __len__(self) -> int:
        return self._count

    def __getattr__(self, name: str) -> object:
        return getattr(self._tree, name)


def timed(name: str, work: Callable[[], object]) -> None:
    """Prints seconds, and by how much the most memory that the process ever held grew."""
    before = _most_memory()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"  {name}: {seconds:.1f} s, {_most_memory() - before:.0f} MiB more", flush=True)


def _most_memory() -> float:
    """The most memory that this process ever held, in MiB; not its parent's, as `ru_maxrss` may say."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _read_in_pieces(path: str) -> None:
    timed("read and checked in pieces", lambda: TraceFile(path))
    file = TraceFile(path)
    timed("all nodes again", lambda: sum(1 for _ in file.nodes()))
    timed("held against itself by diff", lambda: compare(file, file))
    if NODES <= 200_000:
        timed("as a tree", file.tree)


def _read_whole(path: str) -> None:
    timed("read as one document", lambda: read(path))


def size() -> None:
    """A trace of many nodes, read in processes of their own."""
    tree = tree_of(NODES)
    head = {
        "format": "bftui-trace",
        "version": 1,
        "bftui": "0",
        "created": "2026-01-31T12:00:00Z",
        "model": {**MODEL, "n_vocab": N_VOCAB},
        "prompt": PROMPT,
        "partner": None,
        "samplers": [SAMPLER],
    }
    tail = {"path": tree.path(NODES - 1), "marks": {}, "pruned": []}
    actions = [
        {"at_ms": round(node * 25.3, 1), "op": "step", "args": {}, "node": node}
        for node in range(1, NODES)
    ]
    more = {"actions": actions, "measurements": []}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.json"
        trace = Trace(head, {**tail, **more}, tree, NODES, lambda i: b" token")
        print(f"trace of {NODES} nodes (budget of 100,000: saved in 6 s, 120 MB)")
        timed("saved", lambda: trace.save(path))
        print(f"  {path.stat().st_size / 1e6:.1f} MB")
        works = [_read_in_pieces] if NODES > 200_000 else [_read_in_pieces, _read_whole]
        for work in works:
            process = context.Process(target=work, args=(str(path),))
            process.start()
            process.join()


def checks() -> None:
    """How far the numbers of the practice models are off between backends and types."""
    prompt = "Q: Name a fruit.\nA:"
    ways = [("reference", "f32"), ("llama-cpp", "f32"), ("llama-cpp", "f16")]
    for name in ("practice", "practice-aligned"):
        with tempfile.TemporaryDirectory() as folder:
            for made, kv in ways:
                path = Path(folder) / f"{made}-{kv}.json"
                with bftui.open_model(name, backend=made, kv=kv, threads=THREADS) as model:
                    session = Session(model, prompt, seed=1, ignore_eos=True)
                    for _ in range(80):
                        session.step()
                    session.back(40)
                    session.force(" Sure")
                    for _ in range(20):
                        session.step()
                    session.trace().save(path)
                file = TraceFile(path)
                for backend, other in ways:
                    with bftui.open_model(
                        name, backend=backend, kv=other, threads=THREADS
                    ) as model:
                        job = Checking(model, file, COARSE)
                        job.finish()
                    print(
                        f"  {name}: {made} {kv} held against {backend} {other}: entropy "
                        f"{job.entropy.most:.1e}, log-probability {job.logprob.most:.1e} nats, "
                        f"{job.ranks} of {job.checked} ranks"
                    )


def _session(folder: str, model: str, told: Connection) -> None:
    with bftui.open_model(model) as opened:
        session = Session(opened, "x", journal=Journal(Path(folder)), ignore_eos=True)
        told.send(1)
        while True:
            command = c.Back(50) if len(session.tree) % 100 == 99 else c.Step()
            session.do(command)
            if isinstance(command, c.Back):
                session.do(c.Step())
            told.send(len(session.tree))


def kills() -> None:
    """Sessions killed at random moments: every token that was told of must be there again."""
    chance = random.Random(0)
    context = multiprocessing.get_context("fork")
    lost = cut = nodes = 0
    with tempfile.TemporaryDirectory() as folder:
        model = table(Path(folder) / "t.json")
        with bftui.open_model(model) as opened:
            for number in range(KILLS):
                state = Path(folder) / str(number)
                near, far = context.Pipe(duplex=False)
                process = context.Process(target=_session, args=(str(state), model, far))
                process.start()
                far.close()
                shown = near.recv()
                end = time.perf_counter() + chance.random() * 0.2
                while time.perf_counter() < end:
                    if near.poll(0.001):
                        shown = near.recv()
                process.kill()
                process.join()
                while near.poll():
                    try:
                        shown = near.recv()
                    except EOFError:
                        break
                near.close()
                saved = read_saved(latest(state))
                session = resume(opened, saved)
                session.step()
                nodes += len(session.tree)
                cut += saved.cut
                lost += len(session.tree) - 1 < shown
    print(
        f"killed {KILLS} times: {lost} sessions with a token lost, {cut} records cut, {nodes} nodes"
    )


def main() -> None:
    journal()
    size()
    checks()
    kills()
