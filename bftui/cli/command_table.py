"""The table of commands. Imports nothing heavy: `--help` must come at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from bftui import __version__
from bftui.cli.shared.grouped_help import GroupedCommand

COMMANDS = {
    "run": "run_command",
    "record": "record_command",
    "lookahead": "lookahead_command",
    "respond": "respond_command",
    "measure": "measure_command",
    "diversity": "diversity_command",
    "forks": "forks_command",
    "horizon": "horizon_command",
    "shift": "shift_command",
    "nudge": "nudge_command",
    "dial": "dial_command",
    "calibrate": "calibrate_command",
    "inject": "inject_command",
    "lexicon": "lexicon_command",
    "replay": "replay_command",
    "check": "check_command",
    "diff": "diff_command",
    "report": "report_command",
    "export": "export_command",
    "sessions": "sessions_command",
    "models": "models_command",
    "info": "info_command",
    "doctor": "doctor_command",
    "schema": "info_command",
    "keys": "info_command",
    "themes": "themes_command",
    "config": "config_command",
}
"""Every command, in the order of the help, and the module of `bftui.cli.commands` in which a function has its name."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"bftui {__version__}")
        raise typer.Exit


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


def command(arguments: Sequence[str] = ()) -> Any:
    """The parser behind the program: of all commands, or of the one that the arguments begin with, for speed."""
    app = typer.Typer(
        name="bftui",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_bftui)
    named = [arguments[0]] if arguments and arguments[0] in COMMANDS else COMMANDS
    for name in named:
        module = import_module(f"bftui.cli.commands.{COMMANDS[name]}")
        app.command(name, cls=GroupedCommand)(getattr(module, name))
    return get_command(app)
