"""The last line: the keys that matter here, dimmed where they would do nothing now. Made from the action registry."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from bftui.ui.actions import ACTIONS, MEASURE, PAIR, WORK, Facts
from bftui.ui.strips import LineBuilder
from bftui.ui.themes import Palette


class KeyLine(Widget):
    """As many of the short-listed actions as fit; help and quit always do."""

    DEFAULT_CSS = "KeyLine { height: 1; background: $background; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="keys")
        self.palette = palette
        self._facts = Facts()
        self._enter = "force"

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self.palette = palette
        self.refresh()

    def show(self, facts: Facts, enter: str) -> None:
        """Brings the line up to date; `enter` is what that key does in the focused pane."""
        if (facts, enter) != (self._facts, self._enter):
            self._facts, self._enter = facts, enter
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        line = LineBuilder(self.size.width, palette.text).add(" ")
        items = []
        # What measures and what is of the program gives way first; what needs a partner is not offered without one.
        for action in sorted(ACTIONS, key=lambda action: action.group in (MEASURE, WORK)):
            if action.short and (self._facts.partner or action.group != PAIR):
                name = self._enter if action.id == "enter" else action.name
                name = "pause" if action.id == "play" and self._facts.playing else name
                name = "next" if action.id == "step" and self._facts.replay else name
                keys = _SHORT.get(action.id, action.shown())
                items.append((keys, name, action.reason(self._facts) is None))
        widths = [cell_len(keys) + cell_len(name) + 3 for keys, name, _ in items]
        # What does not fit is left out before the last three, which lead to everything else.
        while sum(widths) > line.room and len(items) > 3:
            del items[-4], widths[-4]
        for keys, name, possible in items:
            line.add(keys, palette.accent if possible else palette.line)
            line.add(f" {name}  ", palette.dim if possible else palette.line)
        return line.strip()


_SHORT = {"back": "←"}
