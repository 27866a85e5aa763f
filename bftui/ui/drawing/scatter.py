"""Points over two shares as rows of cells. Pure, no Textual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cell = tuple[str, str]
"""A role of the palette, and a sign."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Points that are drawn with one sign in one role; both numbers are in [0, 1]."""

    role: str
    sign: str
    points: Sequence[tuple[float, float]]


def scattered(groups: Iterable[Marks], columns: int, rows: int) -> list[list[Cell]]:
    """Draws points into cells, x from the left and y from below; later groups stand over earlier ones."""
    cells: list[list[Cell]] = [[("text", " ")] * columns for _ in range(rows)]
    for group in groups:
        for x, y in group.points:
            column = round(min(max(x, 0.0), 1.0) * (columns - 1))
            row = round((1 - min(max(y, 0.0), 1.0)) * (rows - 1))
            cells[row][column] = group.role, group.sign
    return cells
