"""Text fields that draw what they hold safely: pasted or loaded text may contain anything, and is not altered."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.strip import Strip
from textual.widgets import Input, TextArea

from bftui.core.text import NEWLINE, safe

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


class PastedField(LineField):
    """One line that keeps the line ends of what is pasted, and shows them as signs."""

    def _on_paste(self, event: events.Paste) -> None:
        # The library keeps the first line only. A terminal sends line ends as it likes.
        event.prevent_default()
        event.stop()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        self.replace(text, *sorted(self.selection))

    @property
    def _value(self) -> Text:
        text = super()._value
        return Text(text.plain.replace("\n", NEWLINE), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return cell_len(self._value.plain.expandtabs(4)[:position])


class TextField(TextArea):
    """Any number of lines."""

    def render_line(self, y: int) -> Strip:
        return harmless(super().render_line(y))
