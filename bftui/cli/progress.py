"""Progress on stderr: bars where that is a terminal, silence where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli.interrupt import Interruption

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """A bar, or nothing where stderr is no terminal; called with (share or None, text) as `backends.base.Progress`."""

    def __init__(self, interruption: Interruption, progress: Progress | None = None) -> None:
        self._interruption, self._progress = interruption, progress
        self._task = None if progress is None else progress.add_task("loading", total=None)

    def __call__(self, share: float | None, text: str) -> bool:
        """Shows how far the work is; False, which cancels loading, once ctrl+c was pressed."""
        if self._progress is not None and self._task is not None:
            total = None if share is None else 1.0
            self._progress.update(self._task, description=text, total=total, completed=share or 0.0)
        return not self._interruption.requested

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
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    # Results go to standard output, whatever the terminal is told meanwhile.
    progress = Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        yield Bar(interruption, progress)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Says that a file is read: a long one takes a while. ctrl+c ends the program as it does outside of any work."""
    from bftui.core.text import safe

    with bar(Interruption()) as show:
        show(None, f"reading {safe(path.name)}")
        yield


def duration(seconds: float) -> str:
    """A time that is still to come, roughly: it is an estimate."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
