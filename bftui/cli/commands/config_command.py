"""`bftui config`: the config file, and everything that it may say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import emit
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.results.listing_outputs import ConfigOutput
    from bftui.ui.config_file import Config


def config(
    init: Annotated[
        bool,
        typer.Option("--init", help="Write it to where it is looked for, unless one is there."),
    ] = False,
    path: Annotated[
        bool, typer.Option("--path", help="Print where it is looked for, and nothing else.")
    ] = False,
    as_json: o.Json = False,
    output: o.AnyOutput = None,
) -> None:
    """Print a complete config file, every line of it a comment; with --json what holds now."""
    from bftui.core.text import json_text, safe
    from bftui.results.codec import encode
    from bftui.trace.document import refuse_inputs, saving
    from bftui.ui.config_file import config_path, default_text, read_config

    if init + path + as_json > 1:
        raise UsageError("--init, --path and --json exclude one another")
    where = config_path()
    refuse_inputs(output, where)
    if as_json:
        text = json_text(encode(_output(where, read_config(where))))
    elif path:
        # As it is for programs; a terminal would do what is in it.
        text = safe(str(where)) if sys.stdout.isatty() else str(where)
    else:
        text = f"# {safe(str(where))}\n{default_text().rstrip()}"
    if init:
        if where.exists():
            raise UsageError(f"{where} is there", hint="`bftui config` prints what it may say")
        with saving(where):
            where.parent.mkdir(parents=True, exist_ok=True)
        emit(text, where)
        text = safe(f"wrote {where}")
    emit(text, output)


def _output(path: Path, config: Config) -> ConfigOutput:
    """What holds, with the defaults where the file says nothing."""
    from bftui.results.listing_outputs import ConfigOutput
    from bftui.ui.config_file import OPTIONS
    from bftui.workbench.keys import shown

    sections: dict[str, Any] = {"": {}, "sampler": {}, "model": {}}
    for option in OPTIONS:
        said = getattr(config, option.section or option.name)
        found = said.get(option.name) if option.section else said
        sections[option.section][option.name] = option.default if found is None else found
    keys = {action: tuple(map(shown, its)) for action, its in config.keymap.keys.items()}
    top = sections.pop("")
    return ConfigOutput(path=str(path), exists=path.exists(), **top, **sections, keys=keys)
