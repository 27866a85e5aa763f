"""The latest thing to tell, over the panes and above the key line; it goes with the next key."""

from __future__ import annotations

import textwrap

from textual.strip import Strip

from bftui.core.text import safe
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.snapshot import Notice, Tone

_LINES = 4
_SIGNS = {Tone.INFO: "·", Tone.WARNING: "!", Tone.ERROR: "✗"}


class NoticeBox(Coloured):
    """One notice, wrapped; takes no room while there is none."""

    DEFAULT_CSS = """
    NoticeBox { layer: over; dock: bottom; height: 1; offset-y: -1; display: none; background: $background; }
    """

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="notice")
        self.palette = palette
        self.notice: Notice | None = None

    def tell(self, notice: Notice | None) -> None:
        """Shows a notice, or none."""
        if notice == self.notice:
            return
        self.notice = notice
        self.display = notice is not None
        self._fit()
        self.refresh()

    def on_click(self) -> None:
        self.tell(None)

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        self.styles.height = max(1, len(self._lines()))

    def _lines(self) -> list[str]:
        if self.notice is None:
            return []
        width = max(10, (self.size.width or self.app.size.width) - 4)
        lines = textwrap.wrap(safe(self.notice.text), width, max_lines=_LINES, placeholder=" …")
        return [fit(line, width) for line in lines]

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        line = LineBuilder(self.size.width, palette.text + palette.cursor_idle)
        lines = self._lines()
        if self.notice is None or y >= len(lines):
            return line.strip()
        style = {Tone.INFO: palette.accent, Tone.WARNING: palette.forced, Tone.ERROR: palette.bad}
        sign = _SIGNS[self.notice.tone] if y == 0 else " "
        line.add(f" {sign} ", style[self.notice.tone] + palette.cursor_idle)
        return line.add(lines[y]).strip()
