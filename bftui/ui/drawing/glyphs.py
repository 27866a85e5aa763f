"""The signs that charts are drawn with, by what the terminal can show: braille and eighths, half blocks, or ASCII."""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs.

    Attributes:
        blocks: nine, from an empty cell to a full one.
        braille: whether lines are drawn in dots, four to the height of a cell.
        solid, dotted: lines without braille.
        level: what bars are held against.
        past: ends a bar that is longer than the axis.
        dot, ring: one value of a row, and one beside it.
        guide: a value that all rows are held against.
        ends: the ends of an interval.
    """

    blocks: str
    braille: bool
    solid: str
    dotted: str
    level: str
    past: str
    dot: str
    ring: str
    guide: str
    ends: str

    @property
    def legend_solid(self) -> str:
        """A solid line, as legends show it."""
        return "⠒⠒" if self.braille else self.solid * 2

    @property
    def legend_dotted(self) -> str:
        """A dotted line, as legends show it."""
        return "⠂⠂" if self.braille else self.dotted * 2


FINE = Glyphs(" ▁▂▃▄▅▆▇█", True, "─", "┄", "╌", "↑", "●", "○", "┊", "├┤")
CONSOLE = Glyphs(" ▄▄▄▄▄███", False, "─", "·", "─", "↑", "■", "o", "│", "├┤")
"""For the console of Linux, whose fonts have neither eighths nor braille."""
ASCII = Glyphs(" ..::::##", False, "-", ".", "-", "^", "#", "o", "|", "[]")


def glyphs() -> Glyphs:
    """The signs for this terminal, by TERM and the encoding of the locale."""
    return _chosen(os.environ.get("TERM", ""), locale.getpreferredencoding(False))


@cache
def _chosen(term: str, encoding: str) -> Glyphs:
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        return ASCII
    return CONSOLE if term == "linux" else FINE
