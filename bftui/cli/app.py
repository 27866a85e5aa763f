"""The table of commands. Imports nothing heavy: `--help` must come at once."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.main import get_command

from bftui import __version__
from bftui.cli import (
    about,
    check,
    config,
    diff,
    doctor,
    export,
    lexicon,
    lookahead,
    measure,
    nudge,
    record,
    replay,
    report,
    respond,
    sessions,
    shift,
    themes,
    workbench,
)

app = typer.Typer(
    name="bftui",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"bftui {__version__}")
        raise typer.Exit


@app.callback()
def _bftui(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something fails.")
    ] = False,
) -> None:
    """A terminal workbench for the next-token distributions of language models on your own machine.

    `bftui run` opens the workbench on the practice model that comes with it; `bftui run MODEL.gguf` on any other.
    """


app.command("run")(workbench.run)
app.command("record")(record.record)
app.command("lookahead")(lookahead.lookahead)
app.command("respond")(respond.respond)
app.command("measure")(measure.measure)
app.command("shift")(shift.shift)
app.command("nudge")(nudge.nudge)
app.command("lexicon")(lexicon.lexicon)
app.command("replay")(replay.replay)
app.command("check")(check.check)
app.command("diff")(diff.diff)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("sessions")(sessions.sessions)
app.command("info")(about.info)
app.command("doctor")(doctor.doctor)
app.command("schema")(about.schema)
app.command("keys")(about.keys)
app.command("themes")(themes.themes)
app.command("config")(config.config)


def command() -> Any:
    """The parser behind the program."""
    return get_command(app)
