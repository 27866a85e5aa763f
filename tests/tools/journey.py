"""Follows one token through the program: `python -m tests.tools.journey` counts the files and functions that it passes.

`space` is pressed in a workbench on the practice model, whose process is profiled as well; what is counted are the
functions of `bftui/` that are called from the key until nothing happens any more. Then `e` saves the trace. `-v` prints
the walk: each thread's files, in the order in which they are first reached, with their functions.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2] / "bftui"

_CALLS = "BFTUI_JOURNEY_CALLS"
"""Environment variable: the file that the model's process writes its calls to."""
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tests.tools.journey import child; child()"
)
_QUIET_S = 0.5
"""After which nothing more is expected to come of a key."""


@dataclass
class Recorder:
    """Calls of the package's named functions, in all threads that begin after `start`.

    Attributes:
        calls: (nanoseconds of the monotonic clock, file, function, thread); the clock is that of all processes.
    """

    calls: list[tuple[int, str, str, str]] = field(default_factory=list)
    _names: dict[Any, tuple[str, str] | None] = field(default_factory=dict)

    def start(self) -> None:
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._names:
            inside = code.co_filename.startswith(str(PACKAGE)) and code.co_name[0] != "<"
            self._names[code] = (
                (str(Path(code.co_filename).relative_to(PACKAGE)), code.co_qualname)
                if inside
                else None
            )
        if (name := self._names[code]) is not None:
            self.calls.append((time.monotonic_ns(), *name, threading.current_thread().name))


@dataclass(frozen=True)
class Walk:
    """What one key called.

    Attributes:
        calls: functions by (thread, file), in the order in which they were first called.
        count: calls in all.
        frames: how often the whole screen was drawn.
    """

    calls: dict[tuple[str, str], list[str]]
    count: int
    frames: int

    @property
    def files(self) -> set[str]:
        return {file for _, file in self.calls}

    @property
    def functions(self) -> set[tuple[str, str]]:
        return {(file, name) for (_, file), names in self.calls.items() for name in names}

    @property
    def threads(self) -> set[str]:
        return {thread for thread, _ in self.calls}

    def line(self) -> str:
        """The counts in one line."""
        return (
            f"{len(self.files)} files, {len(self.functions)} functions, {self.count:,} calls, "
            f"{len(self.threads)} threads, {self.frames} frames"
        )


def child() -> None:
    """The life of the model's process, profiled: what it called is written when it ends."""
    from bftui.backends.client.worker_process import main

    recorder = Recorder()
    leave = os._exit

    def written(code: int) -> None:
        Path(os.environ[_CALLS]).write_text(json.dumps(recorder.calls), "utf-8")
        leave(code)

    # The process ends when its pipe is closed, in whatever it is doing.
    os._exit = written  # type: ignore[assignment]
    recorder.start()
    main()


async def _pressed(app: Any, key: str, done: Callable[[], bool]) -> tuple[int, int]:
    """Presses a key; gives the moments before it and after all that it led to."""
    from tests.ui.driver import send

    begin = time.monotonic_ns()
    send(app, key)
    while not done() or app.workbench.working:
        await asyncio.sleep(0.01)
    await asyncio.sleep(_QUIET_S)
    return begin, time.monotonic_ns()


async def _keys(folder: Path) -> tuple[str, list[tuple[int, int]]]:
    """Presses `space` and `e`; gives the name of the function that draws a frame, and the moments."""
    from tests.ui.driver import workbench

    trace = folder / "trace.json"
    async with workbench(
        "practice", backend="reference", trace=trace, state_dir=lambda: folder
    ) as w:
        # What comes by itself behind the opening of a model is no part of the walk.
        await asyncio.sleep(4 * _QUIET_S)
        await w.settled()
        tree = w.session.tree
        before = len(tree)
        moments = [await _pressed(w.app, "space", lambda: len(tree) > before)]
        moments.append(await _pressed(w.app, "e", trace.exists))
        return type(w.bench).frame.__qualname__, moments


def walks() -> dict[str, Walk]:
    """What `space` and `e` call, in both processes."""
    from bftui.backends.client import worker_client

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update({_CALLS: f"{name}/calls.json", "HOME": name, "XDG_STATE_HOME": name})
        worker_client._BOOT = _BOOT
        recorder = Recorder()
        recorder.start()
        drawn, moments = asyncio.run(_keys(folder))
        recorder.stop()
        theirs = json.loads((folder / "calls.json").read_text("utf-8"))
    calls = [(*call[:3], f"program, {call[3]}") for call in recorder.calls]
    calls += [(*call[:3], f"model, {call[3]}") for call in theirs]
    calls.sort()
    return {
        key: _walk([call for call in calls if begin <= call[0] <= end], drawn)
        for key, (begin, end) in zip(("space", "e"), moments, strict=True)
    }


def _walk(calls: list[tuple[int, str, str, str]], drawn: str) -> Walk:
    found: dict[tuple[str, str], list[str]] = {}
    for _, file, name, thread in calls:
        names = found.setdefault((thread, file), [])
        if name not in names:
            names.append(name)
    return Walk(found, len(calls), sum(call[2] == drawn for call in calls))


def main() -> None:
    """Prints the counts; `-v` prints the walk as well."""
    for key, walk in walks().items():
        print(f"{key}: {walk.line()}")
        if "-v" not in sys.argv[1:]:
            continue
        for thread in dict.fromkeys(thread for thread, _ in walk.calls):
            print(f"  {thread}")
            for (owner, file), names in walk.calls.items():
                if owner == thread:
                    print(f"    {file}: {', '.join(names)}")


if __name__ == "__main__":
    main()
