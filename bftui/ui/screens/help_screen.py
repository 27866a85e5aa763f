"""All keys, made from the action registry, and what the signs on the screen mean."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from rich.style import Style

from bftui.core.definitions import BF, BF_AFTER, BF_FULL, BF_PATH, BF_ROLLOUTS
from bftui.core.text import label
from bftui.ui.actions.action_table import groups
from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import ReadingPane
from bftui.ui.screens.dialog import ReadingScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.jumps import PERCENTILE
from bftui.workbench.keys import hint, in_force, shown

SIGNS = (
    ("▸ ▮", "where the session stands"),
    ("▲", "a token that was forced"),
    ("◇", "words that the partner wrote"),
    ("•", "a candidate that was taken before"),
    ("■", "the text ends"),
    ("↑", "a bar of the curve past its scale"),
    ("┄", "curve: the branch that was left"),
    ("──", "curve: the partner, where it differs"),
    ("= ≈ ≠", "in the other model: its best token, among its best three, or not"),
    ("◀", "look-ahead: the candidate after which BF is smallest"),
    ("A B", "branches of the tree"),
    ("'a", "a mark"),
    ("⋯ 3 rows", "rows that are folded away: {fold} shows them"),
    ("uncertain", f"H(P) at a local maximum, among the highest {100 - PERCENTILE} % of the path"),
    (
        "{previous_fork} {next_fork} {previous_peak} {next_peak} {next_forced}",
        "move in the text or the tree where one has the focus, else the session",
    ),
    ("BF", BF.brief),
    ("7.2*", "of another sampler than the one in force: going there recomputes it"),
    ("full", BF_FULL.brief),
    ("path", BF_PATH.brief),
    ("rollouts", f"{BF_ROLLOUTS.meaning} [95 % interval]"),
    ("BF after", BF_AFTER.meaning),
    ("×0.24", "BF after the forced text over that after its controls, with its 95 % interval"),
)


_COLUMN = 56
"""Cells that a column of the help needs; there are two where there is room for them."""

_KEYS = 13
"""Cells of the keys before the text."""

_ON = "…"

Line = tuple[str, str]
"""Keys and text; without keys a heading, with `_ON` a text that goes on."""


class _HelpPane(ReadingPane):
    """The blocks of the help in one column or two."""

    NAME = "help"
    LEAVE = "esc closes"

    def __init__(self, palette: Palette, blocks: Sequence[list[Line]]) -> None:
        super().__init__(palette)
        self._blocks = blocks
        self._rows: list[tuple[Line, ...]] = []

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        columns = 2 if self.columns >= 2 * _COLUMN else 1
        room = self.columns // columns - _KEYS - 1
        blocks = [
            [part for line in block for part in _wrapped(line, room)] for block in self._blocks
        ]
        total = sum(map(len, blocks))
        split: list[list[Line]] = [[]]
        for block in blocks:
            if len(split) < columns and len(split[-1]) + len(block) // 2 > total / columns:
                split.append([])
            split[-1] += block
        self._rows = list(zip_longest(*split, fillvalue=("", "")))

    def count(self) -> int:
        return len(self._rows)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        columns = self._rows[row]
        width = line.width // len(columns)
        for place, (keys, text) in enumerate(columns):
            line.to(place * width)
            room = width - (place < len(columns) - 1)
            if keys:
                line.add(f"{'' if keys == _ON else fit(keys, 11):>11}  ", self.palette.accent)
                line.add(fit(text, room - _KEYS), self.palette.text)
            else:
                line.add(fit(text, room), self.palette.title)
        return None


def _wrapped(line: Line, room: int) -> list[Line]:
    """A line in as many as it needs."""
    keys, text = line
    if not keys:
        return [line]
    first, *rest = textwrap.wrap(text, room) or [""]
    return [(keys, first), *((_ON, part) for part in rest)]


class HelpScreen(ReadingScreen):
    """All keys and signs."""

    WIDTH, HEIGHT = 132, 84

    BINDINGS = [bound("help", "leave")]  # noqa: RUF012

    def __init__(self, palette: Palette, words: tuple[str, ...]) -> None:
        blocks: list[list[Line]] = []
        for group, actions in groups().items():
            keys = [(action.shown() or "–", action.told()) for action in actions]
            blocks.append([("", group), *keys, ("", "")])
        signs = [(hint(sign), hint(meaning)) for sign, meaning in SIGNS]
        blocks.append([("", "signs"), *signs, ("", "")])
        style_keys = [shown(key) for key in in_force().keys["word"]]
        style = [
            (key, label(word.encode()))
            for key, word in zip_longest(style_keys, words, fillvalue="–")
        ][: len(words)]
        blocks.append([("", "style palette"), *style])
        super().__init__(_HelpPane(palette, blocks))
