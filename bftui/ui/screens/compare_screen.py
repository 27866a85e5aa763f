"""`c`: two branches side by side: the visible path, and a marked one or one that was chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from bftui.core.noise_floor import factor
from bftui.core.text import counted
from bftui.ui.actions.bindings import bound, moving
from bftui.ui.drawing.line_builder import OTHER_SAMPLER, fit, starred
from bftui.ui.panes.compared_panes import SHADINGS, BranchPane, ComparedPane
from bftui.ui.panes.pane import Pane
from bftui.ui.path_comparison import BranchPair, pair
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.screens.pick_screen import Pick, PickScreen
from bftui.ui.side_branches import Apart, others
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.workbench import Workbench

_BEGINNING = 32
"""Tokens of a branch that are looked at for a line."""
_CELLS = 40


class CompareScreen(LiveScreen[int | None]):
    """Ends with the node to go to, or None; the branch that was compared last stays drawn behind the path."""

    NAME = "compare"

    DEFAULT_CSS = """
    CompareScreen #compared { height: 5fr; }
    CompareScreen Horizontal { height: 3fr; }
    CompareScreen #first { width: 1fr; height: 100%; }
    CompareScreen #second { width: 1fr; height: 100%; }
    CompareScreen.empty Horizontal { display: none; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("enter", "go"),
        bound("compare", "choose"),
        bound("next_match", "other(1)"),
        bound("previous_match", "other(-1)"),
        bound("fold", "swap"),
        bound("curve", "curve"),
        bound("shading", "shading"),
        bound("back", "move(-1)"),
        bound("forward", "move(1)"),
        *moving(),
    ]

    def __init__(
        self, workbench: Workbench, view: View, palette: Palette, other: Apart | None
    ) -> None:
        """`other` is the branch to begin with; None where there is none."""
        super().__init__(workbench, view, palette)
        self._other = other
        self._end = None if other is None else other.end
        self._swapped = False
        self._paired: tuple[tuple[object, Apart], BranchPair] | None = None
        self._place = self._parting()
        self._curve = ComparedPane(palette, view)
        self._texts = (BranchPane(palette, view, "first"), BranchPane(palette, view, "second"))

    def parts(self) -> ComposeResult:
        yield self._curve
        with Horizontal():
            yield from self._texts

    # What is shown ---------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Shows the two as they are by now."""
        view = self._view
        state = (view.state, tuple(view.marks.items()), self._end)
        if state != self._drawn:
            self._drawn = state
            self._look()
        self._show()

    def _look(self) -> None:
        """Finds the other branch again: it, or the path, may have grown."""
        known = others(self._view)
        self._other = next((each for each in known if each.end == self._end), None)
        if self._other is None and known:
            # It grew on, or became the path itself: what is left to compare with.
            self._other = known[0]
        self._end = self._view.against = None if self._other is None else self._other.end

    def _pair(self) -> BranchPair | None:
        if self._other is None:
            return None
        # A long path is walked once for all keys that only move along it.
        now = (self._view.state, self._other)
        if self._paired is None or self._paired[0] != now:
            self._paired = (now, pair(self._view, self._other))
        found = self._paired[1]
        return found.swapped() if self._swapped else found

    def _parting(self) -> int:
        """The position from which the two go on with different tokens."""
        found = self._pair()
        return 0 if found is None else max(0, found.parted - 1)

    def _show(self) -> None:
        found = self._pair()
        self.set_class(found is None, "empty")
        if found is not None:
            self._place = min(self._place, found.positions - 1)
        self._curve.show_pair(found, self._place)
        for number, text in enumerate(self._texts):
            side = None if found is None else found.sides[number]
            text.show_side(side, 0 if found is None else found.parted, self._place)
        leave = ("esc", "back")
        if found is None:
            self._keys.show((leave,))
            return
        self._keys.show(
            (
                (f"{key('back')} {key('forward')}", "position"),
                (key("compare"), "choose"),
                (f"{key('next_match')} {key('previous_match')}", "branch"),
                (key("fold"), "swap"),
                (key("enter"), "go there"),
                leave,
                (key("explain"), "explain"),
                (key("curve"), "BF" if self._curve.entropy else "entropy"),
                (key("shading"), "shading"),
            )
        )

    # Keys and the mouse ----------------------------------------------------------------------------------------

    @on(Pane.Pointed)
    def _pointed(self, event: Pane.Pointed) -> None:
        if isinstance(event.pane, ComparedPane | BranchPane):
            self.tell(None)
            self._place = event.pane.place
            self._show()

    def action_move(self, by: int) -> None:
        """Moves along the positions."""
        self.tell(None)
        self._place = max(0, self._place + by)
        self._show()

    def action_edge(self, end: int) -> None:
        """Goes to where they part, or to the end of the longer one."""
        found = self._pair()
        if found is not None:
            self._place = found.positions - 1 if end else self._parting()
            self._show()

    def action_swap(self) -> None:
        """Draws the other one as bars."""
        self._swapped = not self._swapped
        self._show()

    def action_curve(self) -> None:
        """Entropy instead of BF, or back."""
        self._curve.entropy = not self._curve.entropy
        self._show()

    def action_shading(self) -> None:
        """Shades both texts by something else."""
        shading = SHADINGS[(SHADINGS.index(self._texts[0].shading) + 1) % len(SHADINGS)]
        for text in self._texts:
            text.shade_by(shading)
        self.tell(Notice(f"shading: {shading.value}"))

    def action_other(self, by: int) -> None:
        """Compares with the next branch, or the one before."""
        self.tell(None)
        known = others(self._view)
        if len(known) < 2:
            self.warn("there is no further branch")
            return
        at = next((i for i, each in enumerate(known) if each.end == self._end), 0)
        self._take(known[(at + by) % len(known)])

    def _take(self, other: Apart) -> None:
        self._other, self._end = other, other.end
        self._place = self._parting()
        self.news()

    def action_choose(self) -> None:
        """Asks for the branch."""
        known = others(self._view)

        def chosen(node: int | None) -> None:
            found = next((each for each in known if each.end == node), None)
            if found is not None:
                self._take(found)

        if known:
            other = any(self._view.stale(each.end) for each in known)
            title = (
                f"compare with ({OTHER_SAMPLER} of another sampler)" if other else "compare with"
            )
            shown = picks(self._view, known)
            self.app.push_screen(PickScreen(title, shown, self._palette), chosen)

    def action_go(self) -> None:
        """Goes to the end of the other branch."""
        if self._other is None:
            self.warn(hint("there is no other branch yet: {step} samples one"))
        else:
            self.dismiss(self._other.end)

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_compared import compared

        return compared(self._view, self._pair())


def picks(view: View, branches: Sequence[Apart]) -> list[Pick]:
    """Branches as lines to choose from."""
    found = []
    for each in branches:
        labels = (view.tree.token_id(node) for node in each.nodes[:_BEGINNING])
        text = "".join("○" if token is None else view.label(token) for token in labels)
        name = each.name.removeprefix("'").removeprefix("branch ")
        entropies = view.tree.entropies(each.end)
        bf = (
            starred(f"BF {factor(math.exp(entropies[1]), view.noise)}", view.stale(each.end))
            if entropies
            else "■"
        )
        note = f"{counted(len(each.nodes), 'token')} · {bf}"
        found.append(Pick(name, each.end, fit(text, _CELLS), note, "'" if each.marked else ""))
    return found
