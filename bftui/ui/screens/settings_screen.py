"""What the workbench begins with: each change holds at once and is written to the config file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from bftui.core.errors import BftuiError, UsageError
from bftui.core.text import counted, safe
from bftui.trace.user_folders import user_home
from bftui.ui.actions.bindings import bound
from bftui.ui.config_edit import write_config
from bftui.ui.config_file import SHADINGS, checked_words
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.key_bar import KeyBar
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.text_pane import Shading
from bftui.ui.screens.dialog import Dialog
from bftui.ui.themes.theme_files import AUTO, found
from bftui.ui.themes.theme_styles import Palette, find

if TYPE_CHECKING:
    from bftui.ui.app import WorkbenchApp

_TITLE, _VALUE = 14, 19


@dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Attributes:
        title: how it is called.
        choices: what the arrows go through; empty where `enter` does something else.
        value: what holds now, as it is shown.
        help: what it does.
        take: has a choice hold; for a row without choices what `enter` does.
    """

    title: str
    choices: Sequence[str]
    value: Callable[[], str]
    help: str
    take: Callable[[str], None]


class _SettingsPane(Pane):
    NAME = "settings"

    def __init__(self, palette: Palette, rows: Sequence[Row]) -> None:
        super().__init__(palette)
        self.settings = rows
        self.said = ""

    @property
    def ready(self) -> bool:
        return True

    def count(self) -> int:
        return len(self.settings)

    def footing(self) -> str:
        return fit(safe(self.said), max(0, self.columns - 2))

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        its, here, palette = self.settings[row], row == self.selected, self.palette
        line.add("▸ " if here else "  ", palette.accent).add(its.title, palette.text)
        line.to(_TITLE + 2)
        value = fit(safe(its.value()), _VALUE - 4 if its.choices else line.room)
        line.add(f"‹ {value} ›" if its.choices else value, palette.title)
        if its.choices:
            line.to(_TITLE + 2 + _VALUE).add(fit(its.help, line.room), palette.dim)
        return palette.cursor if here else None

    def said_now(self, text: str) -> None:
        """Says something at the lower edge."""
        self.said = text
        self.redraw()
        self.refresh()


