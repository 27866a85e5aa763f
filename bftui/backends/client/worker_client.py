"""A child process that hosts one engine, and the handle that the rest of the program holds.

Requests are pickled over the child's standard input, replies over its standard output; whatever the libraries print
goes to a log that is quoted when the child dies. The child reads on a thread of its own, so a cancel overtakes the
work it cancels, and the end of the pipe ends the child, however its parent died. Background jobs (generators) give way
to foreground requests between two results.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from bftui.backends.client.client_protocol import Page, RolloutStep, StepResult, TopToken
from bftui.backends.protocol import F32, ModelInfo
from bftui.core.batch import Batch
from bftui.core.distribution import NextToken, TokenScore
from bftui.core.draws import Purpose
from bftui.core.errors import BackendCrashed, BftuiError, Cancelled
from bftui.core.noise_floor import Noise
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec, Progress

_BACKGROUND = frozenset(
    {"lookahead", "rollouts", "rollouts_after", "path_logits", "greedy", "noise"}
)
_DRAWING = frozenset({"rollouts", "rollouts_after"})
"""Of these, where batches are padded, one has the cache to itself until its batch ends."""

_LOG_LINES = 3
_LONGEST_LOG = 300
"""Characters of the log that are quoted."""
_GRACE_S = 2.0

_SLICE_S = 0.02
"""How long one background job goes on before the next has its turn: results that cost nothing do not wait for it."""


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Reply:
    """`kind`: `item` of a stream, `done` with a result or the end of a stream, `failed` with an error, `progress`."""

    number: int
    kind: str
    value: Any


def _send(stream: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, protocol=5)
    stream.write(len(data).to_bytes(8, "little") + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """The next message; raises EOFError when the other side is gone."""
    size = _exactly(stream, 8)
    return pickle.loads(_exactly(stream, int.from_bytes(size, "little")))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


# The child ------------------------------------------------------------------------------------------------------


class _Child:
    """The process that owns the model."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies
        self._foreground: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._background: deque[tuple[int, Generator[Any, None, None], str]] = deque()
        self._holder: int | None = None
        self._used_s = 0.0
        self._open_numbers: set[int] = set()
        self._dropped: set[int] = set()
        self._running: int | None = None
        self._lock = threading.Lock()
        self._engine: Any = None

    def run(self) -> None:
        threading.Thread(target=self._listen, name="requests", daemon=True).start()
        while True:
            if self._background and self._foreground.empty():
                self._advance_background()
            else:
                self._answer(self._foreground.get())

    def _listen(self) -> None:
        try:
            while True:
                request = _receive(self._requests)
                if request.name == "cancel":
                    self._cancel(request.args[0])
                else:
                    with self._lock:
                        self._open_numbers.add(request.number)
                    self._foreground.put(request)
        except (EOFError, OSError):
            # The parent is gone: nothing is left to be done, not even in the middle of an evaluation.
            os._exit(0)

    def _cancel(self, number: int | None) -> None:
        """Cancels one request, or with None the one that runs, which between two results is a background job."""
        with self._lock:
            if number is None:
                number = self._running
            if number is None and self._background:
                number = self._background[0][0]
            if number not in self._open_numbers:
                return
            # A job may be through with this result: then its next one fails.
            self._dropped.add(number)
            if number == self._running and self._engine is not None:
                self._engine.cancel()

    def _reply(self, number: int, kind: str, value: Any = None) -> None:
        if kind in ("done", "failed"):
            with self._lock:
                self._open_numbers.discard(number)
                self._dropped.discard(number)
        _send(self._replies, _Reply(number, kind, value))

    def _fail(self, number: int, error: BaseException) -> None:
        if not isinstance(error, BftuiError):
            # A disk without room for the log ends nothing.
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=sys.stderr)
            error = BftuiError("the model process failed", f"{type(error).__name__}: {error}")
        self._reply(number, "failed", error)

    def _begin(self, number: int) -> bool:
        """Marks a request as running; False where it was cancelled while it waited."""
        with self._lock:
            if number in self._dropped:
                return False
            self._running = number
            if self._engine is not None:
                # A cancel that came too late for the work before must not strike this one.
                self._engine.forget_cancel()
            return True

    def _answer(self, request: _Request) -> None:
        if not self._begin(request.number):
            self._fail(request.number, Cancelled("stopped"))
            return
        try:
            result: Any
            if request.name == "open":
                result = self._open(request)
            else:
                result = getattr(self._engine, request.name)(*request.args)
            if request.name in _BACKGROUND:
                with self._lock:
                    self._background.append((request.number, result, request.name))
            else:
                self._reply(request.number, "done", result)
        except Exception as error:
            if isinstance(error, Cancelled) and self._engine is not None:
                # It was meant for this request: background work goes on.
                self._engine.go_on()
            self._fail(request.number, error)
        finally:
            with self._lock:
                self._running = None

    def _advance_background(self) -> None:
        number, job, name = self._background[0]
        if not self._begin(number):
            self._end_background()
            job.close()
            self._fail(number, Cancelled("stopped"))
            return
        start = time.perf_counter()
        finished = self._engine.finished_batches
        try:
            self._reply(number, "item", next(job))
            self._used_s += time.perf_counter() - start
            if name in _DRAWING and self._engine.info.padded:
                # Whoever begins a batch while another one's is open takes its room, and it begins anew.
                self._holder = number if self._engine.finished_batches == finished else None
            if self._used_s >= _SLICE_S:
                self._used_s = 0.0
                self._rotate()
        except StopIteration as end:
            self._end_background()
            self._reply(number, "done", end.value)
        except Exception as error:
            self._end_background()
            self._fail(number, error)
        finally:
            with self._lock:
                self._running = None

    def _rotate(self) -> None:
        """Gives the next job its turn; those that draw wait while another one holds the cache."""
        with self._lock:
            for _ in self._background.copy():
                self._background.rotate(-1)
                number, _, name = self._background[0]
                if name not in _DRAWING or self._holder in (None, number):
                    return

    def _end_background(self) -> None:
        """Forgets the job whose turn it is."""
        self._used_s = 0.0
        with self._lock:
            number, _, _ = self._background.popleft()
            if self._holder == number:
                self._holder = None

    def _open(self, request: _Request) -> ModelInfo:
        from bftui.backends.client.inference_engine import InferenceEngine
        from bftui.backends.registry import open_backend

        def progress(share: float | None, text: str) -> bool:
            self._reply(request.number, "progress", (share, text))
            return request.number not in self._dropped

        engine = InferenceEngine(open_backend(request.args[0], progress))
        with self._lock:
            self._engine = engine
        return engine.info


