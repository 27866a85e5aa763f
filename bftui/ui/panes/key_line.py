"""The last line: the keys that matter here, dimmed where they would do nothing now. Made from the action registry."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip

from bftui.ui.actions.action_table import ACTIONS, MEASURE, PAIR, REPLAY, WORK, Facts
from bftui.ui.drawing.clickable import ClickableLine
from bftui.ui.drawing.line_builder import LineBuilder
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import key


class KeyLine(ClickableLine):
    """As many of the short-listed actions as fit; a click on one does it."""

    DEFAULT_CSS = "KeyLine { height: 1; background: $background; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="keys")
        self.palette = palette
        self._facts = Facts()
        self._enter = "force"

    def show(self, facts: Facts, enter: str) -> None:
        """Brings the line up to date; `enter` is what that key does in the focused pane."""
        if (facts, enter) != (self._facts, self._enter):
            self._facts, self._enter = facts, enter
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        line = LineBuilder(self.size.width, palette.text).add(" ")
        items = []
        self.forget_places()
        # What is of the program comes last; what needs a partner is not offered without one.
        for action in sorted(ACTIONS, key=lambda action: action.group in (MEASURE, WORK)):
            keys = action.first()
            if self._facts.replay and action.reason(self._facts) == REPLAY:
                continue
            if action.short and keys and (self._facts.partner or action.group != PAIR):
                name = self._enter if action.id == "enter" else action.name
                name = "pause" if action.id == "play" and self._facts.playing else name
                name = "next" if action.id == "step" and self._facts.replay else name
                items.append((action.id, keys, name, action.reason(self._facts) is None))
            if action.id == "play" and self._facts.replay:
                items.append(("faster", " ".join(map(key, ("slower", "faster"))), "speed", True))
        # Before there is a prompt, the key that writes one matters most.
        giving: tuple[str, ...] = _GIVE_WAY if self._facts.session else _GIVE_WAY[1:]
        if self._facts.replay:
            giving = ("faster", *(each for each in giving if each != "play"))
        for gone in giving:
            if sum(cell_len(keys + name) + 3 for _, keys, name, _ in items) - 2 <= line.room:
                break
            items = [item for item in items if item[0] != gone]
        for action_id, keys, name, possible in items:
            start = line.at
            line.add(keys, palette.accent if possible else palette.line)
            line.add(f" {name}", palette.dim if possible else palette.line)
            self.place(start, line.at, action_id)
            line.add("  ")
        return line.strip()


_GIVE_WAY = ("prompt", "look_ahead", "rollouts", "back", "play", "quit", "word", "nudge", "shift")
"""What is left out first where there is no room for all of it."""
