"""Another model, by its path: what is typed, and the models and folders beside it."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input, Static

from bftui import practice
from bftui.catalog.model_listing import (
    Entry,
    FolderListing,
    completed,
    is_model,
    listing,
    places,
    shipped,
)
from bftui.catalog.model_summary import Describer, PlannedOpening
from bftui.core.text import safe
from bftui.model.model_forms import has_scheme, path_of
from bftui.ui.panes.models_pane import ModelLines, ModelsPane
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField
from bftui.ui.themes.theme_styles import Palette

_ANEW = re.compile(r"(?<!:)(?<!:/)/(?=/|~|table:|hf:|https?:|dial:|proxy:|contrast:)")
"""A slash after which a path begins that does not go on from the folder before it."""


class OpenScreen(BoxScreen[str | None]):
    """Ends with a MODEL form, or None."""

    DEFAULT_CSS = """
    OpenScreen > Vertical { width: 100%; max-width: 128; height: 100%; max-height: 40; }
    OpenScreen ModelsPane { height: 1fr; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("tab", "complete", "Complete", show=False, priority=True),
        *(
            Binding(key, f"move({by})", "Move", show=False, priority=True)
            for key, by in (("up", -1), ("down", 1), ("pageup", -8), ("pagedown", 8))
        ),
    ]

    def __init__(
        self,
        source: str,
        palette: Palette,
        title: str = "open a model",
        *,
        opening: PlannedOpening | None = None,
        none: str = "",
    ) -> None:
        """`source` is the MODEL form of the model that is open: its folder is looked at first.

        `opening` says how what is chosen will be opened. With `none`, a line of that name stands first, which ends
        with an empty text.
        """
        super().__init__(title, palette)
        self._none = none
        path = path_of(source).rstrip("/")
        folder = os.path.dirname(path) if os.path.exists(path) else ""
        folder = folder or os.getcwd()
        self._start = folder if folder.endswith("/") else f"{folder}/"
        self._describer = Describer(opening or PlannedOpening(), self._more_is_known)
        self._pane = ModelsPane(palette, self._describer)
        self._lines = ModelLines(palette, self._describer)
        self._shipped, self._places = shipped(), places()
        self._seen: dict[str, FolderListing] = {}
        self._answered: str | None = None

    def fields(self) -> ComposeResult:
        field = LineField(self._start, select_on_focus=False, compact=True)
        field.cursor_blink = False
        yield field
        yield Static(id="said", classes="note", markup=False)
        yield self._pane
        yield self._lines

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("↑ ↓", "choose"), ("tab", "complete"), ("enter", "open"), ("esc", "leave"))

    def on_mount(self) -> None:
        self.set_focus(self.query_one(LineField))
        self._look()

    def on_unmount(self) -> None:
        self._describer.end()

    def _more_is_known(self) -> None:
        """Called from the thread that reads headers."""
        self.app.call_later(self._draw_again)

    def _draw_again(self) -> None:
        self._pane.refresh()
        self._lines.show(self._pane.entry)

    @property
    def reading(self) -> bool:
        """Whether more will be known of what is listed, or of what lies in the folder."""
        return os.path.dirname(self.typed) not in self._seen or self._describer.busy

    @property
    def typed(self) -> str:
        """The path in the field, with the home folder written out; one that begins again after a slash counts alone."""
        written = self.query_one(LineField).value
        anew = list(_ANEW.finditer(written))
        return os.path.expanduser(written[anew[-1].start() + 1 :] if anew else written)

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
            found = listing(folder)
            with suppress(RuntimeError):  # the program may have ended
                app.call_later(self._scanned, folder, found)

        threading.Thread(target=look, name="bftui-folder", daemon=True).start()

    def _scanned(self, folder: str, found: FolderListing) -> None:
        self._seen[folder] = found
        # A screen that comes or goes has no field.
        if self in self.app.screen_stack and self.query(LineField):
            self._show()

    def _show(self) -> None:
        folder, part = os.path.split(self.typed)
        seen = self._seen.get(folder, FolderListing())
        found = [
            entry
            for entry in seen.entries
            if part.lower() in entry.name.lower() and (part or not entry.name.startswith("."))
        ]
        own = [entry for entry in self._shipped if not part or part.lower() in entry.name]
        nothing = [Entry(self._none, "", "none")] if self._none and not part else []
        here = f"{folder.rstrip('/')}/"
        others = [entry for entry in self._places if entry.path != here and not part]
        self._pane.list(nothing + own + found + others, whole=seen.whole)
        self._lines.show(self._pane.entry)
        unread = seen.problem and not has_scheme(self.typed)
        # A folder that was read late takes nothing back that was said of the path.
        if unread or self._answered != self.typed:
            self._say(f"this folder cannot be read: {safe(seen.problem)}" if unread else "")

    def _answer(self, text: str) -> None:
        """Says why the path that was typed is not taken."""
        self._answered = self.typed
        self._say(text)

    def _say(self, text: str = "") -> None:
        self.query_one("#said", Static).update(
            text
            or "a .gguf file, a Hugging Face directory, table:FILE.json, practice, or dial:BASE::ALIGNED"
        )

    def action_complete(self) -> None:
        """Adds to the path what all that fits has in common."""
        folder = os.path.dirname(self.typed)
        names = [entry.name for entry in self._seen.get(folder, FolderListing()).entries]
        self._write(completed(self.typed, names))

    def _write(self, path: str) -> None:
        field = self.query_one(LineField)
        field.value = path
        field.cursor_position = len(path)

    def action_move(self, by: int) -> None:
        """Moves in the list."""
        self._pane.select(self._pane.selected + by)
        self._lines.show(self._pane.entry)

    @on(Pane.Pointed)
    def _pointed(self) -> None:
        self._lines.show(self._pane.entry)

    @on(Pane.Chosen)
    @on(Input.Submitted)
    def _take(self) -> None:
        entry = self._pane.entry
        if entry is not None:
            if entry.kind == "folder":
                self._write(entry.path)
                return
            self.dismiss(entry.path)
            return
        typed = self.typed.strip()
        if not typed:
            self._answer("type a path, or choose below")
        elif (meant := self._meant(typed)) is not None:
            self.dismiss(meant)
        elif os.path.isdir(typed) and not is_model(typed):
            if not typed.endswith("/"):
                self._write(f"{typed}/")
            else:
                self._answer("this folder is not a model: choose below")
        elif has_scheme(typed) or os.path.exists(typed):
            self.dismiss(typed)
        else:
            self._answer(f"there is no model at {safe(typed)}")

    def _meant(self, typed: str) -> str | None:
        """What is surely meant by a path that does not exist: a practice model, else the only line that is listed."""
        if has_scheme(typed) or os.path.exists(typed):
            return None
        name = os.path.basename(typed)
        if name in practice.NAMES:
            return name
        if os.path.dirname(typed) not in self._seen:
            return None
        listed = self._pane.found
        return listed[0].path if len(listed) == 1 and listed[0].kind != "folder" else None
