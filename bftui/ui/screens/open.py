"""Another model, by its path: what is typed, and the models and folders beside it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from bftui import practice
from bftui.core.text import safe
from bftui.ui.nearby import Entry, completed, entries, size_text, weights
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.fields import LineField
from bftui.ui.strips import LineBuilder, counted, fit
from bftui.ui.themes import Palette
from bftui.ui.widgets.key_bar import KeyBar
from bftui.ui.widgets.pane import Pane

_PRACTICE = "a practice model"
_NO_PATHS = ("table:", "hf:", "http:", "https:")
_KINDS = {
    "gguf": "GGUF",
    "safetensors": "Hugging Face",
    "folder": "",
    "practice": _PRACTICE,
    "none": "",
}


class _FoundPane(Pane):
    """The models and folders; -1 selects none of them, and what is typed counts."""

    FOCUS_ON_CLICK = False
    """What is typed, and enter, stay with the field."""

    NAME = "found"
    HEADING = "models and folders"

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.found: list[Entry] = []
        self.selected = -1

    @property
    def ready(self) -> bool:
        return True

    def list(self, found: list[Entry]) -> None:
        """Shows other entries."""
        if found != self.found:
            self.found = found
            self.selected, self.top = -1, 0
            self.refresh()

    def count(self) -> int:
        return len(self.found)

    def select(self, row: int) -> bool:
        self.selected = max(-1, min(row, self.count() - 1))
        self.top = max(
            0,
            min(
                max(min(self.top, self.selected), self.selected - self.rows + 1),
                self.count() - self.rows,
            ),
        )
        self.refresh()
        return True

    def footing(self) -> str:
        models = sum(entry.kind not in ("folder", "none") for entry in self.found)
        return counted(models, "model")

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        entry, palette = self.found[row], self.palette
        size = size_text(entry.size) if entry.size is not None else ""
        plain = palette.dim if entry.kind == "folder" else palette.text
        line.add(fit(safe(entry.name), max(8, line.width - 32)), plain)
        line.to(line.width - 31).add(f" {_KINDS[entry.kind]}", palette.dim)
        line.right(size, palette.dim)
        return palette.cursor if row == self.selected else None


class OpenScreen(Dialog[str | None]):
    """Ends with a MODEL form, or None."""

    DEFAULT_CSS = """
    OpenScreen { align: center middle; background: $background 60%; }
    OpenScreen > Vertical {
        width: 88; max-width: 100%; height: 90%; max-height: 26; padding: 0 1;
        border: round $accent; border-title-style: bold; background: $background;
    }
    OpenScreen LineField { height: 1; border: none; padding: 0; background: $background; }
    OpenScreen LineField:focus { border: none; background-tint: $background; }
    OpenScreen _FoundPane { height: 1fr; }
    OpenScreen .note { height: 1; color: $dim; text-overflow: ellipsis; text-wrap: nowrap; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Leave", show=False),
        Binding("tab", "complete", "Complete", show=False, priority=True),
        *(
            Binding(key, f"move({by})", "Move", show=False, priority=True)
            for key, by in (("up", -1), ("down", 1), ("pageup", -8), ("pagedown", 8))
        ),
    ]

    def __init__(
        self, source: str, palette: Palette, title: str = "open a model", *, none: str = ""
    ) -> None:
        """`source` is the MODEL form of the model that is open: its folder is looked at first.

        With `none`, a line of that name stands first, which ends with an empty text.
        """
        super().__init__()
        self._title, self._none = title, none
        path = source.removeprefix("table:").rstrip("/")
        folder = os.path.dirname(path) if os.path.exists(path) else ""
        folder = folder or os.getcwd()
        self._start = folder if folder.endswith("/") else f"{folder}/"
        self._pane = _FoundPane(palette)
        self._palette = palette
        self._seen: dict[str, list[Entry]] = {}

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = self._title
        with box:
            field = LineField(self._start, select_on_focus=False, compact=True)
            field.cursor_blink = False
            yield field
            yield Static(id="said", classes="note", markup=False)
            yield self._pane
            yield KeyBar(
                self._palette,
                ("↑ ↓", "choose"),
                ("tab", "complete"),
                ("enter", "open"),
                ("esc", "leave"),
                indent=0,
            )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(LineField))
        self._look()

    @property
    def typed(self) -> str:
        """The path in the field, with the home folder written out."""
        return os.path.expanduser(self.query_one(LineField).value)

    @on(Input.Changed)
    def _look(self) -> None:
        folder = os.path.dirname(self.typed)
        if folder in self._seen:
            self._show()
        else:
            self._scan(folder)

    def _scan(self, folder: str) -> None:
        """Looks into a folder, which may be on a disk that does not answer: nobody waits for this thread to end."""
        app = self.app

        def look() -> None:
            found = entries(folder)
            with suppress(RuntimeError):  # the program may have ended
                app.call_later(self._scanned, folder, found)

        threading.Thread(target=look, name="bftui-folder", daemon=True).start()

    def _scanned(self, folder: str, found: list[Entry]) -> None:
        self._seen[folder] = found
        if self.is_mounted and self in self.app.screen_stack:
            self._show()

    def _show(self) -> None:
        folder, part = os.path.split(self.typed)
        found = [
            entry
            for entry in self._seen.get(folder, [])
            if part.lower() in entry.name.lower() and (part or not entry.name.startswith("."))
        ]
        shipped = [
            Entry(name, name, "practice", os.path.getsize(practice.path(name)))
            for name in practice.NAMES
            if not part or part.lower() in name
        ]
        nothing = [Entry(self._none, "", "none", None)] if self._none and not part else []
        self._pane.list(nothing + shipped + found)
        self._say()

    def _say(self, text: str = "") -> None:
        self.query_one("#said", Static).update(
            text or "a .gguf file, a Hugging Face directory, or practice"
        )

    def action_complete(self) -> None:
        """Adds to the path what all that fits has in common."""
        folder = os.path.dirname(self.typed)
        names = [entry.name for entry in self._seen.get(folder, [])]
        self._write(completed(self.typed, names))

    def _write(self, path: str) -> None:
        field = self.query_one(LineField)
        field.value = path
        field.cursor_position = len(path)

    def action_move(self, by: int) -> None:
        """Moves in the list."""
        self._pane.select(self._pane.selected + by)

    @on(Pane.Chosen)
    @on(Input.Submitted)
    def _take(self) -> None:
        if self._pane.selected >= 0:
            entry = self._pane.found[self._pane.selected]
            if entry.kind == "folder":
                self._write(entry.path)
                return
            self.dismiss(entry.path)
            return
        typed = self.typed.strip()
        if not typed:
            self._say("type a path, or choose below")
        elif (meant := self._meant(typed)) is not None:
            self.dismiss(meant)
        elif os.path.isdir(typed) and weights(typed) is None:
            if not typed.endswith("/"):
                self._write(f"{typed}/")
            else:
                self._say("this folder is no model: choose below")
        else:
            self.dismiss(typed)

    def _meant(self, typed: str) -> str | None:
        """What is surely meant by a path that does not exist: a practice model, else the only line that is listed."""
        if typed.startswith(_NO_PATHS) or os.path.exists(typed):
            return None
        name = os.path.basename(typed)
        if name in practice.NAMES:
            return name
        if os.path.dirname(typed) not in self._seen:
            return None
        listed = self._pane.found
        return listed[0].path if len(listed) == 1 and listed[0].kind != "folder" else None

    def action_leave(self) -> None:
        """Opens nothing."""
        self.dismiss(None)
