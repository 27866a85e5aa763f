"""Keys that jump: where the text or the tree has the focus its cursor moves, else the session."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bftui.session.commands import Goto
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionGroup, action
from bftui.workbench import jumps
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

Find = Callable[["WorkbenchScreen", Sequence[int]], list[int]]
"""Gives the places on a line of nodes, ascending."""
Choose = Callable[[Sequence[int], int], int | None]
"""Takes one of some places, seen from another."""


@action(ActionGroup.JUMP, "left_square_bracket", name="fork before", needs=needs.session)
def previous_fork(screen: WorkbenchScreen) -> None:
    """To the fork before."""
    _jump(screen, _forks, jumps.before, "no fork before this")


@action(ActionGroup.JUMP, "right_square_bracket", name="next fork", needs=needs.session)
def next_fork(screen: WorkbenchScreen) -> None:
    """To the next fork."""
    _jump(screen, _forks, jumps.after, "no fork after this")


@action(ActionGroup.JUMP, "left_curly_bracket", name="uncertain before", needs=needs.session)
def previous_peak(screen: WorkbenchScreen) -> None:
    """To the uncertain token before."""
    _jump(screen, _peaks, jumps.before, "no uncertain token before this")


@action(ActionGroup.JUMP, "right_curly_bracket", name="next uncertain", needs=needs.session)
def next_peak(screen: WorkbenchScreen) -> None:
    """To the next uncertain token."""
    _jump(screen, _peaks, jumps.after, "no uncertain token after this")


@action(ActionGroup.JUMP, "exclamation_mark", name="next forced", needs=needs.session)
def next_forced(screen: WorkbenchScreen) -> None:
    """To the next forced token, or the first."""
    _jump(screen, _forced, _next_or_first, "no token was forced here")


def _next_or_first(places: Sequence[int], at: int) -> int | None:
    found = jumps.after(places, at)
    return found if found is not None or not places else places[0]


def _forks(screen: WorkbenchScreen, nodes: Sequence[int]) -> list[int]:
    return jumps.forks(screen.now.tree, nodes, screen.now.shown.pruned)


def _forced(screen: WorkbenchScreen, nodes: Sequence[int]) -> list[int]:
    return jumps.forced(screen.now.tree, nodes)


def _peaks(screen: WorkbenchScreen, nodes: Sequence[int]) -> list[int]:
    """In the text the token that was drawn there; else where it is about to be drawn, its candidates in view."""
    if screen.pane() is screen.text_pane:
        return [place + 1 for place in jumps.peaks(screen.now.tree, nodes[:-1])]
    return jumps.peaks(screen.now.tree, nodes)


def _jump(screen: WorkbenchScreen, find: Find, choose: Choose, none: str) -> None:
    view, pane = screen.now, screen.pane()
    if pane is screen.text_pane:
        nodes, at = view.path.nodes, screen.text_pane.place
    else:
        stands = screen.tree_pane.target() if pane is screen.tree_pane else view.cursor
        assert stands is not None
        nodes, at = jumps.line(view.tree, stands, view.shown.pruned)
    place = choose(find(screen, nodes), at)
    if place is None:
        screen.warn(none)
    elif pane is screen.text_pane:
        screen.text_pane.go_to_place(place)
    elif pane is screen.tree_pane:
        screen.tree_pane.select_node(nodes[place])
    else:
        screen.send(Goto(nodes[place]))


@action(ActionGroup.JUMP, "J", name="thinking", needs=needs.session)
def thinking(screen: WorkbenchScreen) -> None:
    """Into the thinking, unfolded, or folded and out to the answer."""
    told = screen.text_pane.jump_thinking()
    if not told:
        screen.warn("nothing on this path thinks")
        return
    if screen.zoomed:
        screen.zoom_to(screen.text_pane)
    screen.text_pane.focus()
    screen.frame()
    screen.tell(Notice(told))


@action(ActionGroup.JUMP, "left_parenthesis", name="measured before", needs=needs.session)
def previous_measured(screen: WorkbenchScreen) -> None:
    """To the place before where something was measured, anywhere in the tree."""
    _to_measured(screen, -1)


@action(ActionGroup.JUMP, "right_parenthesis", name="next measured", needs=needs.session)
def next_measured(screen: WorkbenchScreen) -> None:
    """To the next place where something was measured, or the first."""
    _to_measured(screen, 1)


def _to_measured(screen: WorkbenchScreen, way: int) -> None:
    """Moves the session, whatever has the focus: what was measured is shown where it stands. Goes round the end."""
    view = screen.now
    found = jumps.measured(view.measured, view.paired, view.in_force)
    pruned = view.shown.pruned

    def place_of(node: int) -> tuple[int, int]:
        return view.rows.row_of(node), view.tree.depth(node)

    there = sorted(
        (
            node
            for node in found
            if node < view.count and (not pruned or pruned.isdisjoint(view.tree.path(node)))
        ),
        key=place_of,
    )
    if not there:
        screen.warn("nothing was measured in this session under this sampler")
        return
    places, at = [place_of(node) for node in there], place_of(view.cursor)
    number = bisect_right(places, at) if way > 0 else bisect_left(places, at) - 1
    number %= len(there)
    if there[number] != view.cursor:
        screen.send(Goto(there[number]))
    screen.tell(
        Notice(f"measured, {number + 1} of {len(there)}: {', '.join(found[there[number]])}")
    )
