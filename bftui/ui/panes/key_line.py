"""The last line of a screen: what the keys do there. A click on a key presses it."""

from __future__ import annotations

from contextlib import suppress

from rich.cells import cell_len
from textual.strip import Strip

from bftui.core.errors import UsageError
from bftui.ui.actions.action import ActionFacts, ActionGroup
from bftui.ui.actions.action_table import ACTIONS
from bftui.ui.actions.needs import REPLAY
from bftui.ui.drawing.coloured import ClickableLine
from bftui.ui.drawing.line_builder import LineBuilder
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import key, parsed

_GIVE_WAY = ("prompt", "look_ahead", "rollouts", "back", "play", "quit", "word", "nudge", "shift")
"""What the workbench's line leaves out first where there is no room for all of it."""


class KeyBar(ClickableLine):
    """Keys with what they do, as many as there is room for."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $background; }"

    def __init__(self, palette: Palette, *keys: tuple[str, str], indent: int = 1) -> None:
        """`keys` are (keys as a person reads them, with spaces between; what they do)."""
        super().__init__()
        self._indent = indent
        self.palette = palette
        self._pairs = keys

    def show(self, keys: tuple[tuple[str, str], ...]) -> None:
        """Shows keys with what they do."""
        if keys != self._pairs:
            self._pairs = keys
            self.refresh()

    def clicked(self, what: str) -> None:
        with suppress(UsageError):
            self.app.simulate_key("escape" if what == "esc" else parsed(what))

    def render_line(self, y: int) -> Strip:
        line = LineBuilder(self.size.width, self.palette.text).to(self._indent)
        self.forget_places()
        for keys, name in self._pairs:
            if cell_len(keys) + cell_len(name) + 1 > line.room:
                break
            names = keys.split(" ")
            for place, one in enumerate(names):
                start = line.at
                line.add(one, self.palette.accent)
                if place + 1 < len(names):
                    self.place(start, line.at, one)
                    line.add(" ", self.palette.accent)
            # What the keys do belongs to the last of them: `↑ ↓ choose` goes on.
            line.add(f" {name}", self.palette.dim)
            self.place(start, line.at, names[-1])
            line.add("  ")
        return line.strip()


class KeyLine(ClickableLine):
    """The workbench's: the actions that matter most, dimmed where they would do nothing now; as many as fit."""

    DEFAULT_CSS = "KeyLine { height: 1; background: $background; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="keys")
        self.palette = palette
        self._facts = ActionFacts()
        self._enter = "force"

    def show(self, facts: ActionFacts, enter: str) -> None:
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
        for action in sorted(
            ACTIONS, key=lambda action: action.group in (ActionGroup.MEASURE, ActionGroup.WORK)
        ):
            keys = action.first()
            if self._facts.replay and action.reason(self._facts) == REPLAY:
                continue
            if (
                action.short
                and keys
                and (self._facts.partner or action.group is not ActionGroup.PAIR)
            ):
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
