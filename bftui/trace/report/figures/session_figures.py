"""The pictures of a report: what is drawn, on axes that `drawing` makes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bftui.core.bf.estimate import CurvePoint, Window
from bftui.trace.report.branch_rows import Branches, BranchRow
from bftui.trace.report.content import F64, RAMP_TOP, STEPS, PathColumns
from bftui.trace.report.figures.axes import (
    Picture,
    factor_axis,
    legend_above,
    nats_beside,
    token_axis,
)
from bftui.trace.report.palette import Ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 240
"""Most points of a line; of more each is the mean of some positions, with the span of these behind it."""

_MOST_NATS = 23.0
"""More than any vocabulary can have."""

_NAMED = 44
"""Most positions whose tokens stand under the axis."""

_MARKED = 400
_TREE_ROWS = 40
_CELLS = 300


@dataclass(frozen=True, slots=True)
class Spread:
    """A branching factor with its interval, and those that it is the mean of; `name` is safe text."""

    name: str
    bf: float
    ci: tuple[float, float] | None
    special: bool = False
    of: tuple[float, ...] = ()


def path_curve(path: PathColumns) -> Picture:
    """BF over the positions of the path, with that of the partner, and the tokens that were chosen for the model."""
    notes = []
    if path.length + 1 > COLUMNS:
        notes.append(
            f"The path has {path.length:,} tokens: each point of the line is the mean ln BF of "
            f"{_width(path.length + 1)} positions, and the band goes from the smallest BF of them to the largest."
        )
    chosen = len(path.places("forced")) + len(path.places("nudged"))
    if chosen > 2 * _MARKED:
        notes.append("Of the marks only the first ones are drawn.")
    partner = bool(np.isfinite(path.partner).any())
    caption = "BF, exp H(P~), of the distribution that each token of the path comes from; full BF is exp H(P)."
    caption += " The partner's BF is at the same places." if partner else ""
    caption += " The last point is of what would come next." if _open(path) else ""
    caption += " It is of this one path: nothing is sampled, so there is no interval."
    return Picture("path", caption, 3.6, lambda f, ink: _path_curve(f, ink, path), (*notes,))


def _open(path: PathColumns) -> bool:
    return path.length > 0 and math.isfinite(path.entropy_truncated[-1])


def _width(count: int) -> int:
    """Positions that one point stands for."""
    return -(-count // COLUMNS)


def _path_curve(figure: Figure, ink: Ink, path: PathColumns) -> None:
    axes = figure.add_subplot()
    handles: list[Any] = []
    names: list[str] = []
    full, own, partner = (
        np.exp(np.minimum(column, _MOST_NATS))
        for column in (path.entropy, path.entropy_truncated, path.partner)
    )
    known = np.concatenate([column[np.isfinite(column)] for column in (full, own, partner)])
    factor_axis(axes, 1.0, float(known.max()) if len(known) else 2.0)
    lines: tuple[tuple[str, F64, dict[str, Any]], ...] = (
        ("full BF", full, {"color": ink.dim, "linestyle": ":", "linewidth": 1.1}),
        ("partner's BF", partner, {"color": ink.good, "linestyle": "--", "marker": "s"}),
        ("BF", own, {"color": ink.accent, "marker": "o"}),
    )
    for name, column, look in lines:
        if np.isfinite(column).any():
            handles.append(_line(axes, column, spanned=column is own, **look))
            names.append(name)
    handles, names = handles[::-1], names[::-1]
    # Just above the axis, wherever the smallest BF is.
    low = axes.get_xaxis_transform()
    for source, marker, colour in (("forced", "^", ink.forced), ("nudged", "D", ink.bad)):
        at = path.places(source)[:_MARKED]
        if at:
            for first, last in _runs(at)[:40]:
                axes.axvspan(
                    first - 0.3, last + 0.3, color=colour, alpha=0.1, linewidth=0, zorder=0
                )
            mark = axes.plot(at, [0.03] * len(at), marker, color=colour, transform=low, zorder=5)
            handles.append(mark[0])
            names.append(f"{source} token")
    _positions(axes, path)
    axes.set_ylabel("BF")
    nats_beside(axes)
    if handles:
        legend_above(axes, handles, names)


def _runs(at: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending positions as (first, last) of each run without a gap."""
    found: list[tuple[int, int]] = []
    for t in at:
        if found and found[-1][1] == t - 1:
            found[-1] = (found[-1][0], t)
        else:
            found.append((t, t))
    return found