class SettingsScreen(Dialog[None]):
    """Theme, palette, shading and what else the config file holds that can be seen at once."""

    DEFAULT_CSS = """
    SettingsScreen { align: center middle; background: $background 60%; layers: base; }
    SettingsScreen Pane { width: 92; max-width: 100%; height: 8; }
    SettingsScreen KeyBar { width: 92; max-width: 100%; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Leave", show=False),
        Binding("left", "step(-1)", "Before", show=False),
        Binding("right", "step(1)", "Next", show=False),
        Binding("enter", "take", "Take", show=False),
        bound("settings", "leave"),
        bound("quit", "app.quit"),
        bound("up", "move(-1)"),
        bound("down", "move(1)"),
    ]

    app: WorkbenchApp

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        rows = (
            Row(
                "theme",
                (AUTO, *found().themes),
                lambda: self.app.settings.theme or AUTO,
                "auto is what suits the terminal",
                self._theme,
            ),
            Row(
                "response",
                ("auto", "off"),
                lambda: "auto" if self.app.bridge.now.automatic else "off",
                "measure forced texts against controls",
                self._response,
            ),
            Row(
                "shading",
                SHADINGS,
                lambda: self.app.workbench.text_pane.shading.value,
                "of the text",
                self._shading,
            ),
            Row(
                "low bandwidth",
                ("off", "on"),
                lambda: "on" if self.app.settings.low_bandwidth else "off",
                "fewer frames; 256 colours at the next start",
                self._low_bandwidth,
            ),
            Row("words", (), lambda: ", ".join(self.app.settings.words), "", self._words),
            Row("sampler", (), self._sampler_now, "", self._sampler),
        )
        self._pane = _SettingsPane(palette, rows)
        self._bar = KeyBar(palette, ("↑ ↓", "setting"), ("← →", "change"), ("esc", "leave"))

    def compose(self) -> ComposeResult:
        yield self._pane
        yield self._bar

    def on_mount(self) -> None:
        self.set_focus(self._pane)
        where = self.app.settings.config
        self._pane.said_now(
            "these hold until it ends" if where is None else f"kept in {_shown(where())}"
        )
        self._show_keys()

    def _show_keys(self) -> None:
        row = self._pane.settings[self._pane.selected]
        does = "edit" if row.title == "words" else "begin with the sampler of now"
        change = (("← →", "change"),) if row.choices else (("enter", does),)
        self._bar.show((("↑ ↓", "setting"), *change, ("esc", "leave")))

    # Changing --------------------------------------------------------------------------------------------------

    def _theme(self, name: str) -> None:
        self.app.put_on(find(name, self.app.terminal_colors))
        self._hold({("", "theme"): name}, theme=None if name == AUTO else name)

    def _response(self, value: str) -> None:
        self.app.bridge.respond_by_itself(value == "auto")
        self._hold({("", "response"): value}, response=value)

    def _shading(self, value: str) -> None:
        self.app.workbench.text_pane.shade_by(Shading(value))
        self._hold({("", "shading"): value}, shading=value)

    def _low_bandwidth(self, value: str) -> None:
        self._hold({("", "low_bandwidth"): value == "on"}, low_bandwidth=value == "on")

    def _words(self, value: str) -> None:
        def hint(text: str) -> str:
            try:
                return (
                    counted(len(checked_words(text.split(","), "words")), "word")
                    + ", with commas between"
                )
            except UsageError as error:
                return error.line()

        def typed(text: str | None) -> None:
            if text is None:
                return
            try:
                words = checked_words(text.split(","), "words")
                self._hold({("", "words"): words}, words=words)
            except BftuiError as error:
                self.app.workbench.warn(error.line())

        before = ", ".join(self.app.settings.words)
        self.app.workbench.ask("words of the style palette", before, hint, typed)

    def _sampler_now(self) -> str:
        session = self.app.bridge.now.session
        sampler = self.app.settings.sampler if session is None else session.sampler
        if sampler is None:
            return "there is none yet"
        return (
            f"T {sampler.temperature:g} · top-k {sampler.top_k or 'off'} · top-p {sampler.top_p:g} · "
            f"min-p {sampler.min_p:g} · seed {sampler.seed}"
        )

    def _sampler(self, value: str) -> None:
        session = self.app.bridge.now.session
        if session is None:
            self.app.workbench.warn("there is no session yet, and so no sampler to begin with")
            return
        values = asdict(session.sampler)
        self._hold({("sampler", name): each for name, each in values.items()})

    def _hold(self, changes: Mapping[tuple[str, str], Any], **settings: Any) -> None:
        """Has settings hold in this workbench, and writes them down."""
        self.app.change(replace(self.app.settings, **settings))
        where = self.app.settings.config
        if where is not None:
            write_config(where(), changes)
            self._pane.said_now(f"kept in {_shown(where())}")
        self._pane.redraw()
        self._pane.refresh()

    # Keys ------------------------------------------------------------------------------------------------------

    def _do(self, row: Row, choice: str) -> None:
        try:
            row.take(choice)
        except BftuiError as error:
            self.app.workbench.warn(error.line())

    def action_step(self, by: int) -> None:
        """Takes the next choice, or the one before."""
        row = self._pane.settings[self._pane.selected]
        if row.choices:
            now = row.value()
            place = row.choices.index(now) if now in row.choices else -by
            self._do(row, row.choices[(place + by) % len(row.choices)])

    def action_take(self) -> None:
        """The next choice, or what the row does."""
        row = self._pane.settings[self._pane.selected]
        if row.choices:
            self.action_step(1)
        else:
            self._do(row, "")

    def action_move(self, by: int) -> None:
        """Moves by lines."""
        self._pane.move(by)
        self._show_keys()

    @on(Pane.Pointed)
    def _pointed(self) -> None:
        self._show_keys()

    @on(Pane.Chosen)
    def _chosen(self) -> None:
        self.action_take()

    def action_leave(self) -> None:
        """Closes it."""
        self.dismiss(None)


def _shown(path: Path) -> str:
    """A path as people write it."""
    own = user_home()
    if own is not None and path.is_relative_to(own):
        return safe(f"~/{path.relative_to(own)}")
    return safe(str(path))
