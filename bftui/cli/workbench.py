"""`bftui run`: the workbench."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bftui.cli import options as o
from bftui.core.errors import UsageError


@o.unfolded
def run(
    *,
    model: o.Model = "practice",
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace here on quit and on `e`.")
    ] = None,
    theme: Annotated[
        str | None, typer.Option(help="dark, light, mono or ansi [default: dark].")
    ] = None,
    question: o.Question,
    sampling: o.Sampling,
    response: Annotated[
        Literal["auto", "off"],
        typer.Option(
            help="auto measures a forced text against controls where that takes 10 s at most; off waits for `E`."
        ),
    ] = "auto",
    opening: o.Opening,
) -> int:
    """Open the workbench: step, force and branch, and see the branching factor respond."""
    text = question.text()
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the workbench needs a terminal",
            "input or output is not one",
            "use `bftui record` in scripts",
        )
    from bftui.ui.app import run as run_workbench
    from bftui.ui.settings import WorkbenchSettings

    return run_workbench(
        WorkbenchSettings(
            model=model,
            backend=opening.backend,
            options=opening.keywords(),
            prompt=None if text is None else question.frame.around(text),
            frame=question.frame.around(""),
            sampler=sampling.sampler(),
            trace=trace,
            theme=theme,
            state_dir=_state_dir,
            response=response,
        )
    )


def _state_dir() -> Path:
    from platformdirs import user_state_path

    return user_state_path("bftui") / "sessions"