def _line(axes: Axes, column: F64, *, spanned: bool, marker: str = "", **look: Any) -> Any:
    """A line over positions: as it is, or in `COLUMNS` means, with their span behind them where that is asked for."""
    count = len(column)
    width = _width(count)
    if width == 1:
        marked = marker if count <= 200 else ""
        return axes.plot(np.arange(count), column, marker=marked, markersize=3.5, **look)[0]
    starts = np.arange(0, count, width)
    logs = np.log(column)
    known = np.isfinite(logs)
    sums = np.add.reduceat(np.where(known, logs, 0.0), starts)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    mean = np.exp(np.where(counts > 0, sums / np.maximum(counts, 1), math.nan))
    low = np.exp(np.minimum.reduceat(np.where(known, logs, math.inf), starts))
    high = np.exp(np.maximum.reduceat(np.where(known, logs, -math.inf), starts))
    some = counts > 0
    middle = starts + (width - 1) / 2
    if spanned:
        axes.fill_between(
            middle,
            np.where(some, low, math.nan),
            np.where(some, high, math.nan),
            color=look["color"],
            alpha=0.15,
            linewidth=0,
        )
    return axes.plot(middle, mean, **look)[0]


def _positions(axes: Axes, path: PathColumns) -> None:
    """The positions, with the tokens where there is room."""
    from matplotlib.ticker import MaxNLocator

    if path.length <= _NAMED:
        token_axis(axes, path.labels, path.places("forced"))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("position after the prompt")
    last = path.length if _open(path) else path.length - 1
    axes.set_xlim(-0.6, max(last, 1) + 0.6)


def tree(found: Branches) -> Picture:
    """Draws the branches over positions, shaded by entropy; what goes on after a fork stays on its line."""
    drawn = _lines(found.rows)
    notes = []
    if (count := sum(map(len, drawn))) < found.count:
        notes.append(f"{count:,} of {found.count:,} branches are drawn.")
    return Picture(
        "tree",
        f"The {found.count:,} branches of the tree over positions; at a fork (│) the line goes on and what turns off "
        "has one of its own. Each token is shaded by H(P~) of the distribution that it comes from, from 0 to "
        f"{RAMP_TOP:g} nats and more, in the shades of the text; the visible path has a frame.",
        1.0 + 0.24 * max(2, len(drawn)),
        lambda figure, ink: _tree(figure, ink, drawn),
        tuple(notes),
    )


def _lines(rows: Sequence[BranchRow]) -> list[list[BranchRow]]:
    """Rows that go on from each other, in the order of the tree; of many lines those that weigh most."""
    ends: dict[int, list[BranchRow]] = {}
    found: list[list[BranchRow]] = []
    for row in rows:
        if row.is_prompt:
            continue
        line = ends.get(row.parent) if row.goes_on else None
        if line is None:
            line = []
            found.append(line)
        line.append(row)
        ends[row.nodes[-1]] = line
    most = sorted(min(row.weight for row in line) for line in found)[:_TREE_ROWS]
    return [line for line in found if min(row.weight for row in line) <= most[-1]]


