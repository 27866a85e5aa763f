"""`bftui run`: the workbench."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bftui.cli import options as o
from bftui.cli.resuming import Resume, reopened
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.session.resume import Saved
    from bftui.ui.settings import PartnerSettings


@o.unfolded
def run(
    *,
    model: o.ModelOrNone = None,
    resuming: Resume,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace here on quit and on `e`.")
    ] = None,
    theme: o.Theme = None,
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
    saved = resuming.saved(question, sampling)
    config = read_config()
    palette = config.words if words is None else checked_words(words.split(","), "--words")
    check_terminal()
    from bftui.trace.journal import default_directory
    from bftui.ui.app import run as run_workbench
    from bftui.ui.settings import WorkbenchSettings

    opened, first = model or "practice", opening
    prompt = None if text is None else question.frame.around(text)
    if saved is not None:
        opened, first = reopened(saved.opening, model, opening)
        prompt = saved.prompt
    return run_workbench(
        WorkbenchSettings(
            model=opened,
            backend=first.backend,
            options=first.keywords(),
            prompt=prompt,
            frame=question.frame.around(""),
            sampler=sampling.sampler(),
            trace=trace,
            theme=theme,
            state_dir=default_directory,
            words=palette,
            partner=_beside(partner, second, opening, saved),
            response=response,
            resumed=saved,
        )
    )


def _beside(
    partner: str | None, second: o.PartnerOptions, opening: o.Opening, saved: Saved | None
) -> PartnerSettings | None:
    """The second model that is asked for, or that a resumed session had."""
    from bftui.ui.settings import PartnerSettings

    beside = second.opening(opening)
    if partner is not None:
        return PartnerSettings(partner, beside.backend, second.partner_template, beside.keywords())
    was = None if saved is None else saved.partner
    if was is None:
        return None
    found, template = was
    named, beside = reopened(found, None, beside)
    return PartnerSettings(named, beside.backend, template, beside.keywords())


def check_terminal() -> None:
    """Raises UsageError where there is no terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the workbench needs a terminal",
            "input or output is not one",
            "use `bftui record` in scripts",
        )
