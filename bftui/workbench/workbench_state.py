"""What the screen knows of the engine's thread, and what is between the two.

Here and in `bridge.py` is all that a first frame needs of it: what the thread runs (`loop.py`) is imported there.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.workbench.notice import Kind, Notice
from bftui.workbench.settings import WorkbenchSettings

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt, Rendered
    from bftui.session.session import Session
    from bftui.trace.journal import Journal
    from bftui.workbench.journal_keeping import Farewell
    from bftui.workbench.queries import Asked, PageKey, PreviewKey, SplitKey

RATES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 0.0)
"""Tokens a second that playing may be held to; 0 is as fast as the model goes."""
RECORDED = -1.0
"""The pace of what was recorded."""


class Word(StrEnum):
    """The state in the words of the status line."""

    LOADING = "loading"
    READY = "ready"
    REPLAY = "replay"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Opening:
    """A job that opens a model: it stays queued when work is stopped, as the screen says that it loads."""

    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()


def nothing() -> None:
    """The job that wakes the engine's thread, so that it looks at what changed."""


class EngineState:
    """What both sides know.

    Attributes:
        settings: how to start.
        session, model, journal: as soon as they are there; read-only for everybody but the engine's thread.
        word, share, doing: the state; how much is loaded and what is being done, while loading.
        ends: whether the model's process ended twice at the same thing: opening it again would not help.
        source, loading: the MODEL form of what runs, and of what is being opened.
        playing, rate: whether it steps by itself, and the place in `rates`.
        played: of a replay, how many actions were done again and how many there are; None where a model runs.
        prompt, refused: the latest prompt that was asked for; the one that could not be taken.
        left: nodes of the visible path whose numbers wait to be made anew under the sampler in force.
        automatic: whether a forced text is measured without being asked for.
        pages, splits, previews, rendered: what was asked of the model; None, an empty list or an error in words where
            there is no answer.
        kept: what is to be said of the sessions that ended before this one.
        notices: what to tell, in turn.

    For the bridge and the engine's thread alone:
        jobs: what to do next; None ends the thread.
        coming: a model that is being opened in the place of the one that runs.
        unaligned: whether numbers wait to be made anew.
        beside: whether what is being done is a piece of an experiment, or of what the partner does.
        due, steps: when playing takes its next step and took the latest ones, in seconds of the monotonic clock.
        stop_loading, closing: whether opening a model is to be stopped, and the thread is to end.
    """

    rates: tuple[float, ...] = RATES
    played: tuple[int, int] | None = None
    pages: Asked[PageKey, Page]
    splits: Asked[SplitKey, list[tuple[bytes, bool]]]
    previews: Asked[PreviewKey, NextToken | str]
    rendered: Asked[Prompt, Rendered | str]

    def __init__(self, settings: WorkbenchSettings, changed: Callable[[], None]) -> None:
        """`changed` is called from the engine's thread; it must return at once."""
        self.settings = settings
        self._changed = changed
        self.session: Session | None = None
        self.model: Model | None = None
        self.journal: Journal | None = None
        self.word = Word.LOADING
        self.ends = False
        self.share: float | None = None
        self.doing = ""
        self.source = settings.model
        self.loading = short_name(settings.model)
        self.playing = False
        self.rate = 3
        self.prompt = settings.prompt
        self.refused: Prompt | None = None
        self.left = 0
        self.automatic = settings.response == "auto"
        self.kept: list[Farewell] = []
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.coming: Model | None = None
        self.unaligned = self.beside = self.stop_loading = self.closing = False
        self.due = 0.0
        self.steps: deque[float] = deque(maxlen=256)
        # Each has one writer: given and dropped the screen's thread, done the engine's. The first job is opening.
        self.given = 1
        self.dropped = self.done = 0
        self._told = threading.Event()

    @property
    def working(self) -> bool:
        """Whether anything waits or is being done."""
        return self.playing or self.unaligned or self.given > self.dropped + self.done

    @property
    def asked(self) -> tuple[Asked[Any, Any], ...]:
        """Everything that is asked of the model."""
        return self.pages, self.splits, self.previews, self.rendered

    def say(self, text: str, kind: Kind = Kind.INFO) -> None:
        """Tells a person something; from any thread."""
        self.notices.put(Notice(text, kind))
        self.tell()

    def tell(self) -> None:
        """Says that something changed, once until it was heard; from any thread."""
        if not self._told.is_set():
            self._told.set()
            with suppress(RuntimeError):  # the screen is gone
                self._changed()

    def heard(self) -> None:
        """Lets the next change be told; called before its state is read."""
        self._told.clear()


def short_name(model: str) -> str:
    """A MODEL form for the status line."""
    return (Path(model).name or model) if "/" in model else model
