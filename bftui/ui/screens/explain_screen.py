"""`K`: each number of a pane with its value, formula, meaning and source, to be read and scrolled."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.style import Style

from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.explain.explain_items import Item
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.screens.dialog import ReadingScreen
from bftui.ui.themes.theme_styles import Palette


class _ExplainPane(ReadingPane):
    """The items as wrapped lines, each with what it is: a head, a formula, a text or a source."""

    NAME = "explained"
    LEAVE = "esc closes"

    def __init__(self, palette: Palette, title: str, items: Sequence[Item], model: str) -> None:
        super().__init__(palette)
        self.HEADING = title
        self._items, self._model = items, model
        self._lines: list[tuple[str, str, str]] = []

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self._lines = []
        for item in self._items:
            if self._lines:
                self._lines.append(("", "", ""))
            self._lines.append(("head", item.name, item.value))
            for kind, text in (
                ("formula", item.formula),
                ("text", item.text),
                ("source", item.source),
            ):
                self._lines += [
                    (kind, line, "") for line in textwrap.wrap(text, max(20, self.columns - 2))
                ]

    def heading(self) -> str:
        return self._model

    def count(self) -> int:
        return len(self._lines)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        kind, text, value = self._lines[row]
        palette = self.palette
        if kind == "head":
            line.add(fit(text, line.width // 2), palette.title).add("  ")
            line.add(fit(value, line.room), palette.accent)
        elif kind:
            style = {"formula": palette.good, "text": palette.text, "source": palette.dim}[kind]
            line.add("  ").add(text, style)
        return None


class ExplainScreen(ReadingScreen):
    """What the numbers mean."""

    WIDTH, HEIGHT = 92, 34

    BINDINGS = [bound("explain", "leave")]  # noqa: RUF012

    def __init__(self, title: str, items: Sequence[Item], palette: Palette, model: str) -> None:
        """`model` is whose numbers these are, safe to draw."""
        super().__init__(_ExplainPane(palette, title, items, model))
