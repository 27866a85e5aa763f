"""A model in a process of its own, as the rest of the program holds it.

Requests are pickled over the child's standard input, replies over its standard output. What the child does is
`worker_process.py`'s.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Concatenate, ParamSpec, TypeVar, cast

from bftui.backends.client.client_protocol import ModelClient
from bftui.backends.client.worker_process import STREAMS, Reply, Request, receive, send
from bftui.backends.protocol import ModelInfo
from bftui.backends.text_models import TextModelInfo, TextSpec
from bftui.core.errors import BackendCrashed, Cancelled
from bftui.formats.open_spec import OpenSpec, Progress

P = ParamSpec("P")
R = TypeVar("R")

_LOG_LINES = 3
_LONGEST_LOG = 300
"""Characters of the log that are quoted."""
_GRACE_S = 2.0
_CLEARING = frozenset({"release_tree"})
"""What is called although work is halted: it gives back what the work held."""

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from bftui.backends.client.worker_process import main; main()"


def _remote(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[WorkerClient, P], R]:
    """A method of the protocol that is answered by the child: a stream where the protocol's gives a stream."""
    name = method.__name__
    is_stream = name in STREAMS

    @wraps(method)
    def asked(client: WorkerClient, /, *args: P.args, **keywords: P.kwargs) -> R:
        if not is_stream:
            return cast(R, client.call(name, args, keywords))
        # A stream asks when its first result is taken; its caller may change a list before.
        own = tuple(list(each) if isinstance(each, list) else each for each in args)
        return cast(R, client.stream(name, own, keywords))

    return asked


