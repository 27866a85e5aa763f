"""Plots in characters: lines over token positions, values with intervals, points over two shares."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bftui.cli.shared.tables import WIDTH, clipped, number, padded

HEIGHT = 12
_ROWS = 11
"""Of a scatter: the one in the middle is a half."""

_MARGIN = 8
_LABEL = 22
_MARKS = "●○▲△■□◆◇★"
_COLOURS = (34, 33, 32, 35, 36, 31, 37, 90, 93)
"""ANSI foregrounds; the marks alone tell the lines apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plot: `values[t]` is the branching factor, or the share, at token t; `name` is safe text."""

    name: str
    values: Sequence[float]


def plot(lines: Sequence[Line], *, colour: bool, shares: bool = False) -> str:
    """The lines in `WIDTH` columns, with a legend under them; later lines are drawn behind earlier ones.

    shares: the values are in [0, 1], and the axis is linear and in percent.
    """
    longest = max(len(line.values) for line in lines)
    columns = WIDTH - _MARGIN - 2
    scale = _Scale(0.0, 1.0) if shares else _logarithmic([v for line in lines for v in line.values])
    cells = [[" "] * columns for _ in range(HEIGHT)]
    for place, line in reversed(list(enumerate(lines))):
        mark = _marked(place, colour)
        for column in range(columns):
            at = column * (longest - 1) // max(1, columns - 1)
            if at < len(line.values) and (longest >= columns or _first(column, longest, columns)):
                cells[scale.row(line.values[at])][column] = mark
    rows = []
    for row in range(HEIGHT):
        tick = scale.tick(row) if row in (0, HEIGHT // 2, HEIGHT - 1) else ""
        rows.append(f"{tick:>{_MARGIN}} {'┤' if tick else '│'}{''.join(cells[row])}".rstrip())
    last = str(longest - 1)
    rows.append(" " * (_MARGIN + 1) + "└" + "─" * columns)
    rows.append(" " * (_MARGIN + 2) + "0" + last.rjust(columns - 1 if longest > 1 else 0))
    names = [
        f"{_marked(place, colour)} {clipped(line.name, WIDTH - 4)}"
        for place, line in enumerate(lines)
    ]
    return "\n".join([*rows, *names])


@dataclass(frozen=True, slots=True)
class Spot:
    """A value on an axis, with the ends of its interval where it has one."""

    value: float
    ci: Sequence[float] | None = None


def spots(
    rows: Sequence[tuple[str, Sequence[Spot | None]]], names: Sequence[str], *, colour: bool
) -> str:
    """Values from 0 on, a line for each row and kind, in `WIDTH` columns, with a legend under them.

    Args:
        rows: the name of each, safe text, and its values, one of each kind; None where there is none.
        names: the kinds.
        colour: the marks have one.
    """
    columns = WIDTH - _LABEL - 2
    known = [spot for _, each in rows for spot in each if spot is not None]
    high = max([spot.value for spot in known] + [spot.ci[1] for spot in known if spot.ci])
    high = max(high, 1e-9)

    def column(value: float) -> int:
        return round(min(max(value / high, 0.0), 1.0) * (columns - 1))

    lines = []
    for name, each in rows:
        for place, spot in enumerate(each):
            cells = [" "] * columns
            if spot is not None:
                low, top = spot.ci or (spot.value, spot.value)
                cells[column(low) : column(top) + 1] = "─" * (column(top) - column(low) + 1)
                cells[column(spot.value)] = _marked(place, colour)
            label = clipped(name, _LABEL) if place == 0 else ""
            lines.append(f"{padded(label, _LABEL)} │{''.join(cells)}".rstrip())
    lines.append(" " * (_LABEL + 1) + "└" + "─" * columns)
    lines.append(" " * (_LABEL + 2) + "0" + number(high).rjust(columns - 1))
    lines += [f"{_marked(place, colour)} {name}" for place, name in enumerate(names)]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of `scatter`; both in [0, 1]."""

    x: float
    y: float


