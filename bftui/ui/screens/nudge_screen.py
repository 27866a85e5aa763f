"""`b`: the partner writes where the base is unsure; word by word, round by round, or only shown where it would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.strip import Strip

from bftui.session import commands
from bftui.ui.actions.bindings import bound
from bftui.ui.drawing.coloured import Coloured
from bftui.ui.drawing.line_builder import LineBuilder
from bftui.ui.panes.nudge_panes import SurePane, drafted
from bftui.ui.panes.text_pane import TextPane
from bftui.ui.panes.text_shading import Shading
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.core.pair.nudging_rounds import NudgeSettings
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.workbench import Workbench

_STEP = 0.05


class _DraftLine(Coloured):
    """What the partner would write next."""

    DEFAULT_CSS = "_DraftLine { height: 1; background: $background; }"

    def __init__(self, palette: Palette, view: View, *, replay: bool) -> None:
        super().__init__()
        self.palette, self._view, self._replay = palette, view, replay

    def render_line(self, y: int) -> Strip:
        line = LineBuilder(self.size.width, self.palette.text).add("  ")
        for role, text in drafted(self._view, line.room, replay=self._replay):
            line.add(text, getattr(self.palette, role))
        return line.strip()


class NudgeScreen(LiveScreen[float]):
    """Ends with the gamma that was chosen."""

    NAME = "nudge"

    DEFAULT_CSS = """
    NudgeScreen #sure { height: 3fr; max-height: 32; }
    NudgeScreen #text { height: 2fr; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("enter", "word"),
        bound("play", "run"),
        bound("step", "run"),
        bound("slower", "gamma(-1)"),
        bound("faster", "gamma(1)"),
        Binding("plus", "gamma(1)", "Higher", show=False),
        bound("undo", "undo"),
        bound("redo", "redo"),
        bound("back", "back"),
        bound("shading", "shading"),
        bound("up", "move(-1)"),
        bound("down", "move(1)"),
        bound("page_up", "move(-5)"),
        bound("page_down", "move(5)"),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette, gamma: float) -> None:
        super().__init__(workbench, view, palette)
        self._curve = SurePane(palette, view, gamma)
        self._text = TextPane(palette)
        self._text.shading = Shading.AUTHOR if view.partner is not None else Shading.NUDGE
        self._text.gamma = gamma
        self._draft = _DraftLine(palette, view, replay=workbench.now.played is not None)
        self._asked = -1

    @property
    def _gamma(self) -> float:
        return self._curve.gamma

    @property
    def _settings(self) -> NudgeSettings:
        from bftui.core.pair.nudging_rounds import NudgeSettings

        return NudgeSettings(gamma=self._gamma)

    def parts(self) -> ComposeResult:
        yield self._curve
        yield self._text
        yield self._draft

    def listed(self) -> TextPane:
        return self._text

    # What is shown ---------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Shows what was written by now."""
        view = self._view
        self._text.show(view)
        self._look()
        state = (view.state, view.paired.version, self._gamma)
        if state == self._drawn:
            return
        self._drawn = state
        self._curve.replot()
        self._draft.refresh()
        alone = view.partner is None or self._workbench.now.played is not None
        self._keys.show(
            (
                *(
                    ()
                    if alone
                    else (
                        (key("enter"), "word"),
                        (key("step"), "stop" if self._writing else "run"),
                    )
                ),
                (hint("{slower} {faster}"), f"γ {self._gamma:.2f}"),
                (key("undo"), "undo"),
                (key("back"), "back"),
                ("esc", "stop" if self._writing else "leave"),
                (key("explain"), "explain"),
                (key("shading"), "shading"),
            )
        )

    def _look(self) -> None:
        """Asks what the partner would write here, once for each place."""
        view = self._view
        if view.partner is None or self._writing or view.session.ended:
            return
        if view.cursor != self._asked and not self._workbench.working:
            self._asked = view.cursor
            self._workbench.look(self._settings)

    @property
    def _writing(self) -> bool:
        found = self._workbench.now.paired.nudged
        return found is not None and found.running

    # Keys ------------------------------------------------------------------------------------------------------

    def _ready(self) -> bool:
        """Whether both can write; says why where they cannot."""
        self.tell(None)
        view = self._view
        why = ""
        if view.partner is None:
            why = hint(
                "there is no partner: esc, then {partner} opens one; γ shows where it would write"
            )
        elif view.session.ended:
            why = hint("the text ends here: {back} goes back")
        if why:
            self.warn(why)
        return not why

    def action_word(self) -> None:
        """The partner's next word."""
        if self._ready():
            self._workbench.take_word(self._settings)

    def action_run(self) -> None:
        """Round after round, or no more."""
        if self._writing:
            self._workbench.stop_partner()
        elif self._ready():
            self._workbench.nudge(self._settings)

    def action_gamma(self, by: int) -> None:
        """Another threshold; a text that is being written keeps its own."""
        gamma = min(1.0, max(0.0, round(self._gamma + by * _STEP, 2)))
        self._curve.gamma = self._text.gamma = gamma
        self.tell(Notice("the text that is being written keeps its γ") if self._writing else None)
        self._text.redraw()
        self.news()

    def action_undo(self) -> None:
        """Takes back the last round."""
        self.tell(None)
        self._workbench.send(commands.Undo())

    def action_redo(self) -> None:
        """Does it again."""
        self.tell(None)
        self._workbench.send(commands.Redo())

    def action_back(self) -> None:
        """One token back; the branch stays."""
        self.tell(None)
        self._workbench.send(commands.Back())

    def action_shading(self) -> None:
        """Authors, or where the partner would write."""
        author = self._text.shading is Shading.NUDGE
        self._text.shade_by(Shading.AUTHOR if author else Shading.NUDGE)

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_pair import nudging

        return nudging(self._view, self._workbench.now.paired.nudged, self._gamma)

    def action_leave(self) -> None:
        """Stops what is being written; else goes back."""
        if self._writing:
            self._workbench.stop_partner()
        else:
            self.dismiss(self._gamma)