def main() -> None:
    """The child's whole life. Its own output streams become the log before any library can write to them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["GGML_NO_BACKTRACE"] = "1"
    if not sys.warnoptions:
        # What ends the process has the last word in the log, not what a library would like to be told.
        warnings.simplefilter("ignore")
    _leave_no_core()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _Child(sys.stdin.buffer, replies).run()


def _leave_no_core() -> None:
    """A process that ends badly is told about; it leaves no copy of its memory on the disk."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


# The handle -----------------------------------------------------------------------------------------------------

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from bftui.backends.client.worker_client import main; main()"


class WorkerClient:
    """Implements `ModelClient` through a child process; thread-safe.

    Raises BackendCrashed from every call once the child died; a new one is a new WorkerClient.
    """

    def __init__(self, spec: OpenSpec, progress: Progress) -> None:
        """Starts the child and opens the model; blocks. A progress that returns False cancels."""
        self.spec = spec
        self._log = _log_file()
        root = str(Path(__file__).resolve().parents[3])
        # NumPy reads this when it is imported. Its threads only wait for each other on rows this small.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": str(max(1, spec.threads))}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, root],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=env,
                # Signals of the terminal (ctrl+c, ctrl+z) are for the program that owns it.
                start_new_session=True,
            )
        except OSError as error:
            self._log.close()
            raise BackendCrashed(
                "cannot start a process for the model",
                error.strerror or str(error),
                "end other programs, or allow more of them (ulimit -u, ulimit -v)",
            ) from error
        self._write_lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[_Reply]] = {}
        self._waiting_lock = threading.Lock()
        self._number = 0
        self._called: int | None = None
        self._crash: BackendCrashed | None = None
        self._closed = False
        self._reading = threading.Lock()
        self._opening = True
        try:
            self.info = self._open(spec, progress)
        except BaseException:
            self.close()
            raise
        self._opening = False

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def _open(self, spec: OpenSpec, progress: Progress) -> ModelInfo:
        number, replies = self._request("open", (spec,))
        while (reply := self._next(replies)).kind == "progress":
            if not progress(*reply.value):
                self._cancel(number)
        return cast(ModelInfo, self._result(number, reply))

    def _next(self, replies: queue.SimpleQueue[_Reply]) -> _Reply:
        """The next reply to one request.

        Whoever waits reads for all: a thread that only read would cost each step a change of threads.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return replies.get_nowait()
            with self._reading:
                if replies.empty():
                    self._read()

    def _read(self) -> None:
        """Takes one message from the pipe to whom it is for."""
        try:
            reply = _receive(cast(IO[bytes], self._process.stdout))
        except (EOFError, OSError, ValueError):
            self._mourn()
            return
        with self._waiting_lock:
            waiting = self._waiting.get(reply.number)
        if waiting is not None:
            waiting.put(reply)

    def _mourn(self) -> None:
        """Turns the child's death into an error for whoever waits and whoever asks later."""
        try:
            code: int | None = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            code = None
        with self._waiting_lock:
            if self._crash is None:
                self._crash = self._crashed(code)
            error = self._crash
            waiting = list(self._waiting.items())
        for number, replies in waiting:
            replies.put(_Reply(number, "failed", error))

    def _crashed(self, code: int | None) -> BackendCrashed:
        """What the child's death is to people: while it opened the model, or later."""
        cause, words = _cause(code), "" if self._log.closed else self._last_words()
        hint = _ADVICE.get(cause, "")
        if self._opening:
            ended = f"the process that opened it ended ({cause})"
            reason = f"{ended}: {words}" if words else ended
            return BackendCrashed(f"cannot open {self.spec.source}", reason, hint or _ABORTED)
        return BackendCrashed(f"the model process ended ({cause})", words, hint or _AGAIN)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            size = os.fstat(self._log.fileno()).st_size
            self._log.seek(max(0, size - 4096))
            lines = self._log.read().decode(errors="replace").splitlines()
            said = [_FOLDERS.sub("", line.strip()) for line in lines if line.strip()]
            return " | ".join(said[-_LOG_LINES:])[-_LONGEST_LOG:]
        return ""

    def watch(self, ended: Callable[[], None]) -> None:
        """Has `ended` called, from a thread of its own, as soon as the child ends by itself, also while idle."""

        def wait() -> None:
            self._process.wait()
            if not self._closed:
                # Whoever reads comes to the end of the pipe; where nobody does, it is read here.
                with self._reading:
                    while self._crash is None and not self._closed:
                        self._read()
                ended()

        threading.Thread(target=wait, name="watch", daemon=True).start()

    @property
    def crash(self) -> BackendCrashed | None:
        """What every call raises since the child died; None while it lives."""
        return self._crash

    def _request(self, name: str, args: tuple[Any, ...]) -> tuple[int, queue.SimpleQueue[_Reply]]:
        replies: queue.SimpleQueue[_Reply] = queue.SimpleQueue()
        with self._waiting_lock:
            if self._crash is not None:
                raise self._crash
            self._number += 1
            number = self._number
            self._waiting[number] = replies
        try:
            with self._write_lock:
                _send(cast(IO[bytes], self._process.stdin), _Request(number, name, args))
        except (OSError, ValueError):
            # The child is gone; `_mourn` answers this request like every other.
            if self._crash is not None:
                raise self._crash from None
        return number, replies

    def _result(self, number: int, reply: _Reply) -> Any:
        with self._waiting_lock:
            self._waiting.pop(number, None)
        if reply.kind == "failed":
            raise reply.value
        return reply.value

    def _call(self, name: str, *args: Any) -> Any:
        number, replies = self._request(name, args)
        self._called = number
        try:
            return self._result(number, self._next(replies))
        finally:
            self._called = None

    def _stream(self, name: str, *args: Any) -> Generator[Any, None, Any]:
        number, replies = self._request(name, args)
        finished = False
        try:
            while (reply := self._next(replies)).kind == "item":
                yield reply.value
            finished = True
            return self._result(number, reply)
        finally:
            if not finished:
                self._cancel(number)
                with self._waiting_lock:
                    self._waiting.pop(number, None)

    def _cancel(self, number: int | None) -> None:
        # A child that is gone has nothing left to cancel.
        with contextlib.suppress(OSError, ValueError), self._write_lock:
            _send(cast(IO[bytes], self._process.stdin), _Request(0, "cancel", (number,)))

    def cancel(self) -> None:
        # A foreground request may wait for a piece of background work: it is the one that is meant.
        self._cancel(self._called)

    def close(self) -> None:
        """Ends the child: politely by closing its pipe, by force when it does not go."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            cast(IO[bytes], self._process.stdin).close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # Whoever still reads comes to the end of the pipe now, and to the log.
        with self._reading:
            cast(IO[bytes], self._process.stdout).close()
            self._log.close()

    # The protocol ----------------------------------------------------------------------------------------------

    def load_tree(
        self,
        tree: int,
        parents: Sequence[int],
        tokens: Sequence[int],
        prompts: dict[int, tuple[int, ...]],
        batches: Sequence[Batch | None] = (),
    ) -> None:
        self._call("load_tree", tree, parents, tokens, prompts, batches)

    def release_tree(self, tree: int) -> None:
        self._call("release_tree", tree)

    def add_prompt(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> tuple[NextToken, float]:
        return cast(
            "tuple[NextToken, float]",
            self._call("add_prompt", tree, node, list(token_ids), sampler),
        )

    def step(
        self, tree: int, node: int, child: int, sampler: Sampler, u: float | None, through_eog: bool
    ) -> StepResult:
        return cast(StepResult, self._call("step", tree, node, child, sampler, u, through_eog))

    def extend(
        self,
        tree: int,
        node: int,
        child: int,
        token_ids: Sequence[int],
        sampler: Sampler,
        through_eog: bool,
    ) -> list[StepResult]:
        return cast(
            "list[StepResult]",
            self._call("extend", tree, node, child, list(token_ids), sampler, through_eog),
        )

    def rescore(
        self, tree: int, nodes: Sequence[int], sampler: Sampler, open_end: bool
    ) -> list[StepResult | NextToken]:
        return cast(
            "list[StepResult | NextToken]",
            self._call("rescore", tree, list(nodes), sampler, open_end),
        )

    def preview(self, tree: int, node: int, sampler: Sampler) -> NextToken:
        return cast(NextToken, self._call("preview", tree, node, sampler))

    def score(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> list[TokenScore]:
        return cast("list[TokenScore]", self._call("score", tree, node, list(token_ids), sampler))

    def page(
        self, tree: int, node: int, sampler: Sampler, start: int, stop: int, query: str
    ) -> Page:
        return cast(Page, self._call("page", tree, node, sampler, start, stop, query))

    def lookahead(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler, steps: int = 1
    ) -> Generator[tuple[int, NextToken | None], None, int]:
        return self._stream("lookahead", tree, node, list(token_ids), sampler, steps)

    def rollouts(
        self,
        tree: int,
        node: int,
        suffix: Sequence[int],
        sampler: Sampler,
        numbers: Sequence[int],
        horizon: int,
        purpose: Purpose = Purpose.ROLLOUT,
        cap_k: int = 0,
    ) -> Iterator[RolloutStep]:
        return self._stream(
            "rollouts", tree, node, list(suffix), sampler, list(numbers), horizon, purpose, cap_k
        )

    def rollouts_after(
        self,
        tree: int,
        node: int,
        suffixes: Sequence[Sequence[int]],
        sampler: Sampler,
        numbers: Sequence[int],
        horizon: int,
        purpose: Purpose = Purpose.ROLLOUT,
        cap_k: int = 0,
    ) -> Iterator[RolloutStep]:
        texts = [list(suffix) for suffix in suffixes]
        return self._stream(
            "rollouts_after", tree, node, texts, sampler, list(numbers), horizon, purpose, cap_k
        )

    def logits(self, tree: int, node: int) -> F32:
        return cast(F32, self._call("logits", tree, node))

    def path_logits(self, prefix: Sequence[int], token_ids: Sequence[int]) -> Iterator[F32]:
        return self._stream("path_logits", list(prefix), list(token_ids))

    def best(self, prefix: Sequence[int], token_ids: Sequence[int]) -> list[TopToken]:
        return cast("list[TopToken]", self._call("best", list(prefix), list(token_ids)))

    def greedy(self, prefix: Sequence[int], limit: int) -> Iterator[TopToken]:
        return self._stream("greedy", list(prefix), limit)

    def noise(self) -> Generator[float, None, Noise | None]:
        return self._stream("noise")

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        return cast("list[int]", self._call("tokenize", text, special))

    def tokenize_prompt(
        self, parts: Sequence[str | int], special: bool = False, begins: bool = True
    ) -> list[int]:
        return cast("list[int]", self._call("tokenize_prompt", list(parts), special, begins))

    def token_bytes(self) -> list[bytes]:
        return cast("list[bytes]", self._call("token_bytes"))

    def evaluated(self) -> int:
        return cast(int, self._call("evaluated"))


_FOLDERS = re.compile(r"\S*/(?=[^/\s]+:\d+:)")
"""Where a library's own source lay when it was built."""

_ABORTED = "the file may be damaged, or of a kind that this backend cannot run: try another one"
_AGAIN = "if it does so again, take another file of the model or another --backend"
_ADVICE = {
    "SIGKILL": "the memory may be too small: try a smaller --ctx or a smaller model",
    "SIGBUS": "its file may have been cut short meanwhile: see that it is whole",
    "SIGILL": "the library is built for another processor: `bftui doctor` says how to mend it",
}
"""What to do, by what ended the child."""


def _log_file() -> IO[bytes]:
    """Where the child's libraries print to; nowhere, where no file can be had."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _cause(code: int | None) -> str:
    if code is None:
        return "its pipe closed"
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
