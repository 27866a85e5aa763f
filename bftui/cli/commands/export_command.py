"""`bftui export`: a trace as a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import check_output, to_file

Form = Literal["csv", "jsonl", "json"]


def export(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="A trace, or the journal of a session.")
    ],
    to: Annotated[
        Form,
        typer.Option(
            help="csv: a row for each node; jsonl: a line for each, with its candidates; json: the trace in its "
            "present form."
        ),
    ] = "csv",
    output: o.AnyOutput = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --to json.")] = False,
) -> None:
    """Write a trace as a table for data frames and spreadsheets."""
    from bftui.session.records.open_trace import trace_file
    from bftui.trace.document import refuse_inputs, replacing, saving
    from bftui.trace.trace_table import exported

    check_output(output)
    refuse_inputs(output, trace)
    pieces = exported(trace_file(trace), "json" if as_json else to)
    if not to_file(output):
        for piece in pieces:
            sys.stdout.write(piece)
        return
    with saving(output), replacing(output) as file:
        for piece in pieces:
            file.write(piece)
