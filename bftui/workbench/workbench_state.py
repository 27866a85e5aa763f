"""What is between the front end's thread and the loop's: a queue of jobs, notices, and the snapshot of all."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Notice, Snapshot, Tone

if TYPE_CHECKING:
    from bftui.core.errors import BftuiError
    from bftui.session.commands import Command
    from bftui.workbench.queries import Query

RATES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 0.0)
"""Tokens a second that playing may be held to; 0 is as fast as the model goes."""
RECORDED = -1.0
"""The pace of what was recorded."""


@dataclass(frozen=True, slots=True)
class OpeningJob:
    """Opens a model. It stays queued when work is stopped, as the status says that a model loads."""

    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()


@dataclass(frozen=True, slots=True)
class Wake:
    """News of a model's process. Nobody waits for it, and it stays queued when work is stopped."""

    run: Callable[[], None]


def look_again() -> None:
    """Does nothing: the job that wakes the loop, so that it looks at what changed."""


Queued: TypeAlias = "Command | Callable[[], None] | Wake"
"""What waits for the loop, and is done in its thread."""


class WorkbenchState:
    """What both threads know.

    Attributes:
        settings: how to start.
        now: the latest snapshot. Either thread replaces it, by `publish`.
        notices: what to tell a person, in turn.

    For the workbench and its loop alone:
        jobs: what to do next; None ends the loop.
        queries: everything that is asked of the model.
        recomputing: whether numbers wait to be recomputed.
        aside: whether what is being done is a piece of something that nobody waits for.
        due, steps: when playing takes its next step and took the latest ones, in seconds of the monotonic clock.
        given, dropped, done: jobs that were queued, forgotten and done. Each has one writer: the loop's thread `done`.
    """

    def __init__(self, settings: WorkbenchSettings, changed: Callable[[], None]) -> None:
        """`changed` is called from any thread; it must return at once."""
        self.settings = settings
        self.now = Snapshot(
            source=settings.model,
            loading=short_name(settings.model),
            prompt=settings.prompt,
            automatic=settings.response == "auto",
            plan=settings.plan,
            rate=RATES.index(10.0),
        )
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.jobs: queue.SimpleQueue[Queued | None] = queue.SimpleQueue()
        self.queries: tuple[Query[Any, Any], ...] = ()
        self.recomputing = self.aside = False
        self.due = 0.0
        self.steps: deque[float] = deque(maxlen=256)
        # The first job is opening.
        self.given = 1
        self.dropped = self.done = 0
        self._halted_at = -1
        self._changed = changed
        self._told = threading.Event()
        self._lock = threading.Lock()

    def publish(self, **changes: Any) -> None:
        """Replaces fields of the snapshot; from any thread."""
        with self._lock:
            self.now = replace(self.now, **changes)

    @property
    def working(self) -> bool:
        """Whether anything waits or is being done."""
        return self.now.playing or self.recomputing or self.given > self.dropped + self.done

    def halt(self) -> None:
        """Has the job that is being done refused by its model until it ends; no other one is touched."""
        done = self.done
        if self.given > self.dropped + done:
            self._halted_at = done

    @property
    def halted(self) -> bool:
        """Whether the job that is being done is to stop; from any thread."""
        return self._halted_at == self.done

    def put(self, job: Command | Callable[[], None]) -> None:
        """Queues what somebody asks for."""
        self.given += 1
        self.jobs.put(job)

    def drain(self) -> None:
        """Forgets what waits, but for opening a model and for news of processes."""
        kept: list[Queued | None] = []
        with suppress(queue.Empty):
            while True:
                job = self.jobs.get_nowait()
                if isinstance(job, Wake | OpeningJob):
                    kept.append(job)
                else:
                    self.dropped += 1
        for job in kept:
            self.jobs.put(job)
        for query in self.queries:
            query.drop()

    def forget(self) -> None:
        """Forgets every answer of the model: they are another session's."""
        for query in self.queries:
            query.forget()

    def say(self, text: str, tone: Tone = Tone.INFO, error: BftuiError | None = None) -> None:
        """Tells a person something; from any thread."""
        self.notify(Notice(text, tone, error))

    def notify(self, notice: Notice | None) -> None:
        """Tells what there is to tell, if there is anything; from any thread."""
        if notice is not None:
            self.notices.put(notice)
            self.tell()

    def tell(self) -> None:
        """Says that something changed, once until it was heard; from any thread."""
        if not self._told.is_set():
            self._told.set()
            with suppress(RuntimeError):  # the screen is gone
                self._changed()

    def heard(self) -> bool:
        """Lets the next change be told; says whether there was one. Called before the snapshot is read."""
        told = self._told.is_set()
        self._told.clear()
        return told


def short_name(model: str) -> str:
    """A MODEL form for the status line."""
    return (Path(model).name or model) if "/" in model else model
