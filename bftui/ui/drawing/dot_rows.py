"""Values on one logarithmic axis of BF, a row of cells for each, so that they are held against one of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bftui.ui.drawing.chart import Scale
from bftui.ui.drawing.glyphs import glyphs

Part = tuple[str, str]
"""A role of the palette, and a text."""


@dataclass(frozen=True, slots=True)
class DotRows:
    """Rows of one chart.

    Attributes:
        scale: the axis.
        columns: its cells.
        guide: the value that all rows are held against; None for none.
    """

    scale: Scale
    columns: int
    guide: float | None = None

    def axis(self) -> str:
        """Round values over the columns where they stand."""
        line = ""
        for column, label in sorted(self.scale.labels(self.columns).items()):
            line = f"{line:<{column}}{label}"
        return f"{line:<{self.columns}}"

    def row(self, value: float, ci: tuple[float, float] | None, *, role: str) -> list[Part]:
        """One value with its interval, in a role of the palette; a value without one is a ring."""
        drawn = glyphs()
        cells: list[Part] = [("line", " ")] * self.columns
        if self.guide is not None:
            cells[self._column(self.guide)] = ("line", drawn.guide)
        if ci is not None:
            low, high = map(self._column, ci)
            cells[low : high + 1] = [(role, drawn.solid)] * (high + 1 - low)
            if low < high:
                cells[low], cells[high] = (role, drawn.ends[0]), (role, drawn.ends[1])
        cells[self._column(value)] = (role, drawn.ring if ci is None else drawn.dot)
        return _joined(cells)

    def _column(self, value: float) -> int:
        return self.scale.column(value, self.columns)


def _joined(cells: list[Part]) -> list[Part]:
    """Cells that are alike in one piece."""
    found: list[Part] = []
    for role, text in cells:
        if found and found[-1][0] == role:
            found[-1] = role, found[-1][1] + text
        else:
            found.append((role, text))
    return found
