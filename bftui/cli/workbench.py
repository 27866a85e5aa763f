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
    words: Annotated[
        str | None,
        typer.Option(
            help="Words of the style palette, with commas between them [default: those of config.toml]."
        ),
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
    partner: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Open a second model beside the first: any MODEL form."),
    ] = None,
    second: o.PartnerOptions,
) -> int:
    """Open the workbench: step, force and branch, and see the branching factor respond."""
    from bftui.cli.config import checked_words, read_config

    text = question.text()
    config = read_config()
    palette = config.words if words is None else checked_words(words.split(","), "--words")
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the workbench needs a terminal",
            "input or output is not one",
            "use `bftui record` in scripts",
        )
    from bftui.trace.journal import default_directory
    from bftui.ui.app import run as run_workbench
    from bftui.ui.settings import PartnerSettings, WorkbenchSettings

    beside = second.opening(opening)
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
            state_dir=default_directory,
            words=palette,
            partner=None
            if partner is None
            else PartnerSettings(
                partner, beside.backend, second.partner_template, beside.keywords()
            ),
            response=response,
        )
    )
