"""Progress on stderr: bars where that is a terminal, silence where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli.shared.interrupt import Interruption
from bftui.cli.shared.tables import clipped
from bftui.core.job import duration
from bftui.core.text import safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


_BAR, _CLOCK = 20, 28
"""Cells of the bar, and of the longest time beside it."""
_BESIDE = _BAR + _CLOCK + 2

_SETTLED_S = 2.0
"""Seconds of a piece of work before what is left of it is said."""


class Bar:
    """A bar with a clock, or nothing where stderr is not a terminal; called as `backends.protocol.Progress`.

    The clock runs from the beginning of the command to its end, through all pieces of its work.
    """

    def __init__(self, interruption: Interruption, progress: Progress | None = None) -> None:
        self._interruption, self._progress = interruption, progress
        self._began: tuple[float, float] | None = None
        self._share: float | None = None
        if progress is not None:
            progress.add_task("loading", total=None, left=None)

    def __call__(self, share: float | None, text: str, left: float | None = None) -> bool:
        """Shows how far the work is; False, which cancels loading, once ctrl+c was pressed.

        Args:
            share: of the piece of work, in [0, 1]; None where nobody knows.
            left: seconds that it takes yet; None leaves it to be judged by what is done.
        """
        if self._progress is not None:
            (task,) = self._progress.tasks
            # `Progress.update` takes no total away, and a task that was finished once has a clock that stands.
            task.total = None if share is None else 1.0
            left = self._left(share, self._progress.get_time()) if left is None else left
            text = clipped(safe(text), max(12, self._progress.console.width - _BESIDE))
            self._progress.update(task.id, description=text, completed=share or 0.0, left=left)
        return not self._interruption.requested

    def begin(self) -> None:
        """Begins another piece of work: what is left of it is judged from here."""
        self._share = None

    def _left(self, share: float | None, now: float) -> float | None:
        """Seconds to the end of the piece, if it goes on as it did; None while nobody knows."""
        if share is None or self._share is None or share < self._share:
            self._began = None if share is None else (now, share)
        self._share = share
        if share is None or self._began is None:
            return None
        seconds, done = now - self._began[0], share - self._began[1]
        return seconds * (1 - share) / done if seconds >= _SETTLED_S and done > 0 else None

    def say(self, text: str) -> None:
        """Prints a line about the work, above the bar."""
        line = f"bftui: {safe(' '.join(text.split()))}"
        if self._progress is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Takes the bar away for good: before anything is printed."""
        if self._progress is not None:
            self._progress.stop()


@contextmanager
def bar(interruption: Interruption) -> Iterator[Bar]:
    """A bar that vanishes with the block."""
    if not sys.stderr.isatty():
        yield Bar(interruption)
        return
    from rich.console import Console

    # Results go to standard output, whatever the terminal is told meanwhile.
    with progress_on(Console(stderr=True)) as progress:
        yield Bar(interruption, progress)


def progress_on(console: Console, get_time: Callable[[], float] | None = None) -> Progress:
    """What a `Bar` draws with: its text, the bar, the time since it began and the time that is left."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Clock(ProgressColumn):
        def render(self, task: Task) -> Text:
            elapsed = timedelta(seconds=int(task.elapsed or 0))
            left = task.fields["left"]
            said = "" if left is None else f" · {duration(left)} left"
            return Text(f"{elapsed}{said}", style="progress.elapsed")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR),
        Clock(),
        console=console,
        get_time=get_time,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Says that a file is read: a long one takes a while. ctrl+c ends the program as it does outside of any work."""
    with bar(Interruption()) as show:
        show(None, f"reading {path.name}")
        yield
