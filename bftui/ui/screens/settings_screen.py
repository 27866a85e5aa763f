"""What the workbench begins with: each change holds at once and is written to the config file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from bftui.core.errors import BftuiError, UsageError
from bftui.core.sampler import FIRST, Sampler, written_sampler
from bftui.core.text import counted, safe
from bftui.model.token_names import typed_settings
from bftui.trace.user_folders import user_home
from bftui.ui.actions.bindings import bound
from bftui.ui.config_edit import write_config
from bftui.ui.config_file import SHADINGS, checked_words, read_config
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.messages import NoticeGiven, SettingsChanged, ThemeChosen
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.line_screen import LineScreen
from bftui.ui.themes.theme_files import AUTO, found
from bftui.ui.themes.theme_styles import Palette, find
from bftui.workbench.settings import HORIZONS, SAMPLES
from bftui.workbench.snapshot import Notice, Tone

if TYPE_CHECKING:
    from bftui.ui.terminal.terminal_colors import TerminalColors
    from bftui.workbench.settings import WorkbenchSettings
    from bftui.workbench.workbench import Workbench

_TITLE, _VALUE = 14, 19

_SECONDS = ("2", "5", "10", "20", "30", "60", "120")
"""What a response may take that nobody asked for."""


@dataclass(frozen=True, slots=True)
class SettingRow:
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

    def __init__(self, palette: Palette, rows: Sequence[SettingRow]) -> None:
        super().__init__(palette)
        self.settings = rows
        self.said = ""

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
    SettingsScreen Pane { width: 92; max-width: 100%; height: 11; }
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

    def __init__(
        self,
        palette: Palette,
        settings: WorkbenchSettings,
        workbench: Workbench,
        shading: str,
        colors: TerminalColors,
    ) -> None:
        """`settings` are those that hold, `shading` is that of the text now, `colors` are those of the terminal."""
        super().__init__()
        self._palette, self._settings, self._workbench = palette, settings, workbench
        self._shading_now, self._colors = shading, colors
        rows = (
            SettingRow(
                "theme",
                (AUTO, *found().themes),
                lambda: self._settings.theme or AUTO,
                "auto is what suits the terminal",
                self._theme,
            ),
            SettingRow(
                "response",
                ("auto", "off"),
                lambda: "auto" if self._workbench.now.automatic else "off",
                "measure forced texts against texts like them",
                self._response,
            ),
            SettingRow(
                "samples",
                tuple(map(str, SAMPLES)),
                lambda: str(self._workbench.now.plan.samples),
                "of a response: continuations of each text",
                partial(self._plan, "samples"),
            ),
            SettingRow(
                "tokens",
                tuple(map(str, HORIZONS)),
                lambda: str(self._workbench.now.plan.horizon),
                "of a response: of each continuation",
                partial(self._plan, "horizon"),
            ),
            SettingRow(
                "seconds",
                _SECONDS,
                lambda: f"{self._workbench.now.plan.seconds:g}",
                "of a response that nobody asked for",
                partial(self._plan, "seconds"),
            ),
            SettingRow(
                "shading",
                SHADINGS,
                lambda: self._shading_now,
                "of the text",
                self._shading,
            ),
            SettingRow(
                "low bandwidth",
                ("off", "on"),
                lambda: "on" if self._settings.low_bandwidth else "off",
                "fewer frames; 256 colours at the next start",
                self._low_bandwidth,
            ),
            SettingRow("words", (), lambda: ", ".join(self._settings.words), "", self._words),
            SettingRow("sampler", (), self._sampler_now, "", self._sampler),
        )
        self._pane = _SettingsPane(palette, rows)
        self._bar = KeyBar(palette, ("↑ ↓", "setting"), ("← →", "change"), ("esc", "leave"))

    def compose(self) -> ComposeResult:
        yield self._pane
        yield self._bar

    def on_mount(self) -> None:
        self.set_focus(self._pane)
        where = self._settings.config
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
        self.app.post_message(ThemeChosen(find(name, self._colors)))
        self._hold({("", "theme"): name}, theme=None if name == AUTO else name)

    def _response(self, value: str) -> None:
        self._workbench.respond_by_itself(value == "auto")
        self._hold({("", "response"): value}, response=value)

    def _plan(self, name: str, value: str) -> None:
        """Has responses that begin from now on be measured so."""
        changed: dict[str, Any] = {name: float(value) if name == "seconds" else int(value)}
        plan = replace(self._workbench.now.plan, **changed)
        self._workbench.plan_responses(plan)
        self._hold({("", f"response_{name}"): changed[name]}, plan=plan)

    def _shading(self, value: str) -> None:
        self._shading_now = value
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
                self._warn(error.line())

        before = ", ".join(self._settings.words)
        title = "words of the style palette"
        self.app.push_screen(LineScreen(title, before, hint, self._palette), typed)

    def _warn(self, text: str) -> None:
        self.app.post_message(NoticeGiven(Notice(text, Tone.WARNING)))

    def _sampler_now(self) -> str:
        session = self._workbench.now.session
        sampler = self._settings.sampler if session is None else session.sampler
        if sampler is None:
            return "there is none yet"
        further = len(written_sampler(sampler)) - len(FIRST)
        more = f" · {further} more" if further else ""
        return (
            f"T {sampler.temperature:g} · top-k {sampler.top_k or 'off'} · top-p {sampler.top_p:g} · "
            f"min-p {sampler.min_p:g} · seed {sampler.seed}{more}"
        )

    def _sampler(self, value: str) -> None:
        session = self._workbench.now.session
        if session is None:
            self._warn("there is no session yet, and so no sampler to begin with")
            return
        where = self._settings.config
        before = {} if where is None else read_config(where()).sampler
        off = typed_settings(Sampler())
        self._hold(
            {
                ("sampler", name): value
                for name, value in typed_settings(session.sampler).items()
                if name in FIRST or name in before or value != off[name]
            }
        )

    def _hold(self, changes: Mapping[tuple[str, str], Any], **settings: Any) -> None:
        """Has settings hold in this workbench, and writes them down."""
        self._settings = replace(self._settings, **settings)
        self.app.post_message(SettingsChanged(self._settings, frozenset(settings)))
        where = self._settings.config
        if where is not None:
            write_config(where(), changes)
            self._pane.said_now(f"kept in {_shown(where())}")
        self._pane.redraw()
        self._pane.refresh()

    # Keys ------------------------------------------------------------------------------------------------------

    def _do(self, row: SettingRow, choice: str) -> None:
        try:
            row.take(choice)
        except BftuiError as error:
            self._warn(error.line())

    def action_step(self, by: int) -> None:
        """Takes the next choice, or the one before."""
        row = self._pane.settings[self._pane.selected]
        if row.choices:
            now = row.value()
            place = row.choices.index(now) if now in row.choices else -by
            self._do(row, row.choices[(place + by) % len(row.choices)])

    @on(Pane.Chosen)
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


def _shown(path: Path) -> str:
    """A path as people write it."""
    own = user_home()
    if own is not None and path.is_relative_to(own):
        return safe(f"~/{path.relative_to(own)}")
    return safe(str(path))
