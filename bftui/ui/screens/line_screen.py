"""One line of text, asked for at the foot of the screen, with a hint that follows what is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from bftui.core.text import safe
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField, PastedField
from bftui.ui.themes.theme_styles import Palette


@dataclass(frozen=True)
class Switch:
    """What ctrl+o changes in what is asked for.

    Attributes:
        says: how it stands, in words.
        turn: changes it.
    """

    says: Callable[[], str]
    turn: Callable[[], None]


class LineScreen(BoxScreen[str | None]):
    """Ends with the text, or with None where it was left."""

    DEFAULT_CSS = """
    LineScreen { align: center bottom; background: transparent; }
    LineScreen > Vertical { width: 100%; height: 5; margin-bottom: 1; }
    """

    BINDINGS = [Binding("ctrl+o", "switch", "Switch", show=False, priority=True)]  # noqa: RUF012

    def __init__(
        self,
        title: str,
        value: str,
        hint: Callable[[str], str],
        palette: Palette,
        *,
        lines: bool = False,
        switch: Switch | None = None,
    ) -> None:
        """Asks for a line.

        Args:
            title: what is asked for.
            value: what is offered.
            hint: asked with what is typed, at each change and whenever something new is known.
            palette: the colours.
            lines: whether all lines of what is pasted are wanted.
            switch: something else that is asked for beside it.
        """
        super().__init__(title, palette)
        self._lines, self._value, self._hint, self._switch = lines, value, hint, switch

    def fields(self) -> ComposeResult:
        # What is offered is selected: typing takes its place.
        field = (PastedField if self._lines else LineField)(self._value, compact=True)
        field.cursor_blink = False
        yield field
        yield Static(id="hint", classes="note", markup=False)

    def keys(self) -> tuple[tuple[str, str], ...]:
        switch = () if self._switch is None else (("^o", self._switch.says()),)
        return (("enter", "take it"), ("esc", "leave"), *switch)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))
        self.news()

    def news(self) -> None:
        """Asks for the hint again."""
        text = self._hint(self.query_one(Input).value)
        self.query_one("#hint", Static).update(Content(safe(text)), layout=False)

    @on(Input.Changed)
    def _changed(self) -> None:
        self.news()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_switch(self) -> None:
        """Changes what else is asked for."""
        if self._switch is not None:
            self._switch.turn()
            self.query_one(KeyBar).show(self.keys())
            self.news()
