"""How the workbench hears its terminal: it sleeps until something is typed.

The thread of Textual's driver wakes up ten times a second to look.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from bftui.core.errors import Cancelled

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver

_TICK_S = 0.05
_TICKING_S = 0.5
"""How long after input time matters: an escape that nothing follows is the key, and no longer a beginning."""
_CHUNK = 4096


class _Waking(threading.Event):
    """An event that also makes a descriptor readable, so that one wait sees input and event."""

    def __init__(self) -> None:
        super().__init__()
        self.fileno, self._end = os.pipe()

    def set(self) -> None:
        if not self.is_set():
            os.write(self._end, b"x")
        super().set()

    def clear(self) -> None:
        if self.is_set():
            os.read(self.fileno, 1)
        super().clear()


def quiet_driver() -> type[Driver] | None:
    """The driver that sleeps; None, which is Textual's choice, where there is no such terminal."""
    if sys.platform == "win32":
        return None
    from textual._xterm_parser import XTermParser
    from textual.drivers.linux_driver import LinuxDriver

    class QuietDriver(LinuxDriver):
        def __init__(
            self,
            app: App[object],
            *,
            debug: bool = False,
            mouse: bool = True,
            size: tuple[int, int] | None = None,
        ) -> None:
            super().__init__(app, debug=debug, mouse=mouse, size=size)
            self.exit_event = self._waking = _Waking()

        def stop_application_mode(self) -> None:
            """Restores the terminal; at the end of the program for good, whatever stops it then and has it go on."""
            if self._app.return_code is not None:
                for number in (signal.SIGTSTP, signal.SIGCONT):
                    signal.signal(number, signal.SIG_DFL)
            super().stop_application_mode()

        def run_input_thread(self) -> None:
            """Hands on what is typed until the input is disabled, or the terminal is gone."""
            parser = XTermParser(self._debug)
            decode = codecs.getincrementaldecoder("utf-8")("replace").decode
            quiet_at = time.monotonic() + _TICKING_S
            while not self.exit_event.is_set():
                wait = _TICK_S if time.monotonic() < quiet_at else None
                ready, _, _ = select.select([self.fileno, self._waking.fileno], [], [], wait)
                if self.fileno in ready:
                    quiet_at = time.monotonic() + _TICKING_S
                    try:
                        data = os.read(self.fileno, _CHUNK)
                    except OSError:
                        data = b""
                    if not data:
                        self._app.call_later(self._app.exit, None, Cancelled.exit_code)
                        return
                    if text := decode(data):
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    return QuietDriver
