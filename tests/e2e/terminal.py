"""A real terminal for the tests: a pty, a program in it, and an emulator that reads what it draws."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time

import psutil
import pyte

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "left": "\x1b[D",
    "right": "\x1b[C",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "ctrl+c": "\x03",
    "ctrl+p": "\x10",
    "ctrl+s": "\x13",
    "ctrl+u": "\x15",
    "space": " ",
}


class Screen(pyte.Screen):
    """A screen that one thread draws while another reads it: looking at a line may make it.

    Attributes:
        seen: its lines as they were read last; None since something was drawn.
    """

    def __init__(self, columns, lines):
        self.turn = threading.RLock()
        self.seen = None
        super().__init__(columns, lines)

    @property
    def display(self):
        with self.turn:
            if self.seen is None:
                self.seen = super().display
            return self.seen


class Terminal:
    """`bftui` with these arguments, in a terminal of this size."""

    def __init__(self, *arguments, size=(120, 36), cwd=None, stderr=None, **environment):
        columns, rows = size
        self.screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        self._next_key = 0.0
        self._controller, self._terminal = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self._terminal)
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_ANIMATIONS": "none",
            **environment,
        }
        for name in {"COLUMNS", "LINES", "NO_COLOR"} - set(environment):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bftui", *map(str, arguments)],
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal if stderr is None else stderr.open("wb"),
            start_new_session=True,
            env=env,
            cwd=cwd,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._controller, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data
            with self.screen.turn:
                self._stream.feed(data)
                self.screen.seen = None

    def resize(self, columns, rows):
        """Another size, as a person drags the window."""
        self.signal_size(columns, rows)
        with self.screen.turn:
            self.screen.resize(rows, columns)
            self.screen.seen = None

    def signal_size(self, columns, rows):
        """The same, but for what the emulator shows."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, size)

    @property
    def text(self):
        """What is on the screen."""
        return "\n".join(self.screen.display)

    def press(self, *keys):
        """Types keys, by name or as text."""
        for key in keys:
            # Keys that follow an escape at once would be read as one key.
            time.sleep(max(0.0, self._next_key - time.monotonic()))
            os.write(self._controller, KEYS.get(key, key).encode())
            self._next_key = time.monotonic() + (0.3 if key == "esc" else 0.02)

    def wait(self, *texts, seconds=30.0):
        """Waits until all of these are on the screen."""
        self.wait_for(lambda: all(text in self.text for text in texts), seconds, texts)

    def wait_for(self, condition, seconds=30.0, what="it"):
        """Waits until a condition holds; shows the screen when it does not."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or (self.process.poll() is not None and not condition()):
                raise AssertionError(f"{what} did not come; the screen:\n{self.text}")
            time.sleep(0.02)

    def children(self):
        """Processes that the program started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def leave(self, seconds=20.0):
        """Waits for the end; returns the exit status."""
        status = self.process.wait(seconds)
        time.sleep(0.1)
        return status

    @property
    def restored_screen(self):
        """Whether the main screen is shown."""
        return self.output.rfind(b"\x1b[?1049l") > self.output.rfind(b"\x1b[?1049h")

    def restored(self):
        """Whether the terminal is as it was: its modes, the main screen, a visible cursor, no mouse reports."""
        modes = termios.tcgetattr(self._terminal) == self.before
        cursor = self.output.rfind(b"\x1b[?25h") > self.output.rfind(b"\x1b[?25l")
        mouse = self.output.rfind(b"\x1b[?1000l") >= self.output.rfind(b"\x1b[?1000h")
        return modes and self.restored_screen and cursor and mouse

    def close(self):
        """Ends whatever still runs."""
        if self.process.poll() is None:
            for child in self.children():
                child.kill()
            self.process.kill()
            self.process.wait()
        for end in (self._terminal, self._controller):
            os.close(end)
