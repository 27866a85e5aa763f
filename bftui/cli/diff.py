"""`bftui diff`: two traces side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli import options as o
from bftui.cli.interrupt import interruptible
from bftui.cli.opening import check_output, deliver
from bftui.cli.progress import bar
from bftui.core.errors import DifferenceFound

if TYPE_CHECKING:
    from bftui.trace.diff import Compared

_ROWS = 12
"""Rows that are shown on either side of the place where two paths part."""


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A trace file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    output: o.Output = None,
    as_json: o.Json = False,
) -> int:
    """Compare two traces: where they part, their branching factors side by side, and settings that differ.

    Traces are the same when only times and the place of the model's file differ.
    """
    from bftui.trace.diff import compare
    from bftui.trace.document import refuse_inputs
    from bftui.trace.reading import TraceFile

    with interruptible() as interruption, bar(interruption) as show:
        check_output(output)
        refuse_inputs(output, a, b)
        files = []
        for path in (a, b):
            show(None, f"reading {path.name}")
            files.append(TraceFile(path))
            interruption.check()
        show(None, "comparing")
        found = compare(*files)
        deliver(show, found.as_dict(), told(found), as_json=as_json, output=output)
    if not found.same:
        raise DifferenceFound(f"{a} and {b} differ", str(found.first))
    return 0


def told(found: Compared) -> str:
    """The comparison for people; safe to print."""
    from bftui.cli.tables import aligned, clipped, number, paragraph
    from bftui.core.text import safe

    lines: list[str] = []
    if found.settings:
        rows = [["setting", "A", "B"]]
        rows += [
            [clipped(safe(text), 26) for text in (each.name, str(each.a), str(each.b))]
            for each in found.settings
        ]
        lines += [aligned(rows, "<<<", first=26), ""]
    part = next((each.position for each in found.path if not each.common), len(found.path))
    shown = found.path[max(0, part - _ROWS) : part + _ROWS]
    if shown:
        rows = [["position", "A", "BF", "B", "BF", ""]]
        for each in shown:
            cells = [str(each.position)]
            for text, bf in zip(each.texts, each.bf, strict=True):
                cells += [clipped(text or "–", 20), number(bf)]
            rows.append([*cells, "" if each.common else "parted"])
        lines += [aligned(rows, "><><><"), ""]
    for place, *pair in found.actions[:_ROWS]:
        told_ = [
            "–" if action is None else clipped(safe(f"{action['op']} {action['args']}"), 28)
            for action in pair
        ]
        lines.append(f"action {place}: {told_[0]} | {told_[1]}")
    if found.differing > _ROWS:
        lines.append(f"and {found.differing - _ROWS} more actions that differ")
    drift = "" if found.largest is None else f", H(P) at most {found.largest[0]:.2e} nats apart"
    lines.append(
        paragraph(
            f"{found.common} nodes in common of {found.nodes[0]} and {found.nodes[1]}{drift}; "
            f"{'the same' if found.same else f'they differ first in {safe(str(found.first))}'}. "
            "BF: exp(H(P~)) of the distribution that the token comes from."
        )
    )
    return "\n".join(lines)
