"""What the workbench's screen is before any key: panes over one session, one frame for any number of changes.

What a key may do is `action_table.py`; how it is done is in the modules beside it, a class for each group of keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.timer import Timer

from bftui.core.text import safe
from bftui.ui.actions.action_table import BY_ID, Facts
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.panes.bf_pane import StripPane
from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.key_line import KeyLine
from bftui.ui.panes.notice_box import NoticeBox
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.status_bar import StatusBar
from bftui.ui.panes.text_pane import Shading, TextPane
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.follower import Follower
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.keys import key
from bftui.workbench.settings import PartnerSettings, RolloutSize, WorkbenchSettings
from bftui.workbench.snapshot import Beside, Notice, Status, Tone
from bftui.workbench.workbench import Workbench

if TYPE_CHECKING:
    from bftui.model.prompt import Special
    from bftui.session import commands
    from bftui.ui.app import WorkbenchApp

_BUSY_AFTER_S = 0.1
"""Work that takes less is not called busy on the screen: the word would only flicker."""

ASKING = frozenset({"force", "mark", "search", "prompt", "turn", "open", "partner", "export"})
"""Actions that ask for a text: what was typed together with their key is meant for it, and for nothing else."""

_ENTER = {"tree": "go there", "text": "go there", "strip": "go there", "candidates": "force"}


class Bench(Screen[None]):
    """Tree, candidates, text, strip; a status line above and a key line below.

    Where there is room for two columns of text, the text stands below the tree and the candidates have the height of
    both; else it goes from edge to edge.
    """

    DEFAULT_CSS = """
    Bench { layers: base over; background: $background; }
    #upper { height: 1fr; layout: grid; grid-size: 2 2; grid-columns: 2fr 3fr; grid-rows: 1fr 7; }
    #text { column-span: 2; }
    #strip { height: 7; }
    Bench.-high #strip { height: 10; }
    Bench.-low #upper { grid-rows: 1fr 5; }
    Bench.-low #strip { height: 6; }
    Bench.-short #upper { grid-rows: 1fr 4; }
    Bench.-short #strip { display: none; }
    Bench.-narrow #upper { grid-columns: 9fr 11fr; }
    Bench.-broad #upper { grid-columns: 1fr 1fr; grid-rows: 3fr 2fr; }
    Bench.-broad #candidates { row-span: 2; }
    Bench.-broad #text { column-span: 1; }
    Bench.zoom Pane { display: none; }
    Bench.zoom #upper { display: none; }
    Bench.zoom Pane.zoomed { display: block; width: 1fr !important; height: 1fr !important; }
    Bench.zoom #upper.zoomed { display: block; layout: vertical; }
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-low"), (30, "-tall"), (50, "-high")]  # noqa: RUF012

    AUTO_FOCUS = "#candidates"

    app: WorkbenchApp

    def __init__(self, settings: WorkbenchSettings, bridge: Workbench, palette: Palette) -> None:
        super().__init__()
        self.settings = settings
        self.bridge = bridge
        self.palette = palette
        self.view: View | None = None
        self.status = StatusBar(palette, bridge)
        self.tree_pane = TreePane(palette)
        self.candidates = CandidatesPane(palette, bridge.pages)
        self.text_pane = TextPane(palette)
        self.text_pane.shading = Shading(settings.shading)
        self.strip = StripPane(palette)
        self.key_line = KeyLine(palette)
        self.notice = NoticeBox(palette)
        self.panes: tuple[Pane, ...] = (self.tree_pane, self.candidates, self.text_pane, self.strip)
        self.rollout_size = RolloutSize()
        self.words = settings.words
        self.special: Special = settings.frame.special
        self.partner_settings = settings.partner or PartnerSettings("")
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
        """Brings everything up to date with the session and the bridge's state."""
        bridge = self.bridge
        session = bridge.now.session
        if session is None or self.view is None or self.view.session is not session:
            self.view = View(session) if session is not None else None
        if self.view is not None:
            self.view.measured = bridge.now.measured
            self.view.paired = bridge.now.paired
            self.view.sync()
        for pane in self.panes:
            pane.show(self.view)
        self.status.show(self.view)
        self._show_keys()
        for screen in self.app.screen_stack:
            if isinstance(screen, Follower) and screen.is_mounted:
                screen.news()
        while not bridge.notices.empty():
            self.tell(bridge.notices.get())

    def _show_keys(self) -> None:
        facts = self.facts()
        enter = _ENTER.get(facts.pane, "–")
        self.key_line.show(facts, "go there" if facts.replay and enter == "force" else enter)

    def use(self, palette: Palette) -> None:
        """Draws with other colours from now on."""
        self.palette = palette
        for widget in self.query(Coloured):
            widget.use(palette)

    def tell(self, notice: Notice) -> None:
        """Shows a notice until the next key."""
        self.notice.tell(notice)
        # At the end of the program there is no screen any more.
        for screen in self.app.screen_stack[-1:]:
            if isinstance(screen, Follower):
                screen.tell(notice)

    def warn(self, text: str) -> None:
        """Says why something was not done."""
        self.tell(Notice(text, Tone.WARNING))

    def facts(self) -> Facts:
        """What actions depend on, now."""
        bridge, view = self.bridge, self.view
        return Facts(
            loading=bridge.now.status is Status.LOADING,
            failed=bridge.now.status is Status.FAILED,
            ends=bridge.now.ends,
            busy=bridge.now.status is Status.BUSY,
            session=view is not None,
            ended=view is not None and view.next is None and view.tree.eog(view.cursor),
            stopped=view is not None and view.session.stop(view.cursor) is not None,
            # A step that waits leaves the prompt; where none does, the session refuses to go back.
            at_prompt=view is not None and len(view.path) == 1 and not bridge.working,
            onward=view is not None and view.tree.last_visited(view.cursor) is not None,
            playing=bridge.now.playing,
            turns=view is not None and view.template != "raw",
            marks=view is not None and bool(view.marks),
            looked=view is not None and view.looked is not None,
            ranked=view is not None and view.ranked,
            measuring=bridge.measuring,
            partner=bridge.now.paired.ready and view is not None and view.partner is not None,
            pairing=bridge.now.paired.state is Beside.LOADING,
            replay=bridge.now.played is not None,
            recorded=recorded(view) if bridge.now.played is not None and view else frozenset(),
            pane=self.pane().NAME,
        )

    def pane(self) -> Pane:
        """The pane that keys are for."""
        return self.focused if isinstance(self.focused, Pane) else self.candidates

    def on_descendant_focus(self) -> None:
        self._show_keys()

    # Doing -----------------------------------------------------------------------------------------------------

    def action_act(self, name: str, place: str = "") -> None:
        """Does an action, or says why it cannot be done now."""
        self.act(name, place)

    def act(self, name: str, place: str = "") -> None:
        """The same, for the palette and the mouse; `place` is that of a word in the style palette, from 1."""
        if self.app.return_code is not None:
            return  # the program is ending: what was typed after that has nothing to open any more
        self.bridge.heard()
        self.frame()
        if name != "escape":
            self.notice.tell(None)
        reason = BY_ID[name].why_not(self.facts())
        if reason is not None:
            self.warn(reason)
            if name in ASKING:
                self.app.forget_typed()
        else:
            getattr(self, f"do_{name}")(*([place] if name == "word" else []))

    def on_key(self, event: events.Key) -> None:
        """Keys without an action come here; those with one do so too, on their way."""
        if event.is_printable and event.character and event.key not in self.active_bindings:
            named = event.key if event.key.startswith("alt+") else safe(event.character)
            self.warn(f"{named} does nothing here; {key('help')} shows the keys")

    def send(self, command: commands.Command) -> None:
        """Queues a command for the session."""
        if not self.bridge.send(command):
            self.warn(f"the model is busy: {key('escape')} stops it")
        self.expect_work()

    def expect_work(self) -> None:
        """Looks again a little later, so that long work is called busy."""
        if self._busy_check is None:
            self._busy_check = self.set_timer(_BUSY_AFTER_S, self._looked_again)

    def _looked_again(self) -> None:
        self._busy_check = None
        self.frame()

    def ask(
        self, title: str, value: str, hint: Callable[[str], str], done: Callable[[str | None], None]
    ) -> None:
        """Asks for a line of text; `done` gets it, or None."""
        from bftui.ui.screens.line_screen import LineScreen

        self.app.push_screen(LineScreen(title, value, hint, self.palette), done)


def recorded(view: View) -> frozenset[str]:
    """The actions whose results are known where the session stands."""
    rolled = view.rolled
    known = {
        "rollouts": rolled is not None and not rolled.resampled,
        "resample": rolled is not None and rolled.resampled,
        "response": view.responded is not None,
        "nudge": view.paired.nudged is not None,
    }
    return frozenset(action for action, is_known in known.items() if is_known)
