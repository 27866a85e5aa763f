"""The process that owns a model: it reads requests from a pipe and replies over another.

It reads on a thread of its own, so that a cancel overtakes the work it cancels, and the end of the pipe ends the
process, however its parent died. Streams give way to requests that wait for one result. Whatever the libraries print
goes to the log, which is quoted when the process dies.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from bftui.backends.client.client_protocol import ModelClient
from bftui.backends.protocol import ModelInfo
from bftui.backends.text_models import TextEngine, TextModelInfo, TextSpec, open_text_model
from bftui.core.errors import BftuiError, Cancelled

STREAMS = frozenset(
    name
    for name, method in vars(ModelClient).items()
    if getattr(method, "__annotations__", {})
    .get("return", "")
    .startswith(("Iterator[", "Generator["))
)
"""The methods of `ModelClient` that give one result after another: background work."""

_SLICE_S = 0.02
"""How long one stream goes on before the next has its turn: results that cost nothing do not wait for it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One method of `ModelClient` or `TextModel` that is called, with its arguments; also `open` and `cancel`."""

    number: int
    name: str
    args: tuple[Any, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """`kind`: `item` of a stream, `done` with a result or the end of a stream, `failed` with an error, `progress`."""

    number: int
    kind: str
    value: Any


def _draws(request: Request) -> bool:
    """Whether a stream has the cache to itself until its batch ends, where batches are padded."""
    if request.name in ("read_trie", "read_paths"):
        (plan,) = (*request.args, *request.keywords.values())
        # A text alone is read beside other work.
        return len(plan.nodes if request.name == "read_trie" else plan.wanted.paths) > 1
    return request.name == "rollouts"


def send(stream: IO[bytes], message: object) -> None:
    """Write one message to a pipe."""
    data = pickle.dumps(message, protocol=5)
    stream.write(len(data).to_bytes(8, "little") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read the next message from a pipe; raises EOFError when the other side is gone."""
    size = _exactly(stream, 8)
    return pickle.loads(_exactly(stream, int.from_bytes(size, "little")))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


class _Worker:
    """Answers requests: those that wait for one result first, then streams, in turns between two of their results."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies
        self._foreground: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._background: deque[tuple[int, Generator[Any, None, None], bool]] = deque()
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
                request = receive(self._requests)
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
        send(self._replies, Reply(number, kind, value))

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

    def _answer(self, request: Request) -> None:
        if not self._begin(request.number):
            self._fail(request.number, Cancelled("stopped"))
            return
        try:
            result: Any
            if request.name == "open":
                result = self._open(request)
            else:
                result = getattr(self._engine, request.name)(*request.args, **request.keywords)
            if request.name in STREAMS:
                with self._lock:
                    self._background.append((request.number, result, _draws(request)))
            else:
                self._reply(request.number, "done", result)
        except Exception as error:
            if isinstance(error, Cancelled) and self._engine is not None:
                # It was meant for this request: background work goes on.
                self._engine.forget_cancel()
            self._fail(request.number, error)
        finally:
            with self._lock:
                self._running = None

    def _advance_background(self) -> None:
        number, job, draws = self._background[0]
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
            if draws and self._engine.info.padded:
                # A stream that began a batch while another one's is open would take its room, and it would begin again.
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
                number, _, draws = self._background[0]
                if not draws or self._holder in (None, number):
                    return

    def _end_background(self) -> None:
        """Forgets the job whose turn it is."""
        self._used_s = 0.0
        with self._lock:
            number, _, _ = self._background.popleft()
            if self._holder == number:
                self._holder = None

    def _open(self, request: Request) -> ModelInfo | TextModelInfo:
        from bftui.backends.client.inference_engine import InferenceEngine
        from bftui.backends.registry import open_backend

        def progress(share: float | None, text: str) -> bool:
            self._reply(request.number, "progress", (share, text))
            return request.number not in self._dropped

        spec = request.args[0]
        engine: InferenceEngine | TextEngine
        if isinstance(spec, TextSpec):
            engine = open_text_model(spec, progress)
        else:
            engine = InferenceEngine(open_backend(spec, progress))
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
    _Worker(sys.stdin.buffer, replies).run()


def _leave_no_core() -> None:
    """A process that ends badly is told about; it leaves no copy of its memory on the disk."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
