"""`D`: BF along the weight of a mixture, live while it is drawn; a line's weight can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult

from bftui.session.commands import SetSampler
from bftui.ui.actions.bindings import bound, moving
from bftui.ui.panes.dial_pane import DialPane
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import key

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.dial_shown import DialShown
    from bftui.workbench.workbench import Workbench


class DialScreen(LiveScreen[SetSampler | None]):
    """Ends with the command that sets the chosen weight, or None; the drawing goes on either way."""

    NAME = "the dial"

    DEFAULT_CSS = "DialScreen #dialled { height: 1fr; }"

    BINDINGS = [  # noqa: RUF012
        bound("enter", "set"),
        bound("dial", "measure"),
        *moving(),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette) -> None:
        super().__init__(workbench, view, palette)
        self._node = view.cursor
        self._list = DialPane(palette, view)

    def parts(self) -> ComposeResult:
        yield self._list

    def listed(self) -> Pane:
        return self._list

    @property
    def _shown(self) -> DialShown | None:
        found = self._workbench.now.measured.dials.get(self._node)
        return found if found is not None and found.under(self._view.sampler) else None

    def news(self) -> None:
        """Shows what was measured by now."""
        shown = self._shown
        self._list.show_dial(shown, self._view.sampler.weight)
        running = shown is not None and shown.running
        again = () if running else ((key("dial"), "measure again" if shown else "measure"),)
        self._keys.show(
            (
                ("↑ ↓", "choose"),
                (key("enter"), "set the weight"),
                *again,
                ("esc", "back, it goes on" if running else "back"),
                (key("explain"), "explain"),
            )
        )

    @on(Pane.Chosen)
    def action_set(self) -> None:
        """Sets the weight of the selected line."""
        chosen = self._list.chosen()
        if chosen is None:
            self.warn("nothing is measured yet")
        else:
            self.dismiss(SetSampler(weight=chosen.weight))

    def action_measure(self) -> None:
        """Measures every weight, from the same draws as before."""
        shown = self._shown
        if shown is None or not shown.running:
            self.tell(None)
            self._workbench.dial(self._node)

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_experiments import dial

        return dial(self._view, self._shown)
