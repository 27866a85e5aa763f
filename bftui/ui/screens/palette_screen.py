"""The command palette: every action, found by its name, and what no key does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from rich.style import Style
from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.command import CommandPalette
from textual.markup import escape
from textual.widgets import Input, OptionList

from bftui.core.text import safe
from bftui.ui.actions.action_table import ACTIONS
from bftui.ui.actions.generate_actions import force_words, shown_word
from bftui.ui.actions.measure_actions import set_response
from bftui.ui.actions.pair_actions import swap_words
from bftui.ui.screens.dialog import Dialog
from bftui.workbench.keys import hint, in_force, key, shown

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

_LINES = 2
"""Lines of a command: its name, and what it does."""


class ActionPalette(CommandPalette, Dialog[None]):
    """Textual's palette; it ends once, does what was chosen once, and can be typed to before it is drawn."""

    BINDINGS = [  # noqa: RUF012
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _once(self, message: Input.Submitted | OptionList.OptionSelected) -> None:
        # A second enter that was pressed together with the first comes when the palette is gone.
        if not self.is_active:
            message.stop().prevent_default()

    def get_style_at(self, x: int, y: int) -> Style:
        """What is drawn at a place; nothing where it is a command that the list has no longer."""
        style = super().get_style_at(x, y)
        found: int | None = style.meta.get("option")
        gone = found is not None and found >= self.query_one(OptionList).option_count
        return Style() if gone else style

    def action_page(self, way: int) -> None:
        """Moves by a page: counted in commands, since Textual counts lines, which are there only once drawn."""
        commands = self.query_one(OptionList)
        if commands.option_count:
            wanted = (commands.highlighted or 0) + way * max(1, commands.size.height // _LINES)
            commands.highlighted = min(max(wanted, 0), commands.option_count - 1)


def palette_commands(screen: WorkbenchScreen) -> Iterator[SystemCommand]:
    """Gives what the palette offers now: actions with their keys, or why they cannot be done, and words to force."""
    screen.catch_up()
    facts = screen.facts()
    for action in ACTIONS:
        if action.id in ("word", "palette", "escape", "interrupt"):
            continue
        reason, keys = action.why_not(facts), action.shown()
        note = action.told() + (f" ({keys})" if keys else "")
        note += f" Not now: {reason}." if reason else ""
        yield _command(action.name, note, partial(screen.act, action.id))
    on = not screen.workbench.now.automatic
    yield _command(
        f"response {'auto' if on else 'off'}",
        "Measure every forced text against controls."
        if on
        else hint("Measure a forced text only when {response} asks for it."),
        partial(set_response, screen, on),
    )
    yield from _beginnings(screen)
    its = in_force().keys["word"]
    for place, word in enumerate(screen.words):
        note = f" ({shown(its[place])})" if place < len(its) else ""
        force = partial(screen.act, "word", str(place + 1))
        yield _command(f"force {shown_word(screen, word)}", f"Force this word.{note}", force)


def _beginnings(screen: WorkbenchScreen) -> Iterator[SystemCommand]:
    """Gives how the partner's answers begin, as words to force and as the palette of the keys."""
    paired = screen.workbench.now.paired
    if not paired.words:
        return
    whose = "your own" if screen.words is not screen.settings.words else "the partner's"
    yield _command(
        f"style words: {whose}", f"{key('word')} force {whose} words.", partial(swap_words, screen)
    )
    for word in paired.words:
        yield _command(
            f"partner's {shown_word(screen, word)}",
            f"Force how {safe(paired.name)} begins answers.",
            partial(force_words, screen, word),
        )


def _command(name: str, note: str, act: Callable[[], object]) -> SystemCommand:
    """Makes a line of the palette, which takes what it says of an action for markup."""
    return SystemCommand(name, escape(note), act)
