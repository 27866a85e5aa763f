"""`E`: what a forced text does to BF, live while it is measured; it goes on, grows and is drawn longer from here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding

from bftui.core.text import counted
from bftui.ui import response_line as words
from bftui.ui.actions.bindings import bound, moving, sizing
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.response_pane import ResponsePane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.response_shown import ResponseShown
    from bftui.workbench.settings import ResponsePlan
    from bftui.workbench.workbench import Workbench


class ResponseScreen(LiveScreen[None]):
    """Follows one response. Its keys say how much is drawn: before it began of all of it, then beyond its looks."""

    NAME = "response"

    DEFAULT_CSS = """
    ResponseScreen #response { height: 1fr; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("enter", "leave", "Back", show=False),
        bound("response", "go_on"),
        *sizing(),
        *moving(),
    ]

    def __init__(
        self,
        workbench: Workbench,
        view: View,
        palette: Palette,
        node: int,
        ids: tuple[int, ...],
        end: int,
    ) -> None:
        """Shows the response to tokens that were forced after a node, the last of which is another node."""
        super().__init__(workbench, view, palette)
        self._node, self._ids, self._place = node, ids, (end, view.in_force)
        self._pane = ResponsePane(palette, view, node, end, words.name(view, ids))

    def parts(self) -> ComposeResult:
        yield self._pane

    def listed(self) -> Pane:
        return self._pane

    @property
    def _found(self) -> ResponseShown | None:
        return self._workbench.now.measured.responses.get(self._place)

    @property
    def _wanted(self) -> ResponsePlan:
        """How much is asked for by now: of a response that has begun what is drawn, else what is planned."""
        found, plan = self._found, self._workbench.now.plan
        if found is None or found.result is None:
            return plan
        samples, horizon = found.wanted
        return replace(plan, samples=samples, horizon=horizon)

    def news(self) -> None:
        """Shows what is known by now."""
        now = self._workbench.now
        beside = now.measured.beside.get(self._place)
        self._pane.show_response(self._found, now.plan, now.measured.speed, beside)
        self._show_keys()

    def _show_keys(self) -> None:
        found, wanted = self._found, self._wanted
        size = f"{wanted.samples} × {wanted.horizon}"
        if found is None:
            goes_on: tuple[tuple[str, str], ...] = ((key("response"), f"begin, {size}"),)
        elif found.paused:
            goes_on = ((key("response"), "go on"),)
        else:
            goes_on = ()
        sizes = () if found is not None and not found.live else self._sizes(wanted)
        leaves = "back, it goes on" if found is not None and found.running else "back"
        self._keys.show(
            (*goes_on, *sizes, ("esc", leaves), ("↑ ↓", "scroll"), (key("explain"), "explain"))
        )

    def _sizes(self, wanted: ResponsePlan) -> tuple[tuple[str, str], ...]:
        return (
            (hint("{slower} {faster}"), counted(wanted.samples, "sample")),
            (hint("{previous_fork} {next_fork}"), counted(wanted.horizon, "token")),
        )

    # Keys ------------------------------------------------------------------------------------------------------

    def action_go_on(self) -> None:
        """Begins, goes on, or closes where nothing waits."""
        self.tell(None)
        found = self._found
        if found is None or found.paused:
            self._workbench.respond(self._node, self._ids, self._place[0])
        else:
            self.action_leave()

    def action_samples(self, by: int) -> None:
        """Draws more samples of each text, or fewer."""
        self._resize(self._wanted.step(by))

    def action_horizon(self, by: int) -> None:
        """Draws longer samples, or shorter ones."""
        self._resize(self._wanted.stretch(by))

    def _resize(self, wanted: ResponsePlan) -> None:
        self.tell(None)
        found, before = self._found, self._wanted
        if wanted == before:
            self.tell(Notice("that is as far as the keys go"))
            return
        if found is None or found.result is None:
            self._workbench.plan_responses(wanted)
        elif not found.live:
            self.warn("this is a replay: there is no model to ask")
            return
        elif _less(wanted, before) and (found.complete or _below(wanted, found)):
            self.warn(hint("what was begun stays: {faster} and {next_fork} draw more"))
            return
        if found is not None:
            self._workbench.resize_response(self._place[0], wanted)
        self.news()

    def action_edge(self, end: int) -> None:
        """Goes to the first line or the last."""
        count = self._pane.count()
        self._pane.move(count if end else -count)

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_experiments import response

        return response(self._view, self._found)


def _less(wanted: ResponsePlan, before: ResponsePlan) -> bool:
    return (wanted.samples, wanted.horizon) < (before.samples, before.horizon)


def _below(wanted: ResponsePlan, found: ResponseShown) -> bool:
    """Whether less is wanted than what the looks are planned with."""
    return wanted.samples < found.settings.samples or wanted.horizon < found.settings.horizon
