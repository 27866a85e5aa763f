"""`K`: each number of a pane with its value, formula, meaning and source, to be read and scrolled."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from bftui.ui.explain import Item
from bftui.ui.strips import LineBuilder, fit
from bftui.ui.themes import Palette
from bftui.ui.widgets.pane import Pane


class _ExplainPane(Pane):
    """The items as wrapped lines, each with what it is: a head, a formula, a text or a source."""

    NAME = "explained"

    def __init__(self, palette: Palette, title: str, items: Sequence[Item]) -> None:
        super().__init__(palette)
        self.HEADING = title
        self._items = items
        self._lines: list[tuple[str, str, str]] = []

    @property
    def ready(self) -> bool:
        return True

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

    def count(self) -> int:
        return len(self._lines)

    def move(self, by: int) -> bool:
        """Scrolls: nothing is selected here."""
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        self.refresh()
        return True

    def reveal(self) -> None:
        self.move(0)

    def footing(self) -> str:
        more = self.count() - self.top - self.rows
        return f"{more} more lines · esc closes" if more > 0 else "esc closes"

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


class ExplainScreen(ModalScreen[None]):
    """Scrolls with the arrows; esc, q, K and enter close it."""

    DEFAULT_CSS = """
    ExplainScreen { align: center middle; background: $background 60%; }
    ExplainScreen Pane { width: 92; max-width: 100%; height: 100%; max-height: 34; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q,K,enter", "leave", "Close", show=False),
        *(
            Binding(keys, f"scroll({by})", "Scroll", show=False)
            for keys, by in (("up,k", -1), ("down,j", 1), ("pageup", -10), ("pagedown,space", 10))
        ),
    ]

    def __init__(self, title: str, items: Sequence[Item], palette: Palette) -> None:
        super().__init__()
        self._pane = _ExplainPane(palette, title, items)

    def compose(self) -> ComposeResult:
        yield self._pane

    def action_scroll(self, by: int) -> None:
        """Moves by lines."""
        self._pane.move(by)

    def action_leave(self) -> None:
        """Closes it."""
        self.dismiss(None)
