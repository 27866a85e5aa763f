"""A prompt as the model sees it: how many tokens, their text with control tokens visible, their ids."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.style import Style
from textual.binding import Binding

from bftui.core.text import counted, safe
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.drawing.text_layout import TextLayout
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.themes.theme_styles import Palette

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Rendered

_MOST_IDS = 2_000
"""Ids beyond these are counted, not written."""


class RenderedPane(ReadingPane):
    """Scrolls with the arrows when it has the focus; shows why where a prompt cannot be rendered."""

    NAME = "rendered"
    HEADING = "tokens"

    BINDINGS = [  # noqa: RUF012
        Binding(keys, f"scroll_lines({by})", "Scroll", show=False)
        for keys, by in (("up,k", -1), ("down,j", 1), ("pageup", -5), ("pagedown,space", 5))
    ]

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self._answer: Rendered | str | None = None
        self._model: Model | None = None
        self._layout = TextLayout(1)
        self._ids: list[str] = []

    def tell(self, answer: Rendered | str | None, model: Model | None) -> None:
        """Shows a rendered prompt, or an error in words; None while it is not known."""
        if answer is None and model is not None and self._answer is None:
            # Nothing is known yet, and no longer for want of a model.
            self._model = model
            self.refresh()
        if (answer is None and model is not None) or answer is self._answer:
            # What was known stays until the next is, so that nothing flickers while typing.
            return
        self._answer, self._model = answer, model
        self.top = 0
        self._wrap()
        self.refresh()

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        answer, model = self._answer, self._model
        if answer is None or isinstance(answer, str) or model is None:
            return
        self._layout = TextLayout(self.columns)
        self._layout.replace(0, [model.token_bytes(i) for i in answer.token_ids])
        ids = " ".join(map(str, answer.token_ids[:_MOST_IDS]))
        more = len(answer.token_ids) - _MOST_IDS
        self._ids = textwrap.wrap(
            f"ids {ids}" + (f" and {more:,} more" if more > 0 else ""), self.columns
        )

    def count(self) -> int:
        answer = self._answer
        if answer is None or self._model is None:
            return 1
        if isinstance(answer, str):
            return len(self._reason(answer))
        return len(self._layout.lines) + len(self._ids)

    def _reason(self, answer: str) -> list[str]:
        return textwrap.wrap(safe(answer), max(10, self.columns - 2)) or [""]

    def action_scroll_lines(self, by: int) -> None:
        """Scrolls by lines."""
        self.move(by)

    def heading(self) -> str:
        answer = self._answer
        if answer is None or isinstance(answer, str):
            return ""
        return f"{counted(len(answer.token_ids), 'token')} · {answer.template}"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, answer, model = self.palette, self._answer, self._model
        if answer is None or model is None:
            waits = "the tokens are shown when the model " + (
                "is open" if model is None else "is free"
            )
            line.add(fit(waits, line.room), palette.dim)
        elif isinstance(answer, str):
            line.add("✗ " if row == 0 else "  ", palette.bad)
            line.add(self._reason(answer)[row], palette.bad)
        elif row < len(self._layout.lines):
            special = model.info.special_ids
            for piece in self._layout.lines[row].pieces:
                control = answer.token_ids[piece.token] in special
                # Every other token is dimmed, so that each is seen for itself.
                plain = palette.dim if piece.token % 2 else palette.text
                line.add(piece.text, palette.accent if control else plain)
        else:
            line.add(self._ids[row - len(self._layout.lines)], palette.dim)
        return None
