"""The themes as a list beside the workbench, which wears the one that is selected."""

from __future__ import annotations

from rich.style import Style
from textual import on
from textual.binding import Binding
from textual.message import Message

from bftui.core.errors import BftuiError
from bftui.core.text import safe
from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.messages import NoticeGiven, ThemeChosen
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.dialog import PaneScreen
from bftui.ui.terminal.terminal_colors import TerminalColors
from bftui.ui.themes.theme_files import ThemeFile, found
from bftui.ui.themes.theme_styles import Palette, find
from bftui.workbench.keys import hint
from bftui.workbench.snapshot import Notice, Tone

_MARK = "▸"


class _ThemesPane(Pane):
    """The names, each with what it is for."""

    NAME = "themes"
    HEADING = "theme"

    class Reached(Message):
        """Another line is selected."""

    def __init__(self, palette: Palette, themes: tuple[ThemeFile, ...]) -> None:
        super().__init__(palette)
        self._themes = themes

    def count(self) -> int:
        return len(self._themes)

    def footing(self) -> str:
        return "enter takes it · esc leaves"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        theme = self._themes[row]
        here = row == self.selected
        kind = "16 colours" if theme.ansi else "dark" if theme.dark else "light"
        note = f"yours, {kind}" if theme.own else kind
        line.add(_MARK if here else " ", self.palette.accent)
        line.add(f" {fit(safe(theme.name), line.room - len(note) - 3)}")
        line.right(note, self.palette.dim)
        return self.palette.cursor if here else None

    def select(self, row: int) -> bool:
        moved = super().select(row)
        if moved:
            self.post_message(self.Reached())
        return moved


class ThemeScreen(PaneScreen[None]):
    """Shows each theme as it is reached; esc puts the one from before on again."""

    DEFAULT_CSS = """
    ThemeScreen { align: right bottom; background: transparent; }
    ThemeScreen Pane { width: 40; max-width: 60%; margin: 0 1 1 0; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q", "leave", "Leave", show=False),
        Binding("enter", "take", "Take", show=False),
        bound("theme", "next"),
        *(
            Binding(keys, f"move({by})", "Move", show=False)
            for keys, by in (("up,k", -1), ("down,j", 1), ("home", -99), ("end,G", 99))
        ),
    ]

    def __init__(self, palette: Palette, theme: ThemeFile, colors: TerminalColors) -> None:
        """`theme` is the one that is on, `colors` those of the terminal."""
        self._themes = tuple(found().themes.values())
        super().__init__(_ThemesPane(palette, self._themes))
        self._before = self._on = theme
        self._colors = colors
        self._pane.styles.height = min(len(self._themes), 14) + 2

    def on_mount(self) -> None:
        names = [theme.name for theme in self._themes]
        if self._before.name in names:
            # Nothing is put on, and nothing scrolled: the list has no size yet.
            self._pane.selected = names.index(self._before.name)
        self.set_focus(self._pane)

    @on(_ThemesPane.Reached)
    def _reached(self) -> None:
        name = self._themes[self._pane.selected].name
        try:
            self._put_on(find(name, self._colors))
        except BftuiError as error:
            # The file is read again, so that one who writes a theme sees it; it may have been damaged or gone.
            self.app.post_message(NoticeGiven(Notice(error.line(), Tone.WARNING)))

    def _put_on(self, theme: ThemeFile) -> None:
        self._on = theme
        self.app.post_message(ThemeChosen(theme))

    def action_next(self) -> None:
        """Goes to the next one, after the last to the first."""
        self._pane.select((self._pane.selected + 1) % len(self._themes))

    @on(Pane.Chosen)
    def action_take(self) -> None:
        """Keeps the theme that is on."""
        self.dismiss()
        keeps = hint("{settings} keeps it for every start")
        self.app.post_message(NoticeGiven(Notice(f"theme: {safe(self._on.name)} · {keeps}")))

    def action_leave(self) -> None:
        """Puts on the theme from before."""
        self._put_on(self._before)
        self.dismiss()
