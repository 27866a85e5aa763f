"""The main screen, whole: the keys that are left, around the session and the program.

Nothing here computes a number.
"""

from __future__ import annotations

import os
from pathlib import Path

from bftui.core.text import counted, label
from bftui.model.prompt import Prompt
from bftui.session import commands
from bftui.ui.actions.bindings import all_bound
from bftui.ui.clipboard import copied
from bftui.ui.drawing.line_builder import fit
from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.text_pane import TextPane
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.pairing_keys import Pairing
from bftui.workbench.snapshot import Notice


class WorkbenchScreen(Pairing):
    """Prompts, models, files, and the end; and all the keys.

    The classes below this one have none of their own: Textual would read them again for each.
    """

    BINDINGS = all_bound()  # type: ignore[assignment]

    def do_prompt(self) -> None:
        from bftui.ui.screens.prompt_screen import PromptScreen

        session = self.bridge.now.session
        prompt = self.bridge.now.refused or (session.prompt if session else self.bridge.now.prompt)

        def prompted(prompt: Prompt | None) -> None:
            if prompt is not None:
                self.bridge.set_prompt(prompt)
                self.expect_work()

        self.app.push_screen(
            PromptScreen(prompt or self.settings.frame, self.bridge, self.palette), prompted
        )

    def do_turn(self) -> None:
        from bftui.ui.screens.turn_screen import TurnScreen

        def added(text: str | None) -> None:
            if text:
                self.send(commands.AddTurn(text))

        self.app.push_screen(TurnScreen(self.palette), added)

    def do_open(self) -> None:
        from bftui.catalog.model_summary import PlannedOpening
        from bftui.ui.screens.open_screen import OpenScreen

        def opened(model: str | None) -> None:
            if model:
                self.bridge.open_other(model)
                self.frame()

        settings, source = self.settings, self.bridge.now.source
        opening = PlannedOpening.of(settings.options, settings.backend, source)
        self.app.push_screen(OpenScreen(source, self.palette, opening=opening), opened)

    def do_reload(self) -> None:
        self.bridge.reload()
        self.frame()

    def do_export(self) -> None:
        if self.settings.trace is not None:
            self.bridge.export(self.settings.trace)
            self.expect_work()
            return

        def hint(text: str) -> str:
            # `os.path` where `Path` would raise: for users that do not exist and names that are too long.
            path = os.path.expanduser(text)
            if not text or os.path.isdir(path):
                return "the file to write"
            return "replaces the file that is there" if os.path.exists(path) else "a new file"

        def exported(text: str | None) -> None:
            if text:
                self.bridge.export(Path(os.path.expanduser(text)))
                self.expect_work()

        name = self.bridge.now.model.info.name if self.bridge.now.model else "bftui"
        default = "".join(c if c.isalnum() or c in "-_" else "-" for c in name) + "-trace.json"
        self.ask("save the trace to", default, hint, exported)

    def do_copy(self) -> None:
        found = self._to_copy()
        if found is None:
            self.warn("there is nothing to copy here")
            return
        text, what = found
        kept, told = copied(text, what, os.environ)
        self.app.copy_to_clipboard(kept)
        self.tell(Notice(told))

    def _to_copy(self) -> tuple[str, str] | None:
        """The text that `y` copies in the focused pane, and what it is."""
        pane, session = self.pane(), self.bridge.now.session
        if session is None:
            return None
        if isinstance(pane, CandidatesPane):
            token = pane.chosen()
            return None if token is None else self._token_to_copy(token)
        if isinstance(pane, TextPane) and (chosen := pane.selection) is not None:
            text = pane.selected_bytes().decode(errors="replace")
            return text, f"the {counted(len(chosen), 'token')} selected"
        if isinstance(pane, TextPane) and pane.away and (node := pane.target()) is not None:
            token = session.tree.token_id(node)
            if token is not None:
                return self._token_to_copy(token)
        node = pane.target() if isinstance(pane, TreePane) else session.cursor
        if text := session.text(node):
            return text, "the branch" if isinstance(pane, TreePane) else "the text after the prompt"
        return session.prompt.text, "the prompt"

    def _token_to_copy(self, token: int) -> tuple[str, str]:
        assert self.bridge.now.session is not None
        data = self.bridge.now.session.model.token_bytes(token)
        return data.decode(errors="replace"), f"the token {fit(label(data[:80]), 20)}"

    def do_settings(self) -> None:
        from bftui.ui.screens.settings_screen import SettingsScreen

        self.app.push_screen(SettingsScreen(self.palette))

    def do_palette(self) -> None:
        self.app.action_command_palette()

    def do_escape(self) -> None:
        if self.notice.notice is not None:
            self.notice.tell(None)
        elif self.end_search():
            return
        elif self.bridge.cancel() or self.bridge.stop_partner() or self.bridge.stop_experiments():
            self.frame()
        elif self.has_class("zoom"):
            self.zoom_to(None)

    def do_suspend(self) -> None:
        self.app.action_suspend_process()

    def do_quit(self) -> None:
        self.app.exit(return_code=0)
