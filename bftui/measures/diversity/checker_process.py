"""The short-lived process of a checker: what a pattern or a command does in it can be ended from outside.

`match` reads one JSON request from standard input and writes one JSON line for each text; an alarm ends the process
at a text that takes too long. `watch` reads a pattern and then texts, each a JSON line, and answers each with one,
until its input ends. `run SECONDS MEMORY PROCESSES COMMAND…` limits itself and becomes the command. Standard library
only, to start fast; run as a file, with `-I -S`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
from typing import Any

_FILE_BYTES = 64 << 20
"""The largest file that a command may write."""

_ANSWER = 10_000
"""Characters of an answer that are kept."""


def _confine(kinds: dict[str, int]) -> None:
    """Limits this process and what it starts, where the system can; names are those of `resource`."""
    try:
        import resource
    except ImportError:
        return
    for name, most in {"RLIMIT_CORE": 0, **kinds}.items():
        with contextlib.suppress(AttributeError, OSError, ValueError):
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            held = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (held, held))


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        # The default action needs no turn of the interpreter, so that it ends a single endless match too.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _match(request: dict[str, Any]) -> None:
    """Writes what a pattern finds in each text: `{"found": …, "answer": …}`, or `{"bad": why}` once."""
    _confine({"RLIMIT_AS": request["memory"], "RLIMIT_FSIZE": 0})
    _alarm(request["seconds"])
    try:
        pattern = re.compile(request["pattern"])
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        _say({"bad": str(error) or type(error).__name__})
        return
    _say({"groups": pattern.groups})
    for text in request["texts"]:
        _alarm(request["seconds"])
        found = pattern.search(text)
        answer = None if found is None else found[1] if pattern.groups else found[0]
        _say({"found": found is not None, "answer": answer and answer[:_ANSWER]})


def _watch() -> None:
    """Answers each text with the first match that ends behind its character `new`: `{"answer": …}`, null for none."""
    asked = json.loads(sys.stdin.buffer.readline())
    _confine({"RLIMIT_AS": asked["memory"], "RLIMIT_FSIZE": 0})
    pattern = re.compile(asked["pattern"])
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        _alarm(request["seconds"])
        ends = (
            each[0] for each in pattern.finditer(request["text"]) if each.end() > request["new"]
        )
        answer = next(ends, None)
        _alarm(0)
        _say({"answer": answer and answer[:_ANSWER]})


def _say(reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _run(seconds: int, memory: int, processes: int, command: list[str]) -> None:
    """Becomes the command, limited."""
    _confine(
        {
            "RLIMIT_AS": memory,
            "RLIMIT_CPU": seconds,
            "RLIMIT_FSIZE": _FILE_BYTES,
            "RLIMIT_NPROC": processes,
        }
    )
    # The interpreter ignores this signal, and a program inherits what is ignored.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(command[0], command)


def main() -> None:
    """Does what the arguments say."""
    what, *rest = sys.argv[1:]
    if what == "match":
        _match(json.load(sys.stdin.buffer))
        os._exit(0)
    if what == "watch":
        _watch()
        os._exit(0)
    seconds, memory, processes, *command = rest
    _run(int(seconds), int(memory), int(processes), command)


if __name__ == "__main__":
    main()
