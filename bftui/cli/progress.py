"""Progress on stderr: bars where that is a terminal, silence where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bftui.cli.interrupt import Interruption


@contextmanager
def bar(interruption: Interruption) -> Iterator[Callable[[float | None, str], bool]]:
    """A bar fed with (share or None, text), the shape of `backends.base.Progress`.

    It vanishes when it is done, and says False, which cancels loading, once ctrl+c was pressed.
    """
    if not sys.stderr.isatty():
        yield lambda share, text: not interruption.requested
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("loading", total=None)

        def show(share: float | None, text: str) -> bool:
            total = None if share is None else 1.0
            progress.update(task, description=text, total=total, completed=share or 0.0)
            return not interruption.requested

        yield show
