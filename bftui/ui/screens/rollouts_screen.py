"""`r` and `R`: continuations of one place, live while they are drawn; each can be opened as a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult

from bftui.session.commands import OpenRollout
from bftui.ui.actions.bindings import bound, moving, sizing
from bftui.ui.panes.continuations_pane import PATH, ContinuationsPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.rollouts_pane import RolloutsPane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.rollout_series import Rolled
from bftui.workbench.settings import RolloutSize
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.workbench import Workbench


class RolloutsScreen(LiveScreen[OpenRollout | None]):
    """Ends with the command that opens a continuation as a branch, or None; the drawing goes on either way."""

    NAME = "rollouts"

    DEFAULT_CSS = """
    RolloutsScreen #rolled { height: 1fr; max-height: 32; }
    RolloutsScreen #continuations { height: 1fr; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("enter", "open"),
        bound("rollouts", "more"),
        bound("order", "order"),
        *sizing(),
        *moving(),
    ]

    def __init__(
        self,
        workbench: Workbench,
        view: View,
        palette: Palette,
        size: RolloutSize,
        *,
        resample: bool,
    ) -> None:
        """`size` is what the next ones are drawn with, and is changed here."""
        super().__init__(workbench, view, palette)
        self._wanted, self._resample = size, resample
        self._place = view.cursor, view.in_force
        self._curve = RolloutsPane(palette, view)
        self._list = ContinuationsPane(palette, view)

    def parts(self) -> ComposeResult:
        yield self._curve
        yield self._list

    def listed(self) -> Pane:
        return self._list

    @property
    def _rolled(self) -> Rolled | None:
        rolled = self._workbench.now.measured.rolled.get(self._place)
        return rolled if rolled is not None and rolled.resampled == self._resample else None

    def news(self) -> None:
        """Shows what was drawn by now."""
        rolled = self._rolled
        self._curve.show_rolled(rolled, self._workbench.now.measured.responses.get(self._place))
        self._list.show_rolled(rolled)
        self._show_keys(rolled)

    def _show_keys(self, rolled: Rolled | None) -> None:
        size = self._wanted
        number = f"{size.samples}" if self._resample else f"{size.samples}×{size.horizon}"
        horizon = () if self._resample else ((hint("{previous_fork} {next_fork}"), "tokens"),)
        self._keys.show(
            (
                (key("rollouts"), f"{number} more" if self._goes_on(rolled) else f"draw {number}"),
                (hint("{slower} {faster}"), "samples"),
                *horizon,
                (key("enter"), "branch"),
                (key("order"), "order"),
                ("esc", "back, it goes on" if rolled and rolled.running else "back"),
                (key("explain"), "explain"),
            )
        )

    def _goes_on(self, rolled: Rolled | None) -> bool:
        return rolled is not None and (
            self._resample or rolled.settings.horizon == self._wanted.horizon
        )

    @on(Pane.Chosen)
    def action_open(self) -> None:
        """Makes the selected continuation a branch and goes to its end."""
        chosen = self._list.chosen()
        if chosen is None:
            self.warn("nothing is drawn yet")
        elif chosen.number == PATH:
            self.tell(
                Notice(hint("this is the path itself, no sample: {forward} goes on along it"))
            )
        else:
            self.dismiss(OpenRollout(self._place[0], chosen.token_ids))

    def action_more(self) -> None:
        """Draws as many again, counted on; of another number of tokens they begin again."""
        self.tell(None)
        if self._resample:
            self._workbench.resample(self._wanted.samples, self._place[0])
        else:
            self._workbench.roll(self._wanted.samples, self._wanted.horizon, self._place[0])

    def action_samples(self, by: int) -> None:
        """Draws more or fewer the next time."""
        self._wanted.step(by)
        self._show_keys(self._rolled)

    def action_horizon(self, by: int) -> None:
        """Draws longer or shorter ones the next time."""
        if self._resample:
            self.tell(Notice("they are as long as the path that they are compared with"))
            return
        self._wanted.stretch(by)
        self._show_keys(self._rolled)

    def action_order(self) -> None:
        """Lists the continuations in the next order."""
        self._list.next_listing()

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_experiments import rollouts

        return rollouts(self._view, self._rolled)
