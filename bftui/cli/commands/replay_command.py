"""`bftui replay`: the workbench on a trace, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bftui.cli.commands.run_command import chosen_theme, pace_drawing
from bftui.cli.shared import options as o
from bftui.cli.shared.progress_bars import reading


def replay(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="A trace, or the journal of a session.")
    ],
    speed: Annotated[
        Literal["recorded", "1", "2", "5", "10", "20", "50", "max"],
        typer.Option(
            help="Actions a second when it plays, also - and = there; recorded keeps pauses up to 2 s."
        ),
    ] = "recorded",
    theme: o.Theme = None,
) -> int:
    """Walk and play what a trace or a journal holds, in the workbench, without its model."""
    from bftui.session.records.trace_replay import Replay

    with reading(trace):
        found = Replay(trace)
    from bftui.ui.config_file import config_path, read_config
    from bftui.ui.terminal.terminal import check_terminal

    config = read_config()
    check_terminal("`bftui report` writes a trace as a page")
    pace_drawing(config.low_bandwidth)
    from bftui.ui.app import run as run_workbench
    from bftui.workbench.settings import WorkbenchSettings

    pace = {"recorded": -1.0, "max": 0.0}.get(speed)
    return run_workbench(
        WorkbenchSettings(
            model=str(trace),
            prompt=found.session.prompt,
            theme=chosen_theme(theme, config),
            shading=config.shading,
            keymap=config.keymap,
            low_bandwidth=config.low_bandwidth,
            config=config_path,
            replay=found,
            pace=float(speed) if pace is None else pace,
        )
    )
