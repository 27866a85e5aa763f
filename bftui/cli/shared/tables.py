"""Tables for people: aligned columns of text that is safe to print, numbers in few digits."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bftui.core.noise_floor import Noise, finest

WIDTH = 80
"""Columns that everything printed for people fits."""


def aligned(rows: Sequence[Sequence[str]], align: str, *, first: int = 24) -> str:
    """Rows of cells as lines; `align` has `<` or `>` for each column, the first column is cut to `first` cells.

    The cells are safe text already; wide characters count as what they take on the screen.
    """
    from rich.cells import cell_len

    rows = [[clipped(row[0], first), *row[1:]] for row in rows]
    widths = [max(cell_len(row[k]) for row in rows) for k in range(len(align))]
    lines = []
    for row in rows:
        cells = []
        for text, width, side in zip(row, widths, align, strict=True):
            blank = " " * (width - cell_len(text))
            cells.append(text + blank if side == "<" else blank + text)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def clipped(text: str, width: int) -> str:
    """At most `width` cells, ending in … where something was cut."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def padded(text: str, width: int) -> str:
    """Text with blanks behind it up to `width` cells."""
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


def number(value: float | None, noise: Noise | None = None) -> str:
    """A branching factor in at most five characters, up to 99,999; – where there is none.

    That of a single distribution has no more digits than the noise floor allows.
    """
    return "–" if value is None else finest(value, noise).replace(",", "")


def signed(value: float | None) -> str:
    """A difference, with its sign; – where there is none."""
    return "–" if value is None else f"{value:+.2f}"


def interval(ci: Sequence[float] | None, *, difference: bool = False) -> str:
    """The ends of an interval; – where there is none."""
    if ci is None:
        return "–"
    show = signed if difference else number
    return f"[{show(ci[0])}, {show(ci[1])}]"


def paragraph(text: str) -> str:
    """Running text, folded at `WIDTH`."""
    return textwrap.fill(text, WIDTH, break_long_words=True, break_on_hyphens=False)
