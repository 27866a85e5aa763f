"""The journals of a directory: what is there, which was used last, and which are too old to be kept."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from bftui.core.errors import InputError
from bftui.core.text import counted
from bftui.results.listing_outputs import ListedSession
from bftui.trace.journal import runs, utc
from bftui.trace.records import JournalFile

State = Literal["running", "ended", "killed", "damaged"]

MOST_BYTES, MOST_DAYS = 2 << 30, 90


@dataclass(frozen=True, slots=True)
class Kept:
    """One journal.

    Attributes:
        created: when the session began, UTC as in a trace; "" where the file does not say.
        used: when something was written to it last, likewise.
        model, source: the model's name and where it was opened from.
        prompt: the first prompt, as it was written.
        nodes: how many there are in its tree.
        bytes: the size of the file.
        state: whether it runs, was ended, was killed, or cannot be read.
    """

    path: Path
    created: str
    used: str
    model: str
    source: str
    prompt: str
    nodes: int
    bytes: int
    state: State

    def listed(self) -> ListedSession:
        """Says what `bftui sessions --json` says."""
        return ListedSession(
            created=self.created,
            used=self.used,
            model=self.model,
            source=self.source,
            nodes=self.nodes,
            prompt=self.prompt,
            state=self.state,
            bytes=self.bytes,
            path=str(self.path),
        )


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    count: int
    bytes: int

    @property
    def text(self) -> str:
        """A notice for people; "" where nothing was removed."""
        if not self.count:
            return ""
        journals = counted(self.count, "old journal")
        return f"removed {journals} of sessions ({self.bytes / 2**20:.0f} MiB)"


def listed(directory: Path) -> list[Kept]:
    """Every journal, the one that was used last first; files that are none count as damaged. Raises InputError."""
    return [_kept(path) for path in _paths(directory)]


def latest(directory: Path) -> Path:
    """Returns the journal that was used last, of those that can be resumed. Raises InputError where there is none."""
    states = []
    for path in _paths(directory):
        states.append(_kept(path).state)
        if states[-1] in ("ended", "killed"):
            return path
    why, hint = f"{directory} holds none", "start one with `bftui run`"
    if "running" in states:
        why, hint = f"all in {directory} still run", "end one there first"
    elif states:
        why = f"the files in {directory} are damaged"
    raise InputError("there is no session to resume", why, hint)


def later_runs(path: Path) -> bool:
    """Tells whether a session beside this one was used later and still runs."""
    paths = _paths(path.parent)
    return any(map(runs, paths[: paths.index(path)]))


def prune(directory: Path, *, most_bytes: int = MOST_BYTES, most_days: float = MOST_DAYS) -> Pruned:
    """Removes journals, used longest ago first, while all take more than `most_bytes`, and those that are too old.

    The one that was used last stays, and so does what runs. A file that cannot be removed is left where it is.
    """
    oldest = datetime.now(UTC) - timedelta(days=most_days)
    count = removed = total = 0
    with suppress(InputError):
        for place, path in enumerate(_paths(directory)):
            with suppress(OSError):
                found = path.stat()
                total += found.st_size
                old = datetime.fromtimestamp(found.st_mtime, UTC) < oldest
                if place and (old or total > most_bytes) and not runs(path):
                    path.unlink()
                    total -= found.st_size
                    removed += found.st_size
                    count += 1
    return Pruned(count, removed)


def _paths(directory: Path) -> list[Path]:
    """The files of the directory, the one that was written to last first; of equals the one that began later."""
    try:
        return sorted(
            directory.glob("*.jsonl"), key=lambda at: (_written(at), at.name), reverse=True
        )
    except OSError as error:
        raise InputError(f"cannot read {directory}", error.strerror or str(error)) from error


def _written(path: Path) -> int:
    """When a file was written to last, ns; 0 where nobody knows."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _kept(path: Path) -> Kept:
    size, used = 0, ""
    try:
        found = path.stat()
        size, used = found.st_size, utc(datetime.fromtimestamp(found.st_mtime, UTC))
        file = JournalFile(path)
        nodes, ended = _end(path)
        state: State = "running" if runs(path) else "ended" if ended else "killed"
    except (InputError, OSError):
        return Kept(path, "", used, "", "", "", 0, size, "damaged")
    head = file.head
    return Kept(
        path=path,
        created=head.created,
        used=used,
        model=head.model.name,
        source=head.model.source,
        prompt=head.prompt.text,
        nodes=nodes,
        bytes=size,
        state=state,
    )


_WINDOW = 1 << 16
_NODES, _LINE, _END = b'"nodes":[{"id":', b"\n", b'{"end":'


def _end(path: Path) -> tuple[int, bool]:
    """How many nodes there are, and whether the session was ended: from the end, since journals are long.

    The file is read, not mapped: it may be cut meanwhile by whoever writes it.
    """
    with path.open("rb") as file:
        size, window = file.seek(0, os.SEEK_END), _WINDOW
        while True:
            start = max(0, size - window)
            file.seek(start)
            found = _end_of(file.read(size - start), whole=start == 0)
            if found is not None:
                return found
            window *= 16


def _end_of(data: bytes, *, whole: bool) -> tuple[int, bool] | None:
    """What the end of a journal says; None where it has to be a longer one, `whole` where there is no longer one.

    Inside a text the quotes of `_NODES` would be escaped, so it is found only where nodes begin.
    """
    end = data.rfind(_LINE)
    last = data.rfind(_LINE, 0, max(end, 0)) + 1
    if not last and not whole:
        return None
    ended = data[last : last + len(_END)] == _END and end == len(data) - 1
    stop = end
    while (at := data.rfind(_NODES, 0, max(stop, 0))) >= 0:
        begin = data.rfind(_LINE, 0, at) + 1
        if not begin and not whole:
            return None
        with suppress(ValueError, LookupError, TypeError, RecursionError):
            record = json.loads(data[begin : data.find(_LINE, at)])
            return int(record["nodes"][-1]["id"]) + 1, ended
        stop = begin
    return (0, ended) if whole else None
