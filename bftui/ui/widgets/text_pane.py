"""The text: prompt and path, token by token, each shaded by the entropy of the distribution that it was drawn from.

The prompt is dimmed; forced tokens begin with ▲ and are bold; `▮` is where the session stands, `■` the end of text.
"""

from __future__ import annotations

from rich.style import Style

from bftui.ui.strips import LineBuilder, counted
from bftui.ui.themes import RAMP_TOP, Palette
from bftui.ui.widgets.pane import Pane
from bftui.ui.widgets.path import Path
from bftui.ui.widgets.text_layout import TextLayout

_HERE, _END = "▮", "■"


class TextPane(Pane):
    """Draws the visible path as wrapped text and follows its end; lines are selected, `enter` goes to their end."""

    NAME = "text"
    EMPTY = "the text, shaded by entropy"

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self._path = Path()
        self._prompt = 0
        self._layout = TextLayout(1)

    def sync(self) -> None:
        view = self.now
        self._layout.resize(self.columns)
        before = self._path.version
        kept = self._path.follow(view.tree, view.cursor)
        if self._path.version != before:
            self._take_in(kept)
            self.selected = self.count() - 1
        self.selected = min(self.selected, self.count() - 1)
        self.reveal()

    def _take_in(self, kept: int) -> None:
        view = self.now
        nodes = self._path.nodes
        fresh = nodes[max(1, kept) :]
        data = [view.bytes(node) for node in fresh]
        if kept == 0:
            prompt = view.tree.prompt_ids(nodes[0])
            self._prompt = len(prompt)
            data = [view.session.model.token_bytes(i) for i in prompt] + data
        start = self._prompt + kept - 1 if kept else 0
        first = self._prompt + max(1, kept) - 1
        marked = {first + i for i, node in enumerate(fresh) if view.session.begins_force(node)}
        self._layout.replace(start, data, marked)

    def on_resize(self) -> None:
        # The end stays in view where it was; `Pane.on_resize` is called after this.
        at_end = self.selected >= self.count() - 1
        self._layout.resize(self.columns)
        self.selected = self.count() - 1 if at_end else min(self.selected, self.count() - 1)

    def count(self) -> int:
        return len(self._layout.lines)

    def target(self) -> int | None:
        """The node that `enter` goes to: the last that ends in the selected line; the prompt for a line of it."""
        if self.view is None:
            return None
        pieces = self._layout.lines[self.selected].pieces
        token = pieces[-1].token if pieces else len(self._layout) - 1
        return self._path.nodes[max(0, token - self._prompt + 1)]

    def heading(self) -> str:
        if self.view is None:
            return ""
        return (
            f"{counted(len(self._path) - 1, 'token')} · shade: H 0 to {RAMP_TOP:g} nats · ▲ forced"
        )

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        view, palette = self.now, self.palette
        for piece in self._layout.lines[row].pieces:
            line.add(piece.text, self._style(piece.token))
        if row == self.count() - 1:
            line.add(_END if view.session.ended else _HERE, palette.accent)
        if row != self.selected or not self.has_focus:
            return None
        # Shades are what this pane is for, so the selected line is underlined, not repainted.
        return Style(underline=True)

    def _style(self, token: int) -> Style:
        view, palette = self.now, self.palette
        place = token - self._prompt + 1
        if place < 1:
            return palette.dim
        entropies = view.tree.entropies(self._path.nodes[place - 1])
        style = palette.shade(entropies[0]) if entropies else palette.text
        if view.tree.source(self._path.nodes[place]).word == "forced":
            style += Style(bold=True)
        return style
