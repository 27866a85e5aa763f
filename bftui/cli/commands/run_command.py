"""`bftui run`: the workbench."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.resume_options import Resume, reopened
from bftui.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from bftui.model.prompt import Template
    from bftui.session.records.resume import Saved
    from bftui.ui.config_file import Config
    from bftui.workbench.settings import PartnerSettings


@o.unfolded
def run(
    *,
    context: typer.Context,
    model: o.ModelOrNone = None,
    resuming: Resume,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace here on quit and on `e`.")
    ] = None,
    theme: o.Theme = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Work on lines of text, without a screen: for screen readers, simple terminals and pipes.",
        ),
    ] = False,
    low_bandwidth: Annotated[
        bool | None,
        typer.Option(
            "--low-bandwidth/--no-low-bandwidth",
            help="Spare a slow line: at most 4 pictures a second while it plays, 256 colours, no animations.",
            show_default=False,
        ),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(
            help="Words of the style palette, with commas between them [default: those of config.toml]."
        ),
    ] = None,
    question: o.PromptOptions,
    sampling: o.Sampling,
    response: Annotated[
        Literal["auto", "off"],
        typer.Option(
            help="auto measures a forced text against texts like it, for ten seconds; off waits for `E`."
        ),
    ] = "auto",
    opening: o.OpeningOptions,
    partner: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Open a second model beside the first: any MODEL form."),
    ] = None,
    second: o.PartnerOptions,
) -> int:
    """Open the workbench: step, force and branch, and see the branching factor respond."""
    from bftui.ui.config_file import checked_words, config_path, read_config

    text = question.text()
    opening.check_labels(1 if partner is None else 2)
    saved = resuming.saved(question, sampling)
    config = read_config()
    untyped = partial(_untyped, context)
    drawing = replace(sampling, **untyped(config.sampler))
    usual = replace(opening, **untyped(config.model))
    palette = config.words if words is None else checked_words(words.split(","), "--words")
    automatic = untyped({"response": config.response}).get("response", response)
    from bftui.ui.terminal.terminal import check_terminal
    from bftui.workbench.settings import ResponsePlan, WorkbenchSettings

    opened, first = model or "practice", usual
    prompt = None if text is None else question.frame.around(text)
    if saved is not None:
        opened, first = reopened(saved.opening, model, opening)
        prompt = saved.prompt
    seldom = config.low_bandwidth if low_bandwidth is None else low_bandwidth
    if not plain:
        check_terminal("`bftui run --plain` works on lines of text")
        pace_drawing(seldom)
    settings = WorkbenchSettings(
        model=opened,
        backend=first.backend,
        options=first.keywords(),
        label=first.named,
        prompt=prompt,
        frame=question.frame.around(""),
        sampler=drawing.checked(),
        texts=drawing.texts(),
        trace=trace,
        theme=None if plain else chosen_theme(theme, config),
        state_dir=_journals,
        config=config_path,
        words=palette,
        partner=_beside(partner, second, usual, saved),
        response=automatic,
        plan=ResponsePlan(
            config.response_samples, config.response_horizon, config.response_seconds
        ),
        shading=config.shading,
        low_bandwidth=seldom,
        keymap=config.keymap,
        resumed=saved,
    )
    if plain:
        from bftui.cli.plain.plain_loop import run_plain

        return run_plain(settings)
    # What is made before the first frame stays: looking for garbage would only delay it.
    gc.disable()
    from bftui.ui.app import run as run_workbench

    try:
        return run_workbench(settings)
    finally:
        gc.enable()


def _untyped(context: typer.Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values of the config file whose options were left out."""
    found = {}
    for name, value in values.items():
        source = context.get_parameter_source(name)
        if source is None or source.name == "DEFAULT":
            found[name] = value
    return found


def chosen_theme(typed: str | None, config: Config) -> str | None:
    """The theme to begin with: what was typed, else that of the config file; None takes what suits the terminal.

    Raises InputError for a theme of the config file that does not exist.
    """
    if typed is not None or config.theme is None:
        return typed
    from bftui.ui.config_file import config_path
    from bftui.ui.themes.theme_styles import find

    try:
        find(config.theme)
    except UsageError as error:
        raise InputError(f"{config_path()}: {error.message}", error.reason, error.hint) from error
    return config.theme


def _journals() -> Path:
    """Where journals go. Asked for after the first frame, which needs nothing of what writes them."""
    from bftui.trace.journal import default_directory

    return default_directory()


def pace_drawing(seldom: bool) -> None:
    """Says how soon Textual draws what changed, at once or seldom, for a slow line; must come before it is imported."""
    # Textual's own 60 a second make a key wait for two of its ticks; nothing is drawn more often for more of them.
    chosen = {"TEXTUAL_FPS": "240"}
    if seldom:
        chosen = {
            "TEXTUAL_FPS": "15",
            "TEXTUAL_ANIMATIONS": "none",
            "TEXTUAL_SMOOTH_SCROLL": "0",
        }
        if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
            # Two thirds of what is sent says which colour comes next.
            chosen["TEXTUAL_COLOR_SYSTEM"] = "256"
    for name, value in chosen.items():
        os.environ.setdefault(name, value)


def _beside(
    partner: str | None, second: o.PartnerOptions, opening: o.OpeningOptions, saved: Saved | None
) -> PartnerSettings | None:
    """The second model that is asked for, or that a resumed session had."""
    beside = second.opening(opening)
    if partner is not None:
        return _partner(partner, second.partner_template, beside)
    was = None if saved is None else saved.partner
    if was is None:
        return None
    found, template = was
    named, beside = reopened(found, None, beside)
    return _partner(named, template, beside)


def _partner(model: str, template: Template, opening: o.OpeningOptions) -> PartnerSettings:
    from bftui.workbench.settings import PartnerSettings

    return PartnerSettings(model, opening.backend, opening.keywords(), opening.named, template)
