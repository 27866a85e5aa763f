"""A plot in characters: lines over token positions, on a logarithmic axis of the branching factor."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bftui.cli.tables import WIDTH, clipped, number

HEIGHT = 12
_MARGIN = 8
_MARKS = "●○▲△■□◆◇"
_COLOURS = (34, 33, 32, 35, 36, 31, 37, 90)
"""ANSI foregrounds; the marks alone tell the lines apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plot: `values[t]` is the branching factor at token t; `name` is safe text."""

    name: str
    values: Sequence[float]


def plot(lines: Sequence[Line], *, colour: bool) -> str:
    """The lines in `WIDTH` columns, with a legend under them; later lines are drawn behind earlier ones."""
    longest = max(len(line.values) for line in lines)
    columns = WIDTH - _MARGIN - 2
    low, high = _range([value for line in lines for value in line.values])
    cells = [[" "] * columns for _ in range(HEIGHT)]
    for place, line in reversed(list(enumerate(lines))):
        mark = _marked(place, colour)
        for column in range(columns):
            at = column * (longest - 1) // max(1, columns - 1)
            if at < len(line.values) and (longest >= columns or _first(column, longest, columns)):
                cells[_row(line.values[at], low, high)][column] = mark
    rows = []
    for row in range(HEIGHT):
        value = math.exp(high - (high - low) * row / (HEIGHT - 1))
        tick = number(value) if row in (0, HEIGHT // 2, HEIGHT - 1) else ""
        rows.append(f"{tick:>{_MARGIN}} {'┤' if tick else '│'}{''.join(cells[row])}".rstrip())
    last = str(longest - 1)
    rows.append(" " * (_MARGIN + 1) + "└" + "─" * columns)
    rows.append(" " * (_MARGIN + 2) + "0" + last.rjust(columns - 1 if longest > 1 else 0))
    names = [
        f"{_marked(place, colour)} {clipped(line.name, WIDTH - 4)}"
        for place, line in enumerate(lines)
    ]
    return "\n".join([*rows, *names])


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


def _range(values: Sequence[float]) -> tuple[float, float]:
    """ln of the axis' ends: the values', and never less than a factor of 1.5 apart."""
    low, high = math.log(min(values)), math.log(max(values))
    return low, max(high, low + math.log(1.5))


def _row(value: float, low: float, high: float) -> int:
    return round((high - math.log(value)) / (high - low) * (HEIGHT - 1))
