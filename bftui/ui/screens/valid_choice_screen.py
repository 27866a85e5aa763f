"""Which valid set: one key for a preset, or any set by its name."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static

from bftui.core.valid.named_sets import NAMED
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.valid_shown import PRESETS, AskedSet


class ValidChoiceScreen(BoxScreen[AskedSet | None]):
    """Ends with the set that was asked for, or None."""

    DEFAULT_CSS = """
    ValidChoiceScreen > Vertical { width: 74; max-width: 100%; height: auto; }
    ValidChoiceScreen .note { height: auto; text-wrap: wrap; }
    """

    def __init__(self, palette: Palette, value: str, where: str) -> None:
        """`value` is offered, and `where` says where its answers would begin."""
        super().__init__("which answers are valid?", palette)
        self._value, self._where = value, where

    def fields(self) -> ComposeResult:
        for key, (name, answer) in PRESETS.items():
            yield Static(f"{key}  {answer:<14}{name}", markup=False)
        yield Static("", markup=False)
        field = LineField(self._value, placeholder="or SET --end TEXT", compact=True)
        field.cursor_blink = False
        yield field
        names = ", ".join(NAMED)
        told = f"SET is {names}, regex:PATTERN, or a file of answers. {self._where}"
        yield Static(told, classes="note", markup=False)

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("1-5", "a preset"), ("enter", "load"), ("esc", "leave"))

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        # No set is called so: one key is enough.
        if event.value in PRESETS:
            self.dismiss(AskedSet.of(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(AskedSet.of(event.value))
