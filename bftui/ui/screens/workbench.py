"""The main screen: panes over one session, keys to commands, one frame for any number of changes.

What a key may do is `actions.py`; how it is done is here, in the methods `do_ID`. Nothing here computes a number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer

from bftui.core.text import label, safe
from bftui.session import commands
from bftui.ui.actions import ACTIONS, BY_ID, Facts
from bftui.ui.bridge import RATES, Bridge, Kind, Notice, Word
from bftui.ui.settings import WorkbenchSettings
from bftui.ui.strips import counted
from bftui.ui.themes import Palette
from bftui.ui.view import View
from bftui.ui.widgets.candidates_pane import CandidatesPane
from bftui.ui.widgets.key_line import KeyLine
from bftui.ui.widgets.notice_box import NoticeBox
from bftui.ui.widgets.pane import Pane
from bftui.ui.widgets.status_bar import StatusBar
from bftui.ui.widgets.strip_pane import StripPane
from bftui.ui.widgets.text_pane import TextPane
from bftui.ui.widgets.tree_pane import TreePane

if TYPE_CHECKING:
    from bftui.ui.app import WorkbenchApp
    from bftui.ui.screens.line import LineScreen

_BUSY_AFTER_S = 0.1
"""Work that takes less is not called busy on the screen: the word would only flicker."""


class Workbench(Screen[None]):
    """Tree, candidates, text, strip; a status line above and a key line below."""

    DEFAULT_CSS = """
    Workbench { layers: base over; background: $background; }
    #upper { height: 1fr; }
    Workbench.-narrow #candidates { width: 11fr; }
    Workbench.-narrow #tree { width: 9fr; }
    #tree { width: 2fr; height: 100%; }
    #candidates { width: 3fr; height: 100%; }
    #text { height: 8; }
    #strip { height: 6; }
    Workbench.-low #text { height: 5; }
    Workbench.-low #strip { height: 5; }
    Workbench.-short #text { height: 4; }
    Workbench.-short #strip { display: none; }
    Workbench.zoom Pane { display: none; }
    Workbench.zoom #upper { display: none; }
    Workbench.zoom Pane.zoomed { display: block; width: 1fr !important; height: 1fr !important; }
    Workbench.zoom #upper.zoomed { display: block; }
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-low"), (30, "-tall")]  # noqa: RUF012

    BINDINGS = [  # noqa: RUF012
        Binding(
            key, f"act('{action.id}', '{key}')", action.name, show=False, id=f"{action.id}.{key}"
        )
        for action in ACTIONS
        if action.id != "interrupt"
        for key in action.keys
    ]

    app: WorkbenchApp

    def __init__(self, settings: WorkbenchSettings, bridge: Bridge, palette: Palette) -> None:
        super().__init__()
        self.settings = settings
        self.bridge = bridge
        self.view: View | None = None
        name = Path(settings.model).name if "/" in settings.model else settings.model
        self.status = StatusBar(palette, bridge, name)
        self.tree_pane = TreePane(palette)
        self.candidates = CandidatesPane(palette, bridge.pages, bridge.ask_page)
        self.text_pane = TextPane(palette)
        self.strip = StripPane(palette)
        self.key_line = KeyLine(palette)
        self.notice = NoticeBox(palette)
        self.panes: tuple[Pane, ...] = (self.tree_pane, self.candidates, self.text_pane, self.strip)
        self._busy_check: Timer | None = None
        self._asking: LineScreen | None = None

    def compose(self) -> ComposeResult:
        yield self.status
        with Horizontal(id="upper"):
            yield self.tree_pane
            yield self.candidates
        yield self.text_pane
        yield self.strip
        yield self.key_line
        yield self.notice

    def on_mount(self) -> None:
        self.candidates.focus()
        self.frame()

    # Drawing ---------------------------------------------------------------------------------------------------

    def frame(self) -> None:
        """Brings everything up to date with the session and the bridge's state."""
        bridge = self.bridge
        if self.view is None and bridge.session is not None:
            self.view = View(bridge.session)
        if self.view is not None:
            self.view.sync()
        for pane in self.panes:
            pane.show(self.view)
        self.status.show(self.view)
        self.key_line.show(self.facts(), self._enter_name())
        if self._asking is not None and self._asking.is_mounted:
            self._asking.news()
        while not bridge.notices.empty():
            self.tell(bridge.notices.get())

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        for pane in self.panes:
            pane.use(palette)
        for bar in (self.status, self.key_line, self.notice):
            bar.use(palette)

    def tell(self, notice: Notice) -> None:
        """Shows a notice until the next key."""
        self.notice.tell(notice)

    def facts(self) -> Facts:
        """What actions depend on, now."""
        bridge, view = self.bridge, self.view
        return Facts(
            loading=bridge.word is Word.LOADING,
            failed=bridge.word is Word.FAILED,
            busy=bridge.word is Word.BUSY,
            session=view is not None,
            ended=view is not None and view.next is None and view.tree.eog(view.cursor),
            at_prompt=view is not None and len(view.path) == 1,
            onward=view is not None and view.tree.last_visited(view.cursor) is not None,
            playing=bridge.playing,
        )

    def _enter_name(self) -> str:
        return {"tree": "go there", "text": "go there", "candidates": "force"}.get(
            self._pane().NAME, "–"
        )

    def _pane(self) -> Pane:
        return self.focused if isinstance(self.focused, Pane) else self.candidates

    def on_descendant_focus(self) -> None:
        self.key_line.show(self.facts(), self._enter_name())

    # Doing -----------------------------------------------------------------------------------------------------

    def action_act(self, name: str, key: str = "") -> None:
        """Does an action, or says why it cannot be done now."""
        self.act(name, key)

    def act(self, name: str, key: str = "") -> None:
        """The same, for the palette and the mouse."""
        self.bridge.heard()
        self.frame()
        if name != "escape":
            self.notice.tell(None)
        reason = BY_ID[name].reason(self.facts())
        if reason is not None:
            self.tell(Notice(reason, Kind.WARNING))
        elif name == "word":
            self.do_word(key)
        else:
            getattr(self, f"do_{name}")()

    def on_key(self, event: events.Key) -> None:
        """Keys without an action come here."""
        if event.is_printable and event.character:
            name = safe(event.character)
            self.tell(Notice(f"{name} does nothing here; ? shows the keys", Kind.WARNING))

    def send(self, command: commands.Command) -> None:
        """Queues a command for the session."""
        if not self.bridge.send(command):
            self.tell(Notice("the model is busy: esc stops it", Kind.WARNING))
        self.expect_work()

    def expect_work(self) -> None:
        """Looks again a little later, so that long work is called busy."""
        if self._busy_check is None:
            self._busy_check = self.set_timer(_BUSY_AFTER_S, self._looked_again)

    def _looked_again(self) -> None:
        self._busy_check = None
        self.frame()

    def do_step(self) -> None:
        self.send(commands.Step())

    def do_greedy(self) -> None:
        self.send(commands.Greedy())

    def do_back(self) -> None:
        self.send(commands.Back())

    def do_forward(self) -> None:
        self.send(commands.Forward())

    def do_undo(self) -> None:
        self.send(commands.Undo())

    def do_redo(self) -> None:
        self.send(commands.Redo())

    def do_play(self) -> None:
        self.bridge.play(not self.bridge.playing)
        self.frame()

    def do_slower(self) -> None:
        self._pace(-1)

    def do_faster(self) -> None:
        self._pace(1)

    def _pace(self, by: int) -> None:
        self.bridge.set_rate(self.bridge.rate + by)
        rate = RATES[self.bridge.rate]
        self.tell(
            Notice(
                f"play: {counted(int(rate), 'token')} a second"
                if rate
                else "play: as fast as the model goes"
            )
        )

    def do_word(self, key: str) -> None:
        words = self.settings.words
        place = int(key) - 1
        if place >= len(words):
            self.tell(Notice(f"the palette has {len(words)} words", Kind.WARNING))
            return
        self.bridge.force_word(words[place])
        self.expect_work()

    def do_enter(self) -> None:
        pane = self._pane()
        if isinstance(pane, CandidatesPane):
            self._force_chosen()
        elif isinstance(pane, TreePane | TextPane) and (target := pane.target()) is not None:
            self.send(commands.Goto(target))
        else:
            self.tell(
                Notice(
                    "there is nothing to choose in this pane: tab goes to the next", Kind.WARNING
                )
            )

    def _force_chosen(self) -> None:
        token = self.candidates.chosen()
        facts = self.facts()
        if (reason := BY_ID["force"].reason(facts)) is not None:
            self.tell(Notice(reason, Kind.WARNING))
        elif token is not None:
            self.candidates.wanted = ""
            self.send(commands.ForceIds((token,)))
        elif facts.ended:
            self.tell(Notice("the text ends here: ← goes back, f forces a text", Kind.WARNING))

    @on(Pane.Chosen)
    def _chosen(self, event: Pane.Chosen) -> None:
        event.pane.focus()
        self.act("enter")

    # In the pane -----------------------------------------------------------------------------------------------

    def do_up(self) -> None:
        self._pane().move(-1)

    def do_down(self) -> None:
        self._pane().move(1)

    def do_page_up(self) -> None:
        self._pane().move(-self._pane().rows)

    def do_page_down(self) -> None:
        self._pane().move(self._pane().rows)

    def do_first(self) -> None:
        self._pane().select(0)

    def do_last(self) -> None:
        self._pane().select(self._pane().count() - 1)

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

    def _step_pane(self, by: int) -> None:
        panes = [pane for pane in self.panes if self.has_class("zoom") or pane.display]
        pane = panes[(panes.index(self._pane()) + by) % len(panes)]
        if self.has_class("zoom"):
            self._zoom(pane)
        pane.focus()

    def do_zoom(self) -> None:
        self._zoom(None if self.has_class("zoom") else self._pane())

    def _zoom(self, pane: Pane | None) -> None:
        with self.app.batch_update():
            for other in self.panes:
                other.set_class(other is pane, "zoomed")
            upper = self.query_one("#upper")
            upper.set_class(pane in (self.tree_pane, self.candidates), "zoomed")
            self.set_class(pane is not None, "zoom")

    def do_curve(self) -> None:
        self.strip.toggle()

    def do_theme(self) -> None:
        self.app.next_theme()

    # Other screens ---------------------------------------------------------------------------------------------

    def do_prompt(self) -> None:
        from bftui.ui.screens.prompt import PromptScreen

        self.app.push_screen(PromptScreen(self._prompt_text()), self._prompted)

    def _prompt_text(self) -> str:
        session = self.bridge.session
        return session.prompt if session is not None else self.bridge.prompt or ""

    def _prompted(self, text: str | None) -> None:
        if text is not None:
            self.bridge.set_prompt(text)
            self.expect_work()

    def _ask(
        self, title: str, value: str, hint: Callable[[str], str], done: Callable[[str | None], None]
    ) -> None:
        """Asks for a line of text; `done` gets it, or None."""
        from bftui.ui.screens.line import LineScreen

        def answered(text: str | None) -> None:
            self._asking = None
            done(text)

        self._asking = LineScreen(title, value, hint)
        self.app.push_screen(self._asking, answered)

    def do_force(self) -> None:
        def hint(text: str) -> str:
            if not text:
                return "literal: nothing is added or cut, so a word mostly wants a space before it"
            self.bridge.ask_split(text)
            tokens = self.bridge.splits.get(text)
            if tokens is None:
                return "…"
            shown = " ".join(label(token) for token in tokens)
            return f"{counted(len(tokens), 'token')}: {shown}"

        def forced(text: str | None) -> None:
            if text:
                self.send(commands.Force(text))

        self._ask("force text", "", hint, forced)

    def do_search(self) -> None:
        def hint(text: str) -> str:
            self.candidates.search(text)
            return "tokens that contain this; · is a space, ⏎ a line end; empty shows all"

        def searched(text: str | None) -> None:
            self.candidates.search(text or "")
            self.candidates.focus()

        self._ask("search candidates", self.candidates.wanted, hint, searched)

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

        name = self.bridge.model.info.name if self.bridge.model else "bftui"
        default = "".join(c if c.isalnum() or c in "-_" else "-" for c in name) + "-trace.json"
        self._ask("save the trace to", default, hint, exported)

    def do_reload(self) -> None:
        self.bridge.reload()
        self.frame()

    def do_help(self) -> None:
        from bftui.ui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.strip.palette, self.settings.words))

    def do_palette(self) -> None:
        self.app.action_command_palette()

    def do_escape(self) -> None:
        if self.notice.notice is not None:
            self.notice.tell(None)
        elif self.candidates.wanted:
            self.candidates.search("")
        elif self.bridge.cancel():
            self.frame()
        elif self.has_class("zoom"):
            self._zoom(None)

    def do_suspend(self) -> None:
        self.app.action_suspend_process()

    def do_quit(self) -> None:
        self.app.exit(return_code=0)
