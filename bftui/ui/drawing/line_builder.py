"""Lines of a pane, built left to right: every cell gets a style, every width is counted in cells.

Text given here must be safe already (`core.text`).
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from bftui.core.job import duration
from bftui.core.noise_floor import Noise, decimals

OTHER_SAMPLER = "*"
"""Stands at numbers of another sampler than the one in force, also where there is no colour."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@lru_cache(4096)
def fit(text: str, width: int) -> str:
    """The text, or as much of it as leaves room for an ellipsis, in at most `width` cells."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


class LineBuilder:
    """One line of `width` cells on a base style."""

    def __init__(self, width: int, base: Style) -> None:
        self._segments: list[Segment] = []
        self._base = base
        self.width = width
        self.at = 0

    @property
    def room(self) -> int:
        """Cells that are left."""
        return self.width - self.at

    def add(self, text: str, style: Style | None = None) -> LineBuilder:
        """Appends text, cropped to what is left."""
        cells = cell_len(text)
        if cells > self.room:
            text = set_cell_size(text, max(0, self.room))
            cells = max(0, self.room)
        if text:
            self._segments.append(Segment(text, style or self._base))
            self.at += cells
        return self

    def to(self, column: int) -> LineBuilder:
        """Fills up to a column."""
        if column > self.at:
            self.add(" " * (column - self.at))
        return self

    def right(self, text: str, style: Style | None = None) -> LineBuilder:
        """Appends text so that it ends with the line."""
        return self.to(self.width - cell_len(text)).add(text, style)

    def strip(self, over: Style | None = None) -> Strip:
        """The finished line, with a style laid over all of it."""
        self.to(self.width)
        if over is None:
            return Strip(self._segments, self.width)
        return Strip(
            [Segment(s.text, (s.style or self._base) + over) for s in self._segments], self.width
        )


def bar(share: float, width: int) -> str:
    """A bar of `width` cells for a share of 1, in eighths of a cell; never invisible for what is above 0."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def probability(p: float, noise: Noise | None = None) -> str:
    """A probability in at most five cells, and no more digits than the noise floor allows."""
    if p >= 0.9995:
        return "1.00" if p >= 0.99995 else ".9999"
    if p >= 0.00095:
        places = decimals(3, 0.0 if noise is None else p * noise.logprob_sd)
        return f"{p:.{max(1, places)}f}"[1:] if p < 0.95 else f"{p:.3f}"[1:]
    if p <= 0:
        return "0"
    mantissa, exponent = f"{p:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def how_far(doing: str, share: float, left: float | None) -> str:
    """How far something is, and how long it takes yet where somebody knows."""
    said = "" if left is None else f" · {duration(left)} left"
    return f"{doing} {share:4.0%}{said}"


def starred(text: str, other: bool) -> str:
    """A number with the sign of those that are of another sampler than the one in force."""
    return f"{text}{OTHER_SAMPLER}" if other else text
