"""Keys that measure and compare: what they start goes on beside everything else, and moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.session.commands import Goto, OpenRollout
from bftui.ui.panes.candidates_pane import BY_AHEAD
from bftui.ui.screens.looking import Looking
from bftui.ui.view import View
from bftui.workbench import jumps
from bftui.workbench.keys import hint
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.workbench.rollout_series import Rolled


class Measuring(Looking):
    """Rollouts, sampling again, look-ahead, response; branches side by side."""

    def do_look_ahead(self) -> None:
        self.bridge.look_ahead()
        self.expect_work()

    def do_order(self) -> None:
        pane = self.candidates
        pane.next_order()
        told = pane.order.value
        if pane.order in BY_AHEAD:
            told += ": only candidates that were looked at"
        self.tell(Notice(f"candidates {told}"))

    # Rollouts --------------------------------------------------------------------------------------------------

    def do_rollouts(self) -> None:
        if self.view is None:
            return
        known = self.view.rolled
        if known is None or known.resampled or known.stopped:
            size = self.rollout_size
            self.bridge.roll(size.samples, size.horizon, self.view.cursor)
        self._show_rollouts(self.view, resample=False)

    def do_resample(self) -> None:
        view = self.view
        if view is None:
            return
        known = view.rolled
        if known is None or known.stopped or not self._same_path(view, known):
            self.bridge.resample(self.rollout_size.samples, view.cursor)
        self._show_rollouts(view, resample=True)

    def _same_path(self, view: View, known: Rolled) -> bool:
        """Whether rollouts are compared with the path that goes on from the cursor now."""
        if not known.settings.original:
            return False
        nodes, place = jumps.line(view.tree, view.cursor)
        ids = tuple(view.tree.token_id(node) for node in nodes[place + 1 :])
        return known.settings.original == ids

    def _show_rollouts(self, view: View, *, resample: bool) -> None:
        from bftui.ui.screens.rollouts_screen import RolloutsScreen

        def left(command: OpenRollout | None) -> None:
            if command is not None:
                self.send(command)

        self.app.push_screen(
            RolloutsScreen(self.bridge, view, self.palette, self.rollout_size, resample=resample),
            left,
        )

    # Response --------------------------------------------------------------------------------------------------

    def do_response(self) -> None:
        view = self.view
        if view is None:
            return
        found = view.responded
        if found is not None:
            self._show_response(view, found.node, found.token_ids, found.end)
            return
        forced = jumps.forced(view.tree, view.path.nodes)
        if not forced:
            self.warn(
                hint(
                    "no text was forced on this path: {word} and {force} force one, and {enter} a candidate"
                )
            )
            return
        last = first = forced[-1]
        while first - 1 in forced and not view.session.begins_force(view.path.nodes[first]):
            first -= 1
        start, end = view.path.nodes[first - 1], view.path.nodes[last]
        if view.tree.eog(end):
            self.warn("the forced text ends the text: nothing comes after it")
            return
        self._show_response(view, start, jumps.ids_between(view.tree, start, end), end)

    def _show_response(self, view: View, node: int, ids: tuple[int, ...], end: int) -> None:
        from bftui.ui.screens.response_screen import ResponseScreen

        self.bridge.respond(node, ids, end)
        self.app.push_screen(ResponseScreen(self.bridge, view, end, self.palette))

    def set_response(self, on: bool) -> None:
        """Whether a forced text is measured without being asked for."""
        self.bridge.respond_by_itself(on)
        told = "every forced text is measured" if on else hint("{response} measures a forced text")
        self.tell(Notice(f"response {'auto' if on else 'off'}: {told}"))

    # Branches --------------------------------------------------------------------------------------------------

    def do_compare(self) -> None:
        from bftui.ui.screens.compare_screen import CompareScreen, picks
        from bftui.ui.screens.pick_screen import PickScreen
        from bftui.ui.side_branches import Apart, others

        view = self.view
        if view is None:
            return
        known = others(view)

        def left(node: int | None) -> None:
            if node is not None:
                self.send(Goto(node))
            self.strip.redraw()

        def compare(other: Apart | None) -> None:
            self.app.push_screen(CompareScreen(self.bridge, view, self.palette, other), left)

        def chosen(node: int | None) -> None:
            found = next((each for each in known if each.end == node), None)
            if found is not None:
                compare(found)

        if not known or known[0].marked or len(known) == 1:
            compare(known[0] if known else None)
        else:
            self.app.push_screen(
                PickScreen("compare with", picks(view, known), self.palette), chosen
            )
