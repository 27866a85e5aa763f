"""Text fields that draw what they hold safely: pasted or loaded text may contain anything, and is not altered."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Input, TextArea

from bftui.core.text import safe

_STAND_IN = "�"


def harmless(strip: Strip) -> Strip:
    """The same line with a stand-in for each character that could move a cursor or hide, as wide as it was."""
    segments = [Segment("".join(map(_shown, s.text)), s.style) for s in strip if not s.control]
    if all(new.text == old.text for new, old in zip(segments, strip, strict=False)):
        return strip
    last = segments[-1].style
    return Strip(segments).adjust_cell_length(strip.cell_length, last)


def _shown(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    mark = safe(character)
    if mark.startswith("‹"):
        return _STAND_IN
    return mark if len(mark) == 1 else character


class LineField(Input):
    """One line."""

    def render_line(self, y: int) -> Strip:
        return harmless(super().render_line(y))


class TextField(TextArea):
    """Any number of lines."""

    def render_line(self, y: int) -> Strip:
        return harmless(super().render_line(y))