class WorkerClient:
    """Implements `ModelClient` through a child process; thread-safe.

    Raises BackendCrashed from every call once the child died; a new one is a new WorkerClient.
    """

    def __init__(self, spec: OpenSpec | TextSpec, progress: Progress) -> None:
        """Starts the child and opens the model; blocks. A progress that returns False cancels.

        What a `TextSpec` opens is asked by `TextClient`.
        """
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
        self._waiting: dict[int, queue.SimpleQueue[Reply]] = {}
        self._waiting_lock = threading.Lock()
        self._number = 0
        self._called: int | None = None
        self._halted: Callable[[], bool] = lambda: False
        self._crash: BackendCrashed | None = None
        self._closed = False
        self._reading = threading.Lock()
        self._opening = True
        try:
            self.opened: ModelInfo | TextModelInfo = self._open(spec, progress)
        except BaseException:
            self.close()
            raise
        self._opening = False

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself."""
        return cast(ModelInfo, self.opened)

    def _open(self, spec: OpenSpec | TextSpec, progress: Progress) -> ModelInfo | TextModelInfo:
        number, replies = self._request("open", (spec,))
        while (reply := self._next(replies)).kind == "progress":
            if not progress(*reply.value):
                with self._write_lock:
                    self._cancel(number)
        return cast(ModelInfo | TextModelInfo, self._result(number, reply))

    def _next(self, replies: queue.SimpleQueue[Reply]) -> Reply:
        """The next reply to one request.

        Each caller that waits reads for all of them: a thread that only read would cost each step a change of threads.
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
            reply = receive(cast(IO[bytes], self._process.stdout))
        except (EOFError, OSError, ValueError):
            self._mourn()
            return
        with self._waiting_lock:
            waiting = self._waiting.get(reply.number)
        if waiting is not None:
            waiting.put(reply)

    def _mourn(self) -> None:
        """Turn the child's death into an error, for the callers that wait and for later ones."""
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
            replies.put(Reply(number, "failed", error))

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

    def watch(self, ended: Callable[[], None], halted: Callable[[], bool] = lambda: False) -> None:
        """Has `ended` called, from a thread of its own, as soon as the child ends by itself, also while idle.

        While `halted` says so, calls raise Cancelled: what a person stops may be between two of its calls.
        """
        self._halted = halted

        def wait() -> None:
            self._process.wait()
            if not self._closed:
                # A caller that reads comes to the end of the pipe; without one, it is read here.
                with self._reading:
                    while self._crash is None and not self._closed:
                        self._read()
                ended()

        threading.Thread(target=wait, name="watch", daemon=True).start()

    @property
    def crash(self) -> BackendCrashed | None:
        """What every call raises since the child died; None while it lives."""
        return self._crash

    def _request(
        self,
        name: str,
        args: tuple[Any, ...],
        keywords: Mapping[str, Any] = MappingProxyType({}),
        *,
        foreground: bool = False,
    ) -> tuple[int, queue.SimpleQueue[Reply]]:
        replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        with self._waiting_lock:
            if self._crash is not None:
                raise self._crash
            self._number += 1
            number = self._number
            self._waiting[number] = replies
        try:
            with self._write_lock:
                # A cancel is written before this request, which is then halted, or after it, with its number.
                if foreground and name not in _CLEARING and self._halted():
                    with self._waiting_lock:
                        self._waiting.pop(number, None)
                    raise Cancelled("stopped")
                send(
                    cast(IO[bytes], self._process.stdin),
                    Request(number, name, args, dict(keywords)),
                )
                if foreground:
                    self._called = number
        except (OSError, ValueError):
            # The child is gone; `_mourn` answers this request like every other.
            if self._crash is not None:
                raise self._crash from None
        return number, replies

    def _result(self, number: int, reply: Reply) -> Any:
        with self._waiting_lock:
            self._waiting.pop(number, None)
        if reply.kind == "failed":
            raise reply.value
        return reply.value

    def call(self, name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """Ask for one result and wait for it."""
        number, replies = self._request(name, args, keywords, foreground=True)
        try:
            return self._result(number, self._next(replies))
        finally:
            self._called = None

    def stream(
        self, name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Generator[Any, None, Any]:
        """Ask for results one after another, from when the first is taken; leaving the stream cancels it."""
        number, replies = self._request(name, args, keywords)
        finished = False
        try:
            while (reply := self._next(replies)).kind == "item":
                yield reply.value
            finished = True
            return self._result(number, reply)
        finally:
            if not finished:
                with self._write_lock:
                    self._cancel(number)
                with self._waiting_lock:
                    self._waiting.pop(number, None)

    def _cancel(self, number: int | None) -> None:
        """Writes a cancel; the caller holds the lock of the pipe."""
        # A child that is gone has nothing left to cancel.
        with contextlib.suppress(OSError, ValueError):
            send(cast(IO[bytes], self._process.stdin), Request(0, "cancel", (number,)))

    def cancel(self) -> None:
        # A foreground request may wait for a piece of background work: it is the one that is meant.
        with self._write_lock:
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
        # A caller that still reads comes to the end of the pipe now, and to the log.
        with self._reading:
            cast(IO[bytes], self._process.stdout).close()
            self._log.close()

    # The protocol: each method is asked of the child under its name, with the signature that it has there.

    load_tree = _remote(ModelClient.load_tree)
    release_tree = _remote(ModelClient.release_tree)
    pair_prompts = _remote(ModelClient.pair_prompts)
    add_prompt = _remote(ModelClient.add_prompt)
    step = _remote(ModelClient.step)
    extend = _remote(ModelClient.extend)
    rescore = _remote(ModelClient.rescore)
    preview = _remote(ModelClient.preview)
    rule_effects = _remote(ModelClient.rule_effects)
    score = _remote(ModelClient.score)
    page = _remote(ModelClient.page)
    lookahead = _remote(ModelClient.lookahead)
    rollouts = _remote(ModelClient.rollouts)
    read_trie = _remote(ModelClient.read_trie)
    read_paths = _remote(ModelClient.read_paths)
    logits = _remote(ModelClient.logits)
    path_logits = _remote(ModelClient.path_logits)
    best = _remote(ModelClient.best)
    greedy = _remote(ModelClient.greedy)
    noise = _remote(ModelClient.noise)
    tokenize = _remote(ModelClient.tokenize)
    tokenize_prompt = _remote(ModelClient.tokenize_prompt)
    token_bytes = _remote(ModelClient.token_bytes)
    evaluated = _remote(ModelClient.evaluated)


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