def scatter(
    groups: Sequence[tuple[str, Sequence[Point]]],
    axes: tuple[str, str],
    *,
    colour: bool,
    logarithmic: bool = False,
) -> str:
    """Points in `WIDTH` columns over shares on both axes, with a legend; later groups are drawn over earlier ones.

    Args:
        groups: the name of each, safe text, and its points.
        axes: the names of x and y.
        colour: the marks have one.
        logarithmic: the axis of x is, from the decade of the smallest x above 0.
    """
    columns = WIDTH - _MARGIN - 2
    cells = [[" "] * columns for _ in range(_ROWS)]
    scale = _Scale(0.0, 1.0, rows=_ROWS)
    least = min((p.x for _, points in groups for p in points if p.x > 0), default=1.0)
    decades = max(1, math.ceil(-math.log10(least))) if logarithmic else 0

    def along(x: float) -> float:
        if not logarithmic:
            return min(max(x, 0.0), 1.0)
        return 0.0 if x <= 0 else min(max(1 + math.log10(x) / decades, 0.0), 1.0)

    for place, (_, points) in enumerate(groups):
        for point in points:
            column = round(along(point.x) * (columns - 1))
            cells[scale.row(min(max(point.y, 0.0), 1.0))][column] = _marked(place, colour)
    rows = [f"{axes[1]:>{_MARGIN}}"]
    for row in range(_ROWS):
        tick = scale.tick(row) if row in (0, _ROWS // 2, _ROWS - 1) else ""
        rows.append(f"{tick:>{_MARGIN}} {'┤' if tick else '│'}{''.join(cells[row])}".rstrip())
    rows.append(" " * (_MARGIN + 1) + "└" + "─" * columns)
    low = f"{100 * 10.0**-decades:.{max(0, decades - 2)}f} %" if logarithmic else "0 %"
    name = f"{axes[0]}, logarithmic" if logarithmic else axes[0]
    ends = f"{low}{name:^{columns - len(low) - 5}}100 %"
    rows.append(" " * (_MARGIN + 2) + ends)
    names = [f"{_marked(place, colour)} {name}" for place, (name, _) in enumerate(groups)]
    return "\n".join([*rows, *_folded(names)])


def _folded(names: Sequence[str]) -> list[str]:
    """The entries of a legend, three a line."""
    return ["   ".join(names[at : at + 3]) for at in range(0, len(names), 3)]


def coloured() -> bool:
    """Whether standard output shows colours, and may."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def _marked(place: int, colour: bool) -> str:
    mark = _MARKS[place % len(_MARKS)]
    return f"\x1b[{_COLOURS[place % len(_COLOURS)]}m{mark}\x1b[0m" if colour else mark


def _first(column: int, longest: int, columns: int) -> bool:
    """Whether a position has no column before this one: short lines are points, not bars."""
    at = column * (longest - 1) // max(1, columns - 1)
    before = (column - 1) * (longest - 1) // max(1, columns - 1)
    return column == 0 or at != before


@dataclass(frozen=True, slots=True)
class _Scale:
    """The axis from `low` at the bottom to `high` at the top; of a logarithmic one these are logarithms."""

    low: float
    high: float
    logarithmic: bool = False
    rows: int = HEIGHT

    def row(self, value: float) -> int:
        """The row of a value, from 0 at the top."""
        place = math.log(value) if self.logarithmic else value
        return round((self.high - place) / (self.high - self.low) * (self.rows - 1))

    def tick(self, row: int) -> str:
        """What stands beside a row."""
        place = self.high - (self.high - self.low) * row / (self.rows - 1)
        return number(math.exp(place)) if self.logarithmic else f"{100 * place:.0f} %"


def _logarithmic(values: Sequence[float]) -> _Scale:
    """The axis of these values, whose ends are never less than a factor of 1.5 apart."""
    low, high = math.log(min(values)), math.log(max(values))
    return _Scale(low, max(high, low + math.log(1.5)), logarithmic=True)
