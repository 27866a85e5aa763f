"""`bftui report`: a trace as a page to read, print and attach."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui import __version__
from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import check_output, to_file
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.trace.report.html_page import TraceReport


def report(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="A trace, or the journal of a session.")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Write the page here, as HTML.", show_default=False),
    ],
    light: Annotated[bool, typer.Option("--light", help="Always light.")] = False,
    dark: Annotated[
        bool,
        typer.Option("--dark", help="Always dark, but on paper [default: as the reader's system]."),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write every picture there too, as SVG and as PNG."),
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Write a trace as one HTML page: text, curves, tree and measurements, with what the numbers are.

    The page needs no network and no other file.
    """
    if light and dark:
        raise UsageError("--light and --dark exclude each other")
    if as_json and not to_file(output):
        raise UsageError("--json and -o - both go to the standard output", hint="leave one out")
    from bftui.trace.document import refuse_inputs
    from bftui.trace.report.figures import axes

    axes.require()
    with interruptible() as interruption, bar(interruption) as show:
        check_output(output)
        refuse_inputs(output, trace)
        from bftui.session.records.open_trace import trace_file
        from bftui.trace.report.html_page import page, report_of
        from bftui.trace.report.palette import DARK, LIGHT
        from bftui.trace.report.report_files import make_folder, save_page, save_pictures

        if pictures is not None:
            make_folder(pictures)
        show(None, "reading the trace")
        file = trace_file(trace)
        interruption.check()
        show(None, "gathering")
        found = report_of(file)
        interruption.check()
        show(None, "drawing")
        text = page(found, __version__, "light" if light else "dark" if dark else None)
        interruption.check()
        if to_file(output):
            save_page(text, output)
        saved: list[Path] = []
        for path in (
            () if pictures is None else save_pictures(found, pictures, DARK if dark else LIGHT)
        ):
            saved.append(path)
            show(None, path.name)
            interruption.check()
        show.end()
    if not to_file(output):
        sys.stdout.write(text)
        return
    sys.stdout.write(_told(found, output, len(text.encode()), saved, as_json=as_json))


def _told(found: TraceReport, output: Path, size: int, saved: list[Path], *, as_json: bool) -> str:
    """What was written, as JSON or for people."""
    from bftui.cli.shared.tables import paragraph
    from bftui.core.text import counted, json_text, safe

    content = found.content
    if as_json:
        from bftui.results.codec import encode
        from bftui.results.listing_outputs import ReportOutput

        page = ReportOutput(
            report=str(output),
            bytes=size,
            nodes=content.file.count,
            tokens=content.path.length,
            measurements=found.measured_count,
            pictures=tuple(map(str, saved)),
            left_out=tuple(found.left_out()),
        )
        return json_text(encode(page)) + "\n"
    written = f"{output}: {size / 1e6:.1f} MB, {counted(content.path.length, 'token')} of the path"
    lines = [f"{written}, {counted(found.measured_count, 'measurement')}."]
    lines += [f"{each[0].upper()}{each[1:]}." for each in found.left_out()]
    if saved:
        lines.append(f"{counted(len(saved), 'picture')} in {saved[0].parent}.")
    return "\n".join(paragraph(safe(line)) for line in lines) + "\n"
