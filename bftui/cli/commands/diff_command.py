"""`bftui diff`: two traces side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import check_output, deliver
from bftui.cli.shared.progress_bars import bar
from bftui.core.definitions import BF
from bftui.core.errors import DifferenceFound

if TYPE_CHECKING:
    from bftui.trace.diff.trace_comparison import TraceComparison
    from bftui.trace.diff.tree_overlay import Parting

_ROWS = 12
"""Rows that are shown on either side of the place where two paths part."""


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A trace, or a journal.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    output: o.Output = None,
    as_json: o.Json = False,
) -> int:
    """Compare two traces: where they part, their branching factors side by side, and settings that differ.

    Prompts and branches are found again wherever they stand. Traces are the same when only times and the place of the
    model's file differ.
    """
    from bftui.results.codec import encode
    from bftui.session.records.open_trace import trace_file
    from bftui.trace.diff.trace_comparison import compare
    from bftui.trace.document import refuse_inputs

    with interruptible() as interruption, bar(interruption) as show:
        check_output(output)
        refuse_inputs(output, a, b)
        files = []
        for path in (a, b):
            show(None, f"reading {path.name}")
            files.append(trace_file(path))
            interruption.check()
        show(None, "comparing")
        found = compare(*files)
        deliver(show, encode(found.output()), told(found), as_json=as_json, output=output)
    if not found.same:
        raise DifferenceFound(f"{a} and {b} differ", str(found.first))
    return 0


def told(found: TraceComparison) -> str:
    """The comparison for people; safe to print."""
    from bftui.cli.shared.tables import paragraph
    from bftui.core.text import safe

    drift = "" if found.largest is None else f", H(P) at most {found.largest[0]:.2e} nats apart"
    if found.within_noise and found.largest is not None and found.largest[0] > 0:
        drift += " (within the noise floor)"
    blocks = [
        _settings(found),
        _prompts(found),
        _partings(found),
        _paths(found),
        _actions(found),
        paragraph(
            f"{found.common} nodes in common of {found.nodes[0]} and {found.nodes[1]}{drift}; "
            f"{'the same' if found.same else f'they differ first in {safe(str(found.first))}'}."
        ),
    ]
    return "\n\n".join(filter(None, blocks))


def _settings(found: TraceComparison) -> str:
    from bftui.cli.shared.tables import aligned, clipped
    from bftui.core.text import safe

    if not found.settings:
        return ""
    rows = [["setting", "A", "B"]]
    rows += [
        [clipped(safe(text), 26) for text in (each.name, *map(_said, (each.a, each.b)))]
        for each in found.settings
    ]
    return aligned(rows, "<<<", first=26)


def _said(value: object) -> str:
    return "–" if value is None else str(value)


def _prompts(found: TraceComparison) -> str:
    """The prompts, where there are several or one that only one of the two has."""
    from bftui.cli.shared.tables import aligned, clipped
    from bftui.core.text import safe

    if len(found.prompts) == 1 and None not in found.prompts[0].roots:
        return ""
    rows = [["", "prompt", "nodes A", "nodes B", "in both"]]
    for place, each in enumerate(found.prompts):
        counts = [
            "–" if root is None else str(count)
            for root, count in zip(each.roots, each.nodes, strict=True)
        ]
        text = clipped(safe(each.text), 40)
        rows.append([str(place), text, *counts, "–" if None in each.roots else str(each.common)])
    return aligned(rows, "><>>>")


def _partings(found: TraceComparison) -> str:
    """Where the trees part, whatever the paths are."""
    from bftui.cli.shared.tables import aligned, clipped, number

    if not found.partings:
        return ""
    several = len(found.prompts) > 1
    rows = [["prompt", "position", "after", "BF", "then only in A", "then only in B"]]
    for each in found.partings[:_ROWS]:
        node = each.nodes[0]
        after = found.texts[0].get(node, "the prompt")
        bf = number(found.bf[0][node])
        cells = [_tokens(found, each, side) for side in (0, 1)]
        rows.append([str(each.prompt), str(each.position), clipped(after, 14), bf, *cells])
    if not several:
        rows = [row[1:] for row in rows]
    table = aligned(rows, ">><><<" if several else "><><<")
    more = found.parted - _ROWS
    return table + (f"\nand {more} more places where they part" if more > 0 else "")


def _tokens(found: TraceComparison, each: Parting, side: int) -> str:
    """The tokens that only one trace goes on with; – where there are none."""
    from bftui.cli.shared.tables import clipped

    shown = [found.texts[side][node] for node in each.only[side]]
    if not shown:
        return "–"
    text = clipped(" ".join(shown[:3]), 19)
    rest = each.counts[side] - min(3, len(shown))
    return f"{text} +{rest}" if rest else text


def _paths(found: TraceComparison) -> str:
    """The visible paths around the place where they part."""
    from bftui.cli.shared.tables import aligned, clipped, number

    part = next((each.position for each in found.path if not each.common), len(found.path))
    shown = found.path[max(0, part - _ROWS) : part + _ROWS]
    if not shown:
        return ""
    rows = [["position", "path of A", "BF", "path of B", "BF", ""]]
    for each in shown:
        cells = [str(each.position)]
        for text, bf in zip(each.texts, each.bf, strict=True):
            cells += [clipped(text or "–", 20), number(bf)]
        rows.append([*cells, "" if each.common else "parted"])
    note = f"BF: {BF.formula} of the distribution that the token comes from."
    return f"{aligned(rows, '><><><')}\n{note}"


def _actions(found: TraceComparison) -> str:
    from bftui.cli.shared.tables import aligned, clipped
    from bftui.core.text import safe

    if not found.actions:
        return ""
    rows = [["A", "action of A", "B", "action of B"]]
    for each in found.actions[:_ROWS]:
        row = []
        for place, action in zip(each.places, each.actions, strict=True):
            what = "–" if action is None else f"{action['op']} {action['args'] or ''}".rstrip()
            row += ["" if place is None else str(place), clipped(safe(what), 30)]
        rows.append(row)
    more = found.differing - _ROWS
    return aligned(rows, "><><") + (f"\nand {more} more actions that differ" if more > 0 else "")
