"""Models and folders as a table, and what is known of the selected one. As many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from bftui.catalog.model_listing import Entry
from bftui.catalog.model_summary import (
    DAMAGED,
    WARNING,
    Column,
    Describer,
    cell,
    sentences,
)
from bftui.core.text import counted, safe
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette


@dataclass(frozen=True, slots=True)
class _Look:
    """A column: its heading, its cells, and which side its text keeps to."""

    heading: str
    width: int
    right: bool = False


_LOOKS: dict[Column, _Look] = {
    "kind": _Look("kind", 8),
    "stored": _Look("stored", 8),
    "params": _Look("params", 7, right=True),
    "size": _Look("size", 8, right=True),
    "needs": _Look("needs", 10, right=True),
    "context": _Look("context", 9, right=True),
    "chat": _Look("chat", 4),
}
"""In the order in which they stand. The type of weights may take less than its name."""

_IMPORTANCE: tuple[Column, ...] = (
    "needs",
    "size",
    "stored",
    "chat",
    "context",
    "params",
    "kind",
)
_WARNING = f"{WARNING} too big"
_WIDE = 100
"""Cells of a line in which a warning has its words, beside a good name and all columns."""
_GAP = 2
_NAME = 28
"""Cells that a name keeps."""


class ModelsPane(Pane):
    """The models and folders; -1 selects none of them, and what is typed counts."""

    FOCUS_ON_CLICK = False
    """What is typed, and enter, stay with the field."""

    NAME = "found"
    HEADING = "models and folders"

    def __init__(self, palette: Palette, describer: Describer) -> None:
        super().__init__(palette)
        self.found: list[Entry] = []
        self.selected = -1
        self.whole = True
        self._describer = describer

    def list(self, found: list[Entry], *, whole: bool = True) -> None:
        """Shows other entries; not `whole` where there are more than were looked at."""
        self.whole = whole
        if found != self.found:
            self.found = found
            self._describer.only(set(found))
            self.selected, self.top = -1, 0
            self.refresh()

    @property
    def entry(self) -> Entry | None:
        """What is selected."""
        return self.found[self.selected] if 0 <= self.selected < len(self.found) else None

    def count(self) -> int:
        return len(self.found)

    def select(self, row: int) -> bool:
        self.selected = max(-1, min(row, self.count() - 1))
        self.top = max(
            0,
            min(
                max(min(self.top, self.selected), self.selected - self.rows + 1),
                self.count() - self.rows,
            ),
        )
        self.refresh()
        return True

    # Drawing ---------------------------------------------------------------------------------------------------

    def _width(self, column: Column) -> int:
        """Cells of a column: that of the need is wide where a warning has room for its words."""
        width = _LOOKS[column].width
        if column == "needs" and self.columns >= _WIDE:
            return width + cell_len(_WARNING) - cell_len(WARNING)
        return width

    def _columns(self) -> tuple[Column, ...]:
        """Those that there is room for, in their order."""
        room = self.columns - 1 - _NAME
        kept = set()
        for column in _IMPORTANCE:
            room -= self._width(column) + _GAP
            if room < 0:
                break
            kept.add(column)
        return tuple(column for column in _LOOKS if column in kept)

    def heading(self) -> str:
        """The columns' headings, where the columns are: the cell after them belongs to the frame."""
        headings = []
        for column in self._columns():
            look, width = _LOOKS[column], self._width(column)
            headings.append(
                f"{look.heading:>{width}}" if look.right else f"{look.heading:<{width}}"
            )
        return (" " * _GAP).join(headings)

    def footing(self) -> str:
        models = counted(sum(entry.is_model for entry in self.found), "model")
        return models if self.whole else f"{models} in the first 2,000 entries"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        entry, palette = self.found[row], self.palette
        over = palette.cursor if row == self.selected else None
        columns = self._columns() if entry.is_model else ()
        begin = line.width - 1 - sum(self._width(c) + _GAP for c in columns)
        plain = palette.text if entry.is_model else palette.dim
        known = self._describer.about(entry)
        line.add(fit(safe(entry.name), begin), plain)
        if known is not None and known.facts is None:
            line.to(begin + _GAP)
            line.add(fit(f"{DAMAGED} {known.problem}", line.room - 1), palette.bad)
            return over
        for column in columns:
            begin += _GAP
            width = self._width(column)
            text, style = cell(column, entry, known), palette.dim
            if column == "needs" and known is not None:
                warning = _WARNING if width > _LOOKS[column].width else WARNING
                text, style = (f"{warning} {text}", palette.bad) if known.over else (text, plain)
            text = fit(text, width)
            line.to(begin + (width - cell_len(text) if _LOOKS[column].right else 0))
            line.add(text, style)
            begin += width
        return over


class ModelLines(Coloured):
    """What is known of the selected model, in four lines; without one, what the columns mean."""

    DEFAULT_CSS = "ModelLines { height: 4; background: $background; }"

    def __init__(self, palette: Palette, describer: Describer) -> None:
        super().__init__()
        self.palette = palette
        self._describer = describer
        self._entry: Entry | None = None

    def show(self, entry: Entry | None) -> None:
        """Tells about another entry, or the same again when more is known."""
        self._entry = entry
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line = LineBuilder(self.size.width, self.palette.text)
        texts = self._texts()
        if y < len(texts):
            text, style = texts[y]
            line.add(fit(text, line.width), style)
        return line.strip()

    def _texts(self) -> list[tuple[str, Style]]:
        palette, entry = self.palette, self._entry
        if entry is None or not entry.is_model:
            return [(text, palette.dim) for text in _MEANING]
        known = self._describer.about(entry)
        if known is None:
            return [(safe(entry.name), palette.title), ("reading its header …", palette.dim)]
        what, needs, compared = sentences(entry, known)
        broken = known.facts is None
        return [
            (safe(entry.name), palette.title),
            (self._joined(what), palette.bad if broken else palette.text),
            (self._joined(needs), palette.text),
            (compared, palette.bad if known.over or known.note else palette.dim),
        ]

    def _joined(self, parts: Sequence[str]) -> str:
        """As many of the parts as there is room for, and at least the first."""
        joined = parts[0] if parts else ""
        for part in parts[1:]:
            longer = f"{joined} · {part}"
            if cell_len(longer) > self.size.width:
                break
            joined = longer
        return joined


_MEANING = (
    "stored: what the weights are stored as · size: on the disk",
    "needs: memory for the weights and a context as it would be opened, estimated",
    "context: tokens that it was trained with · chat: whether it has a chat template",
)
