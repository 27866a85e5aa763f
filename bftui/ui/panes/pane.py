"""What all panes share: a frame with a title, lines drawn one by one, a selection that moves, and no keys of their own.

Keys are the workbench's (`ui/actions/`); a pane is told to move. Lines are made only for what is visible.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from bftui.ui.drawing.coloured import Coloured
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import hint

_REVERSE = Style(reverse=True)
_WHEEL = 3
_STRIPS = 256


class Pane(Coloured, can_focus=True, inherit_bindings=False):
    """A framed list of lines over a `View`; subclasses say how many there are and draw one."""

    ALLOW_SELECT = False
    """Textual's own selection would mark frames, and marks that stand for other characters."""

    DEFAULT_CSS = "Pane { background: $background; color: $foreground; }"

    NAME = ""
    HEADING: str | None = None
    """What stands in the frame, where it is not the name."""
    EMPTY = ""
    """What it will show, and the keys that matter then; `{action}` stands for the person's key."""

    class Chosen(Message):
        """A line was double-clicked."""

    class Pointed(Message):
        """A line was clicked, and is selected."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, palette: Palette, view: View | None = None) -> None:
        super().__init__(id=self.NAME)
        self.palette, self.view = palette, view
        self.top = 0
        self.selected = 0
        self._drawn: Hashable = None
        self._strips: LRUCache[Hashable, Strip] = LRUCache(_STRIPS)
        self._made: dict[int, Strip] = {}
        self._made_of: Hashable = None
        self._held: Size | None = None

    # For subclasses --------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many lines there are."""
        return 0

    @property
    def now(self) -> View:
        """The view, where there is one for sure: while drawing and after `show`."""
        if self.view is None:
            raise RuntimeError("there is no session to draw")
        return self.view

    @property
    def ready(self) -> bool:
        """Whether there is anything to draw lines from: where nothing is said of an empty one, always."""
        return not self.EMPTY or self.view is not None

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        """Draws one line; the style that is laid over all of it, or None."""
        return None

    def same(self, row: int) -> Hashable:
        """What a line's drawing follows from, beside selection, focus, size and colours; None draws it again."""
        return None

    def sync(self) -> None:
        """Takes in the view's latest state; called before drawing, when something changed."""

    def heading(self) -> str:
        """What stands at the right of the title."""
        return ""

    def footing(self) -> str:
        """What stands at the right of the lower edge."""
        total = self.count()
        return f"{min(self.selected, total - 1) + 1:,} of {total:,}" if total > self.rows else ""

    def state(self) -> Hashable:
        """What the pane shows follows from this; it is drawn again when this changes."""
        return self.view.state if self.view else None

    def target(self) -> int | None:
        """The node that the selection stands for, where it does."""
        return None

    def forget(self) -> None:
        """Drops what was kept of a session, when another takes its place."""

    # For the workbench -----------------------------------------------------------------------------------------

    def show(self, view: View | None) -> None:
        """Brings the pane up to date with its view."""
        if view is not self.view:
            before, self.view, self._drawn = self.view, view, None
            if before is not None:
                self._strips.clear()
                self.forget()
        if view is not None and (state := self.state()) != self._drawn:
            self._drawn = state
            self.sync()
            self._refresh_what_changed()

    def use(self, palette: Palette) -> None:
        self._strips.clear()
        super().use(palette)

    def redraw(self) -> None:
        """Draws again, whatever the state."""
        self._drawn = None
        self.show(self.view)

    def move(self, by: int) -> bool:
        """Moves the selection; False where it stands at the edge."""
        return self.select(self.selected + by)

    def select(self, row: int) -> bool:
        """Selects a line and brings it into view; False where it was selected already."""
        row = max(0, min(row, self.count() - 1))
        moved = row != self.selected
        self.selected = row
        self.reveal()
        self.refresh()
        return moved

    def to_first(self) -> None:
        """Goes to the beginning."""
        self.select(0)

    def to_last(self) -> None:
        """Goes to the end."""
        self.select(self.count() - 1)

    def point(self, row: int, column: int) -> None:
        """Selects what was clicked: a line, and the cell in it."""
        self.select(row)

    def reveal(self) -> None:
        """Scrolls as little as it takes to show the selected line."""
        self.top = max(min(self.top, self.selected), self.selected - self.rows + 1)
        self.top = max(0, min(self.top, self.count() - self.rows))

    # Drawing ---------------------------------------------------------------------------------------------------

    @property
    def size(self) -> Size:
        """The whole pane's. Textual looks for it through the screen, so it is held while many lines are made."""
        return self._held or super().size

    @contextmanager
    def _still(self) -> Iterator[None]:
        self._held = super().size
        try:
            yield
        finally:
            self._held = None

    @property
    def rows(self) -> int:
        """Lines that there is room for."""
        return max(1, self.size.height - 2)

    @property
    def columns(self) -> int:
        """Cells that a line has."""
        return max(1, self.size.width - 4)

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Draws all of it again, or these regions."""
        if not regions:
            self._made = {}
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _refresh_what_changed(self) -> None:
        """Draws again the lines that are not as they were: a token more changes few, and each costs its bytes."""
        before = self._made
        if not before or not self.is_attached or self.screen is not self.app.screen:
            self.refresh()
            return
        self._made = {}
        with self._still():
            changed = [
                Region(0, y, self.size.width, 1)
                for y in range(self.size.height)
                if self.render_line(y) != before.get(y)
            ]
        if changed:
            self.refresh(*changed)

    def render_lines(self, crop: Region) -> list[Strip]:
        with self._still():
            return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        looks = self.size, self.has_focus
        if looks != self._made_of:
            self._made, self._made_of = {}, looks
        strip = self._made.get(y)
        if strip is None:
            strip = self._made[y] = self._framed(y)
        return strip

    def _framed(self, y: int) -> Strip:
        """A line with its piece of the frame."""
        edge = self.palette.accent if self.has_focus else self.palette.line
        if y == 0:
            return self._edge(edge, "╭", "╮", self.HEADING or self.NAME, self.heading())
        if y == self.size.height - 1:
            return self._edge(edge, "╰", "╯", "", self.footing())
        side, gap = Segment("│", edge), Segment(" ", self.palette.text)
        return Strip([side, gap, *self._line(y - 1), gap, side], self.columns + 4)

    def _line(self, y: int) -> Strip:
        """What stands between the sides."""
        line = LineBuilder(self.columns, self.palette.text)
        row = self.top + y
        if not self.ready:
            told = _wrapped(hint(self.EMPTY), self.columns)
            return line.add(told[y] if y < len(told) else "", self.palette.dim).strip()
        if row >= self.count():
            return line.strip()
        same = self.same(row)
        if same is None:
            return line.strip(self.draw(row, line))
        key = (same, row == self.selected, self.has_focus, self.columns)
        strip = self._strips.get(key)
        if strip is None:
            self._strips[key] = strip = line.strip(self.draw(row, line))
        return strip

    def _edge(self, style: Style, left: str, right: str, name: str, note: str) -> Strip:
        line = LineBuilder(self.size.width, self.palette.text)
        line.add(left + "─", style)
        if name:
            title = self.palette.title + _REVERSE if self.has_focus else self.palette.title
            line.add(f" {name} ", title)
        note = fit(note, max(0, line.room - 4))
        gap = line.room - 2 - (cell_len(note) + 2 if note else 0)
        line.add("─" * gap, style)
        if note:
            line.add(f" {note} ", self.palette.text)
        return line.add("─" + right, style).strip()

    # Mouse and focus -------------------------------------------------------------------------------------------

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self.reveal()
        self.redraw()

    def roll(self, by: int) -> None:
        """Scrolls by lines; the selection comes along where it would leave the view."""
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        inside = max(self.top, min(self.selected, self.top + self.rows - 1))
        if inside != self.selected >= 0:
            self.select(inside)
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.roll(-_WHEEL)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.roll(_WHEEL)
        event.stop()

    def on_click(self, event: events.Click) -> None:
        if self.ready and 0 < event.y <= self.rows:
            self.point(self.top + event.y - 1, event.x - 2)
            self.post_message(self.Pointed(self))
            if event.chain == 2:
                self.post_message(self.Chosen())


class ReadingPane(Pane):
    """Lines that need no session; subclasses say how many there are and draw one."""

    LEAVE = ""
    """How to leave it, told at the lower edge."""

    def move(self, by: int) -> bool:
        """Scrolls: nothing is selected here."""
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        self.refresh()
        return True

    def roll(self, by: int) -> None:
        self.move(by)

    def reveal(self) -> None:
        self.move(0)

    def footing(self) -> str:
        more = self.count() - self.top - self.rows
        parts = (f"{more} more lines" if more > 0 else "", self.LEAVE)
        return " · ".join(part for part in parts if part)


class LinesPane(ReadingPane):
    """Lines of pieces, each a colour's name in the palette and a text; `make` gives them, anew at every width."""

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.lines: Sequence[Sequence[tuple[str, str]]] = ()

    def make(self) -> Sequence[Sequence[tuple[str, str]]]:
        """Gives the lines for the width that there is."""
        raise NotImplementedError

    def renew(self) -> None:
        """Makes the lines again, and draws them."""
        self.lines = self.make()
        self.refresh()

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self.lines = self.make()

    def count(self) -> int:
        return len(self.lines)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        for role, text in self.lines[row]:
            line.add(text, getattr(self.palette, role))
        return None


@lru_cache(16)
def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns)
