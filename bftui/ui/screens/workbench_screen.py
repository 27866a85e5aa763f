"""The main screen: panes over one session, one frame for any number of changes, and all the keys.

What a key does is in `ui/actions/`; nothing here computes a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer

from bftui.core.text import safe
from bftui.ui.actions.action import ActionFacts
from bftui.ui.actions.action_table import ACTIONS, BY_ID
from bftui.ui.actions.bindings import all_bound
from bftui.ui.drawing.coloured import ClickableLine, Coloured
from bftui.ui.messages import ForgetTyped
from bftui.ui.panes.bf_pane import StripPane
from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.key_line import KeyLine
from bftui.ui.panes.notice_box import NoticeBox
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.status_bar import StatusBar
from bftui.ui.panes.text_pane import TextPane
from bftui.ui.panes.text_shading import Shading
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.drawn_once import DrawnOnce
from bftui.ui.terminal.terminal_colors import TerminalColors
from bftui.ui.themes.theme_files import ThemeFile
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.themes.theme_styles import palette as palette_of
from bftui.ui.view import View
from bftui.workbench.keys import key
from bftui.workbench.settings import PartnerSettings, RolloutSize, TreeSize, WorkbenchSettings
from bftui.workbench.snapshot import Beside, Notice, Status, Tone
from bftui.workbench.workbench import Workbench

if TYPE_CHECKING:
    from bftui.model.prompt import Special
    from bftui.session import commands

_BUSY_AFTER_S = 0.1
"""Work that takes less is not called busy on the screen: the word would only flicker."""

_ENTER = {"tree": "go there", "text": "go there", "strip": "go there", "candidates": "force"}


class WorkbenchScreen(DrawnOnce[None]):
    """Tree, candidates, text, strip; a status line above and a key line below.

    Where there is room for two columns of text, the text stands below the tree and the candidates have the height of
    both; else it goes from edge to edge.

    Attributes:
        settings: what holds now; the words of the style palette may be the partner's, see `words`.
        theme_file, palette: the colours, and the styles made of them.
        terminal_colors: what the terminal can draw.
        view: the session as the panes see it; None while there is none.
        rollout_size, tree_size: what the next rollouts are drawn with, and how far the next tree grows.
        words: what the keys 1 to 9 force.
        special: what control tokens in a forced text are read as.
        partner_settings: how the next partner is opened.
        interrupted: when work was stopped last, in seconds of the monotonic clock.
    """

    DEFAULT_CSS = """
    WorkbenchScreen { layers: base over; background: $background; }
    #upper { height: 1fr; layout: grid; grid-size: 2 2; grid-columns: 2fr 3fr; grid-rows: 1fr 7; }
    #text { column-span: 2; }
    #strip { height: 7; }
    WorkbenchScreen.-high #strip { height: 10; }
    WorkbenchScreen.-low #upper { grid-rows: 1fr 5; }
    WorkbenchScreen.-low #strip { height: 6; }
    WorkbenchScreen.-short #upper { grid-rows: 1fr 4; }
    WorkbenchScreen.-short #strip { display: none; }
    WorkbenchScreen.-narrow #upper { grid-columns: 9fr 11fr; }
    WorkbenchScreen.-broad #upper { grid-columns: 1fr 1fr; grid-rows: 3fr 2fr; }
    WorkbenchScreen.-broad #candidates { row-span: 2; }
    WorkbenchScreen.-broad #text { column-span: 1; }
    WorkbenchScreen.zoom Pane { display: none; }
    WorkbenchScreen.zoom #upper { display: none; }
    WorkbenchScreen.zoom Pane.zoomed { display: block; width: 1fr !important; height: 1fr !important; }
    WorkbenchScreen.zoom #upper.zoomed { display: block; layout: vertical; }
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-low"), (30, "-tall"), (50, "-high")]  # noqa: RUF012

    BINDINGS = all_bound()  # type: ignore[assignment]

    AUTO_FOCUS = "#candidates"

    def __init__(
        self,
        settings: WorkbenchSettings,
        workbench: Workbench,
        theme: ThemeFile,
        colors: TerminalColors,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.workbench = workbench
        self.theme_file = theme
        self.terminal_colors = colors
        self.palette = palette = palette_of(theme)
        self.view: View | None = None
        self.status = StatusBar(palette, workbench)
        self.tree_pane = TreePane(palette)
        self.candidates = CandidatesPane(
            palette, workbench.pages, workbench.effects, lambda: workbench.now.playing
        )
        self.text_pane = TextPane(palette)
        self.text_pane.shading = Shading(settings.shading)
        self.strip = StripPane(palette)
        self.key_line = KeyLine(palette)
        self.notice = NoticeBox(palette)
        self.panes: tuple[Pane, ...] = (self.tree_pane, self.candidates, self.text_pane, self.strip)
        self.rollout_size, self.tree_size = RolloutSize(), TreeSize()
        self.words = settings.words
        self.special: Special = settings.frame.special
        self.partner_settings = settings.partner or PartnerSettings("")
        self.interrupted = -math.inf
        self._busy_check: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.status
        with Container(id="upper"):
            yield self.tree_pane
            yield self.candidates
            yield self.text_pane
        yield self.strip
        yield self.key_line
        yield self.notice

    def on_mount(self) -> None:
        self.frame()

    # Drawing ---------------------------------------------------------------------------------------------------

    def frame(self) -> None:
        """Brings everything up to date with the session and what is known."""
        workbench = self.workbench
        session = workbench.now.session
        if session is None or self.view is None or self.view.session is not session:
            self.view = View(session) if session is not None else None
        if self.view is not None:
            self.view.measured = workbench.now.measured
            self.view.paired = workbench.now.paired
            self.view.sync()
        for pane in self.panes:
            pane.show(self.view)
        self.status.show(self.view)
        self._show_keys()
        for screen in self.app.screen_stack:
            if isinstance(screen, Dialog) and screen.is_mounted:
                if screen.shows not in (None, self.view):
                    # Another model took the place of the session.
                    screen.dismiss(None)
                else:
                    screen.news()
        while not workbench.notices.empty():
            self.tell(workbench.notices.get())

    def catch_up(self) -> None:
        """Draws what is not drawn yet: a key acts on the state that the panes show."""
        if self.workbench.heard():
            self.frame()

    def _show_keys(self) -> None:
        facts = self.facts()
        enter = _ENTER.get(facts.pane, "–")
        self.key_line.show(facts, "go there" if facts.replay and enter == "force" else enter)

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self.palette = palette
        for widget in self.query(Coloured):
            widget.use(palette)

    def use_settings(self, settings: WorkbenchSettings) -> None:
        """Has other settings hold from now on, where they are not only for the start."""
        if self.words is self.settings.words:
            self.words = settings.words
        self.settings = settings

    def tell(self, notice: Notice) -> None:
        """Shows a notice until the next key."""
        self.notice.tell(notice)
        # At the end of the program there is no screen any more.
        for screen in self.app.screen_stack[-1:]:
            if isinstance(screen, Dialog):
                screen.tell(notice)

    def warn(self, text: str) -> None:
        """Says why something was not done."""
        self.tell(Notice(text, Tone.WARNING))

    @property
    def zoomed(self) -> bool:
        """Whether a pane has the whole screen."""
        return self.has_class("zoom")

    def zoom_to(self, pane: Pane | None) -> None:
        """Gives a pane the whole screen, or takes it back."""
        with self.app.batch_update():
            for other in self.panes:
                other.set_class(other is pane, "zoomed")
            upper = self.query_one("#upper")
            upper.set_class(pane in (self.tree_pane, self.candidates, self.text_pane), "zoomed")
            self.set_class(pane is not None, "zoom")

    # Doing -----------------------------------------------------------------------------------------------------

    def facts(self) -> ActionFacts:
        """Gives what actions depend on, now."""
        workbench, view = self.workbench, self.view
        replay = workbench.now.played is not None
        return ActionFacts(
            loading=workbench.now.status is Status.LOADING,
            failed=workbench.now.status is Status.FAILED,
            failure=workbench.now.failure,
            ends=workbench.now.ends,
            busy=workbench.now.status is Status.BUSY,
            session=view is not None,
            ended=view is not None and view.next is None and view.tree.eog(view.cursor),
            stopped=view is not None and view.session.stop(view.cursor) is not None,
            # A step that waits leaves the prompt; where none does, the session refuses to go back.
            at_prompt=view is not None and len(view.path) == 1 and not workbench.working,
            onward=view is not None and view.tree.last_visited(view.cursor) is not None,
            playing=workbench.now.playing,
            turns=view is not None and view.template != "raw",
            marks=view is not None and bool(view.marks),
            looked=view is not None and view.looked is not None,
            ranked=view is not None and view.ranked,
            measuring=workbench.measuring,
            partner=workbench.now.paired.ready and view is not None and view.partner is not None,
            pairing=workbench.now.paired.state is Beside.LOADING,
            mixed=view is not None and view.mixing is not None,
            replay=replay,
            recorded=frozenset(
                each.id for each in ACTIONS if replay and each.known and view and each.known(view)
            ),
            pane=self.pane().NAME,
        )

    @property
    def now(self) -> View:
        """The view, where there is one for sure: in an action that needs a session."""
        assert self.view is not None
        return self.view

    def pane(self) -> Pane:
        """Gives the pane that keys are for."""
        return self.focused if isinstance(self.focused, Pane) else self.candidates

    def action_act(self, name: str, number: str = "") -> None:
        """Does an action, or says why it cannot be done now."""
        self.act(name, number)

    def act(self, name: str, number: str = "") -> None:
        """Does the same for the palette and the mouse; `number` is that of the key, of an action that is numbered."""
        if self.app.return_code is not None:
            return  # the program is ending: what was typed after that has nothing to open any more
        self.catch_up()
        if name != "escape":
            self.notice.tell(None)
        action = BY_ID[name]
        reason = action.why_not(self.facts())
        if reason is None:
            action.do(self, *([number] if action.numbered else []))
            return
        self.warn(reason)
        if action.asks:
            self.app.post_message(ForgetTyped())

    def on_key(self, event: events.Key) -> None:
        """Keys without an action come here; those with one do so too, on their way."""
        if event.is_printable and event.character and event.key not in self.active_bindings:
            named = event.key if event.key.startswith("alt+") else safe(event.character)
            self.warn(f"{named} does nothing here; {key('help')} shows the keys")

    def on_descendant_focus(self) -> None:
        self._show_keys()

    @on(Pane.Pointed)
    def _pointed(self, event: Pane.Pointed) -> None:
        if event.pane is self.strip and self.view is not None:
            # The token that was drawn at the position; the open one has none yet.
            self.text_pane.go_to_place(self.strip.place + 1)

    @on(TreePane.Unfolded)
    def _unfolded(self) -> None:
        self.act("fold")

    @on(Pane.Chosen)
    def _chosen(self) -> None:
        self.act("enter")

    @on(ClickableLine.Pressed)
    def _pressed(self, event: ClickableLine.Pressed) -> None:
        self.act(event.action)

    def send(self, command: commands.Command) -> None:
        """Queues a command for the session."""
        if not self.workbench.send(command):
            self.warn(f"the model is busy: {key('escape')} stops it")
        self.expect_work()

    def expect_work(self) -> None:
        """Looks again a little later, so that long work is called busy."""
        if self._busy_check is None:
            self._busy_check = self.set_timer(_BUSY_AFTER_S, self._looked_again)

    def _looked_again(self) -> None:
        self._busy_check = None
        if self.workbench.working:
            self.frame()

    def ask(
        self, title: str, value: str, hint: Callable[[str], str], done: Callable[[str | None], None]
    ) -> None:
        """Asks for a line of text; `done` gets it, or None."""
        from bftui.ui.screens.line_screen import LineScreen

        self.app.push_screen(LineScreen(title, value, hint, self.palette), done)
