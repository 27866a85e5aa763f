"""The workbench as a program: `run` takes settings and gives an exit code.

Importing this imports no model library, and the model's process starts only after the first frame.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from bftui.core.errors import BftuiError, UsageError
from bftui.core.text import label, safe
from bftui.ui.actions import ACTIONS
from bftui.ui.bridge import Bridge
from bftui.ui.notice import Notice
from bftui.ui.replaying import bridge_of
from bftui.ui.screens.small import HEIGHT, WIDTH, TooSmall
from bftui.ui.screens.workbench import Workbench
from bftui.ui.settings import WorkbenchSettings
from bftui.ui.strips import counted
from bftui.ui.terminal import OwnTerminal
from bftui.ui.themes import find, themes

FRAME_S = 1 / 30
_TWICE_S = 1.0
INTERRUPTED = 130


class Changed(Message):
    """Something changed in the engine's thread; what, is read from the session."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Changed)


class WorkbenchApp(App[None]):
    """One workbench screen, one bridge, one frame for any number of changes."""

    TITLE = "bftui"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    CommandPalette { background: $background 60%; }
    CommandPalette #--input { border: round $accent; background: $background; }
    CommandPalette SearchIcon { display: none; }
    CommandPalette CommandInput { background: $background; padding: 0; margin: 0; }
    CommandPalette CommandList { border: round $line; background: $background; }
    """
    BINDINGS = [Binding("ctrl+c", "interrupt", "Stop", show=False, priority=True)]  # noqa: RUF012

    def __init__(self, settings: WorkbenchSettings) -> None:
        """Raises UsageError for a theme that does not exist."""
        self._theme_file = find(settings.theme)
        super().__init__()
        self.settings = settings
        self.bridge = bridge_of(settings, self._changed)
        self.workbench = Workbench(settings, self.bridge, self._theme_file.palette())
        self._last_frame = 0.0
        self._frame_due = False
        self._interrupted = -_TWICE_S
        for theme in themes().values():
            self.register_theme(theme.theme())
        self.theme = self._theme_file.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return self._theme_file.variables()

    def get_default_screen(self) -> Screen[None]:
        return self.workbench

    def on_mount(self) -> None:
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, self.exit, None, INTERRUPTED)
        # The first frame comes before anything of a model is imported or started.
        self.workbench.call_after_refresh(self._start)

    def _start(self) -> None:
        self.bridge.start()
        if self.settings.prompt is None and not isinstance(self.screen, TooSmall):
            self.workbench.act("prompt")

    # Frames ----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self.post_message(Changed())

    def on_changed(self) -> None:
        if self._frame_due:
            return
        wait = self._last_frame + FRAME_S - time.monotonic()
        if wait <= 0:
            self._frame()
        else:
            self._frame_due = True
            self.set_timer(wait, self._frame)

    def _frame(self) -> None:
        self._frame_due = False
        self._last_frame = time.monotonic()
        self.bridge.heard()
        with self.batch_update():
            self.workbench.frame()

    # Keys that hold everywhere ---------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Stops work; the second within a second quits."""
        now = time.monotonic()
        if now - self._interrupted < _TWICE_S:
            self.exit(return_code=INTERRUPTED)
            return
        self._interrupted = now
        self.bridge.cancel()
        self.bridge.stop_partner()
        self.bridge.stop_experiments()
        self.workbench.frame()
        self.workbench.tell(Notice("stopped; ctrl+c again quits"))

    async def action_quit(self) -> None:
        self.exit(return_code=0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        self.workbench.frame()
        facts = self.workbench.facts()
        for action in ACTIONS:
            if action.id in ("word", "palette", "escape", "interrupt"):
                continue
            reason = action.reason(facts)
            note = f"{action.description} ({action.shown()})" + (
                f" Not now: {reason}." if reason else ""
            )

            def act(name: str = action.id) -> None:
                self.workbench.act(name)

            yield SystemCommand(action.name, note, act)
        on = not self.bridge.experiments.automatic

        def respond() -> None:
            self.workbench.set_response(on)

        yield SystemCommand(
            f"response {'auto' if on else 'off'}",
            "Measure every forced text against controls."
            if on
            else "Measure a forced text only when E asks for it.",
            respond,
        )
        yield from self._beginnings()
        for place, word in enumerate(self.workbench.words):

            def force(key: str = str(place + 1)) -> None:
                self.workbench.act("word", key)

            yield SystemCommand(
                f"force {label(word.encode())}", f"Force this word. ({place + 1})", force
            )

    def _beginnings(self) -> Iterable[SystemCommand]:
        """How the partner's answers begin, as words to force and as the palette of the keys."""
        offered = self.bridge.paired.words
        if not offered:
            return
        partner, whose = safe(self.bridge.paired.name), "the partner's"
        if self.workbench.words is not self.settings.words:
            whose = "your own"
        yield SystemCommand(
            f"style words: {whose}", f"1-9 force {whose} words.", self.workbench.swap_words
        )
        for word in offered:

            def force(word: str = word) -> None:
                self.workbench.force_words(word)

            yield SystemCommand(
                f"partner's {label(word.encode())}", f"Force how {partner} begins answers.", force
            )

    # Themes and sizes ------------------------------------------------------------------------------------------

    def next_theme(self) -> None:
        """Takes the next theme."""
        names = list(themes())
        self._theme_file = find(names[(names.index(self._theme_file.name) + 1) % len(names)])
        self.theme = self._theme_file.name
        self.workbench.use(self._theme_file.palette())
        self.workbench.tell(Notice(f"theme: {self._theme_file.name}"))

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < WIDTH or event.size.height < HEIGHT
        shown = isinstance(self.screen, TooSmall)
        if small and not shown:
            self.push_screen(TooSmall())
        elif shown and not small:
            self.pop_screen()
            if self.bridge.prompt is None and self.screen is self.workbench:
                self.workbench.act("prompt")


def run(settings: WorkbenchSettings) -> int:
    """Shows the workbench until it is left; the exit code of the command line.

    Raises UsageError where there is no terminal to draw on.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the workbench needs a terminal",
            hint="`bftui record` runs the same session without one",
        )
    app = WorkbenchApp(settings)
    with OwnTerminal() as terminal:
        try:
            app.run()
        finally:
            app.bridge.close()
    code = app.return_code or 0
    with suppress(OSError):  # the terminal may be gone
        _say_goodbye(app.bridge)
    session = app.bridge.session
    if settings.trace is not None and session is not None:
        try:
            session.trace().save(settings.trace)
        except BftuiError as error:
            print(f"bftui: {error.line()}", file=sys.stderr)
            return error.exit_code
    if code == 1:
        print(f"bftui: the workbench failed; the log is {terminal.keep_log()}", file=sys.stderr)
    return code


def _say_goodbye(bridge: Bridge) -> None:
    """Says where each session is kept."""
    for count, path in bridge.kept:
        print(f"{counted(count, 'node')} kept in {path}")
    if bridge.session is not None and bridge.journal is not None:
        print(f"{counted(len(bridge.session.tree), 'node')} kept in {bridge.journal.path}")
