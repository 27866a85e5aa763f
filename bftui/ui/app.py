"""The workbench as a program: `run` takes settings and gives an exit code.

Importing this imports no model library, and the model's process starts only after the first frame.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from bftui.core.errors import Cancelled
from bftui.core.text import safe
from bftui.ui.actions.action_table import USUAL
from bftui.ui.messages import Changed, NoticeGiven, SettingsChanged, ThemeChosen
from bftui.ui.panes.text_shading import Shading
from bftui.ui.screens.dialog import HEIGHT, WIDTH, Dialog, TooSmall
from bftui.ui.screens.workbench_screen import WorkbenchScreen
from bftui.ui.terminal.driver import quiet_driver
from bftui.ui.terminal.terminal import OwnTerminal, check_terminal
from bftui.ui.terminal.terminal_colors import TerminalColors, terminal_colors
from bftui.ui.terminal.type_ahead import TypeAhead
from bftui.ui.themes.theme_files import ThemeFile, found
from bftui.ui.themes.theme_styles import find, palette, textual_theme, variables
from bftui.workbench.keys import in_force, use
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.workbench import Workbench

FRAME_S = 1 / 30
SELDOM_S = 1 / 4
"""Between two frames on a slow line."""
SHARE = 0.1
"""Of a core that drawing may take while it plays: on a machine of few cores the model pays for every frame."""
LONGEST_S = 0.5
"""Between two frames, however slow drawing is."""


class WorkbenchApp(App[None]):
    """One workbench screen, one workbench, one frame for any number of changes."""

    TITLE = "bftui"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    CommandPalette { background: $background 60%; }
    CommandPalette #--input { border: round $accent; background: $background; }
    CommandPalette SearchIcon { display: none; }
    CommandPalette CommandInput { background: $background; padding: 0; margin: 0; }
    CommandPalette CommandList { border: round $line; background: $background; }
    CommandPalette > .command-palette--help-text { color: $dim; text-style: not dim not bold; }
    CommandPalette:ansi > .command-palette--help-text { color: transparent; text-style: dim not bold; }
    /* Textual turns its own caret round twice here, and the line of a list not at all. */
    Input:ansi > .input--cursor { color: ansi_default; background: ansi_default; text-style: reverse; }
    OptionList:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+c", "interrupt", "Stop", show=False, priority=True),
        Binding(
            "ctrl+p", "command_palette", "Palette", show=False, priority=True, id="app.palette"
        ),
    ]

    def __init__(self, settings: WorkbenchSettings, colors: TerminalColors | None = None) -> None:
        """`colors` are those of the terminal, by default all.

        Raises UsageError for a theme that does not exist, InputError for one whose file is damaged.
        """
        self.terminal_colors = colors or TerminalColors()
        self.theme_file = find(settings.theme, self.terminal_colors)
        self._greys, self._no_colors = Monochrome(), NoColor()
        use(settings.keymap or USUAL)
        super().__init__(driver_class=quiet_driver())
        self.workbench = Workbench(settings, self._changed)
        self.bench = WorkbenchScreen(
            settings, self.workbench, self.theme_file, self.terminal_colors
        )
        self.frame_s = SELDOM_S if settings.low_bandwidth else FRAME_S
        self._last_frame = 0.0
        self._cpu_at_frame = 0.0
        self._cpu_of_frame = 0.0
        self._frame_due = False
        self._type_ahead = TypeAhead(self)
        self._put_on_textual()
        self.set_keymap(in_force().bindings())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(self.theme_file)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        if not self.no_color:
            return filters
        # Textual chooses when it starts, and by a theme of its own. Its greys draw all colours of the terminal black.
        wanted = self._no_colors if self.theme_file.ansi else self._greys
        return [wanted if isinstance(each, Monochrome | NoColor) else each for each in filters]

    def get_default_screen(self) -> Screen[None]:
        return self.bench

    def on_mount(self) -> None:
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, self.exit, None, Cancelled.exit_code)
        # The first frame comes before anything of a model is imported or started.
        self.bench.call_after_refresh(self._start)

    def _start(self) -> None:
        gc.enable()
        self.workbench.start()
        for error in found().damaged.values():
            self.bench.warn(error.line())
        if self.bench.settings.prompt is None and not isinstance(self.screen, TooSmall):
            self.bench.act("prompt")

    # Frames ----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self.post_message(Changed())

    def on_changed(self) -> None:
        if self._frame_due:
            return
        wait = self._last_frame + self._between_frames() - time.monotonic()
        if wait <= 0:
            self._frame()
        else:
            self._frame_due = True
            self.set_timer(wait, self._frame)

    def _between_frames(self) -> float:
        """Seconds from a frame to the next; playing has them wait where drawing takes long."""
        if not self.workbench.now.playing:
            return self.frame_s
        return max(self.frame_s, min(self._cpu_of_frame / SHARE, LONGEST_S))

    def _frame(self) -> None:
        self._frame_due = False
        if not self.workbench.heard():
            return  # a key that came before it had all drawn
        self._last_frame = time.monotonic()
        # Drawing is done some time after a frame was asked for: from frame to frame all of it is in.
        now = time.thread_time()
        self._cpu_at_frame, self._cpu_of_frame = now, now - self._cpu_at_frame
        with self.batch_update():
            self.bench.frame()

    async def on_event(self, event: events.Event) -> None:
        if (
            isinstance(event, events.Key | events.Paste)
            and not event.is_forwarded
            and self._type_ahead.holds(event)
        ):
            return
        await super().on_event(event)

    @property
    def typing(self) -> bool:
        """Whether something typed is still on its way."""
        return self._type_ahead.busy

    # Keys that hold everywhere ---------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Stops work; the second within a second quits."""
        self.bench.act("interrupt")

    def action_command_palette(self) -> None:
        from bftui.ui.screens.palette_screen import ActionPalette

        # Under a terminal that became too small there may be one already.
        if not any(isinstance(each, TooSmall | ActionPalette) for each in self.screen_stack):
            self.push_screen(ActionPalette(id="--command-palette"))

    async def action_quit(self) -> None:
        self.exit(return_code=0)

    def _handle_exception(self, error: Exception) -> None:
        # A screen that was just being opened when the program was ended finds none of its parts: that is not a failure.
        if self.return_code is None:
            super()._handle_exception(error)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from bftui.ui.screens.palette_screen import palette_commands

        return palette_commands(self.bench)

    # What screens say ------------------------------------------------------------------------------------------

    def on_forget_typed(self) -> None:
        self._type_ahead.forget()

    def on_notice_given(self, message: NoticeGiven) -> None:
        self.bench.tell(message.notice)

    def on_theme_chosen(self, message: ThemeChosen) -> None:
        self.put_on(message.theme)

    def on_settings_changed(self, message: SettingsChanged) -> None:
        settings = message.settings
        self.bench.use_settings(settings)
        self.frame_s = SELDOM_S if settings.low_bandwidth else FRAME_S
        if "shading" in message.changed:
            self.bench.text_pane.shade_by(Shading(settings.shading))

    # Themes and sizes ------------------------------------------------------------------------------------------

    def put_on(self, theme: ThemeFile) -> None:
        """Draws everything in a theme's colours from now on; `find` has it in those of `terminal_colors`."""
        self.theme_file = self.bench.theme_file = theme
        self._put_on_textual()
        for screen in self.screen_stack:
            if isinstance(screen, WorkbenchScreen | Dialog):
                screen.use(palette(theme))

    def _put_on_textual(self) -> None:
        theme = textual_theme(self.theme_file)
        self.register_theme(theme)
        self.theme = theme.name

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < WIDTH or event.size.height < HEIGHT
        shown = isinstance(self.screen, TooSmall)
        if small and not shown:
            self.push_screen(TooSmall())
        elif shown and not small:
            self.pop_screen()
            if self.workbench.now.prompt is None and self.screen is self.bench:
                self.bench.act("prompt")


def run(settings: WorkbenchSettings) -> int:
    """Shows the workbench until it is left; the exit code of the command line.

    Raises UsageError where there is no terminal to draw on.
    """
    check_terminal("`bftui record` runs the same session without one")
    app = WorkbenchApp(settings, terminal_colors())
    with OwnTerminal() as terminal:
        try:
            app.run()
        finally:
            app.workbench.close()
    # Whatever ended it without a word was an interruption.
    code = Cancelled.exit_code if app.return_code is None else app.return_code
    if unsaved := app.workbench.leave():
        return unsaved
    if code == 1:
        log = safe(str(terminal.keep_log()))
        print(f"bftui: the workbench failed; the log is {log}", file=sys.stderr)
    return code