def _tree(figure: Figure, ink: Ink, drawn: Sequence[Sequence[BranchRow]]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    furthest = max([1, *(row.start + len(row.entropies) for line in drawn for row in line)])
    for place, line in enumerate(drawn):
        for row in line:
            _bar(axes, ink, row, place)
            if row.goes_on:
                axes.plot(
                    [row.start] * 2, [place - 0.36, place + 0.36], color=ink.dim, linewidth=0.8
                )
    names = [f"{line[0].text[:22]}…" if len(line[0].text) > 23 else line[0].text for line in drawn]
    axes.set_yticks(range(len(drawn)), names)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(-0.02 * furthest, furthest * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("position after the prompt")
    axes.spines["right"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _bar(axes: Axes, ink: Ink, row: BranchRow, place: int) -> None:
    from matplotlib.patches import Rectangle

    length = len(row.entropies)
    edges = np.linspace(0, length, min(length, _CELLS) + 1).astype(int).tolist()
    steps = [_step(row.entropies[left:right]) for left, right in pairwise(edges)]
    axes.broken_barh(
        [(row.start + left, right - left) for left, right in pairwise(edges)],
        (place - 0.36, 0.72),
        facecolors=[ink.ramp[step] for step in steps],
        linewidth=0,
    )
    axes.add_patch(
        Rectangle(
            (row.start, place - 0.36),
            length,
            0.72,
            fill=False,
            edgecolor=ink.accent if row.on_path else ink.line,
            linewidth=1.3 if row.on_path else 0.6,
        )
    )
    if row.source in ("forced", "nudged"):
        colour, mark = (ink.forced, "^") if row.source == "forced" else (ink.bad, "D")
        axes.plot([row.start], [place], mark, color=colour, markersize=5, zorder=4)


def _step(entropies: F64) -> int:
    """The step of the ramp for the mean of some entropies; the first where there are none."""
    known = entropies[np.isfinite(entropies)]
    return int(min(STEPS - 1, known.mean() / RAMP_TOP * STEPS)) if len(known) else 0


def rollouts(
    name: str, points: Sequence[CurvePoint], wins: Sequence[Window], count: int
) -> Picture:
    """Draws the cumulative curve of some continuations with its band, and windows."""
    caption = (
        f"BF over the first t + 1 tokens of {count:,} continuations, entropy estimator: exp of the mean over them of "
        "each one's mean H(P~). A continuation that ended stays with its mean, so the last point is the BF of all. "
    )
    if any(point.low is not None for point in points):
        caption += "The band is the 95 % bootstrap interval over the continuations, at each position alone. "
    if wins:
        caption += "The points are windows of 5 tokens: the mean over those that still run."
    return Picture(
        name, caption.strip(), 3.2, lambda figure, ink: _rollouts(figure, ink, points, wins)
    )


def _rollouts(
    figure: Figure, ink: Ink, points: Sequence[CurvePoint], wins: Sequence[Window]
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    width = _width(len(points))
    points = points[::width]
    at = [point.position for point in points]
    known = [
        *(value for p in points for value in (p.bf, p.low, p.high) if value is not None),
        *(window.bf for window in wins),
    ]
    factor_axis(axes, min(known), max(known))
    (curve,) = axes.plot(at, [point.bf for point in points], color=ink.accent)
    handles: list[Any] = [curve]
    names = ["BF so far"]
    banded = [(p.position, p.low, p.high) for p in points if p.low is not None]
    if banded:
        where, low, high = zip(*banded, strict=True)
        band = axes.fill_between(where, low, high, color=ink.accent, alpha=0.18, linewidth=0)
        handles.append(band)
        names.append("95 % interval")
    if wins:
        few = wins[:: _width(len(wins))]
        (dots,) = axes.plot(
            [window.position + 2 for window in few],
            [window.bf for window in few],
            "o",
            color=ink.forced,
            markersize=3.5,
        )
        handles.append(dots)
        names.append("windows of 5 tokens")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("token after the place")
    axes.set_ylabel("BF")
    nats_beside(axes)
    legend_above(axes, handles, names)


def spreads(
    name: str, axis: str, drawn: Sequence[Spread], caption: str, *, before: float | None = None
) -> Picture:
    """Branching factors under each other, with their intervals where they have some, and the one before as a line."""
    height = 0.9 + 0.26 * len(drawn)
    return Picture(
        name,
        caption,
        height,
        lambda figure, ink: spreads_on(figure.add_subplot(), ink, axis, drawn, before),
    )


def spreads_on(
    axes: Axes, ink: Ink, axis: str, drawn: Sequence[Spread], before: float | None = None
) -> None:
    """Draws branching factors under each other on empty axes."""
    ends = [end for each in drawn if each.ci is not None for end in each.ci if end > 0]
    single = [bf for each in drawn for bf in each.of]
    known = [*(each.bf for each in drawn), *single, *ends, *([] if before is None else [before])]
    factor_axis(axes, min(known), max(known), axis="x")
    for place, each in enumerate(drawn):
        colour = ink.forced if each.special else ink.accent
        if each.ci is not None:
            axes.plot(each.ci, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        if each.of:
            places = [place] * len(each.of)
            axes.plot(each.of, places, "|", color=colour, markersize=9, alpha=0.7)
        marker = "^" if each.special else "o"
        axes.plot([each.bf], [place], marker, color=colour, markersize=6)
    if before is not None:
        axes.axvline(before, color=ink.dim, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(drawn)), [each.name for each in drawn])
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.set_xlabel(axis)
    axes.spines["right"].set_visible(False)
    axes.tick_params(axis="y", length=0)
