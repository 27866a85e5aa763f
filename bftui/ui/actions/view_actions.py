"""Keys that change what is seen and leave the session as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.session.commands import Goto
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionGroup, action
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.screens.workbench_screen import WorkbenchScreen
    from bftui.ui.side_branches import Apart
    from bftui.ui.view import View


@action(ActionGroup.LOOK, "tab", name="next pane")
def next_pane(screen: WorkbenchScreen) -> None:
    """Focus the next pane."""
    _step_pane(screen, 1)


@action(ActionGroup.LOOK, "shift+tab", name="pane before")
def previous_pane(screen: WorkbenchScreen) -> None:
    """Focus the pane before."""
    _step_pane(screen, -1)


def _step_pane(screen: WorkbenchScreen, by: int) -> None:
    panes = [pane for pane in screen.panes if screen.zoomed or pane.display]
    pane = panes[(panes.index(screen.pane()) + by) % len(panes)]
    if screen.zoomed:
        screen.zoom_to(pane)
    pane.focus()


@action(ActionGroup.LOOK, "z", name="zoom")
def zoom(screen: WorkbenchScreen) -> None:
    """Give the pane the whole screen, or back."""
    screen.zoom_to(None if screen.zoomed else screen.pane())


@action(ActionGroup.LOOK, "w", name="shading")
def shading(screen: WorkbenchScreen) -> None:
    """Text: entropy, surprisal, author, shift, nudge, none."""
    from bftui.ui.panes.text_shading import Shading

    text = screen.text_pane
    alone = screen.view is None or screen.view.partner is None
    shadings = [each for each in Shading if each is not Shading.SHIFT or not alone]
    if text.shading not in shadings:
        text.shade_by(Shading.AUTHOR)
    text.shade_by(shadings[(shadings.index(text.shading) + 1) % len(shadings)])
    screen.tell(Notice(f"shading: {text.shading.value}"))


@action(ActionGroup.LOOK, "H", name="entropy/BF")
def curve(screen: WorkbenchScreen) -> None:
    """Curve: entropy or branching factor."""
    screen.strip.toggle()


@action(ActionGroup.LOOK, "c", name="compare", needs=needs.session)
def compare(screen: WorkbenchScreen) -> None:
    """Two branches side by side: the path, and the mark or one to choose."""
    from bftui.ui.screens.compare_screen import CompareScreen, picks
    from bftui.ui.screens.pick_screen import PickScreen
    from bftui.ui.side_branches import others

    view = screen.now
    known = others(view)

    def left(node: int | None) -> None:
        if node is not None:
            screen.send(Goto(node))
        screen.strip.redraw()

    def compared(other: Apart | None) -> None:
        screen.app.push_screen(CompareScreen(screen.workbench, view, screen.palette, other), left)

    def chosen(node: int | None) -> None:
        found = next((each for each in known if each.end == node), None)
        if found is not None:
            compared(found)

    if not known or known[0].marked or len(known) == 1:
        compared(known[0] if known else None)
    else:
        screen.app.push_screen(
            PickScreen("compare with", picks(view, known), screen.palette), chosen
        )


@action(ActionGroup.LOOK, "K", name="explain", needs=needs.session)
def explain(screen: WorkbenchScreen) -> None:
    """What the numbers of this pane mean."""
    from bftui.ui.screens.explain_screen import ExplainScreen

    pane, view = screen.pane(), screen.now
    title = f"what the numbers mean: {pane.HEADING or pane.NAME}"
    items = _explained(screen, view)
    screen.app.push_screen(ExplainScreen(title, items, screen.palette, view.model_name))


def _explained(screen: WorkbenchScreen, view: View) -> list[Item]:
    """Explains what is selected in the pane in focus, else the curve."""
    from bftui.ui.explain import explain_experiments, explain_items, explain_pair

    pane = screen.pane()
    if pane is screen.candidates:
        items = explain_items.distribution(view)
        chosen = screen.candidates.candidate(screen.candidates.selected)
        removed_by = None if chosen is None else screen.candidates.removed_by(chosen)
        items[1:1] = explain_items.candidate(view, chosen, removed_by)
        if chosen is not None:
            items[1:1] = explain_pair.standing(view, chosen.token_id)
            items[1:1] = explain_experiments.ahead(view, chosen.token_id)
        return items
    target = pane.target()
    if pane is screen.text_pane and target is not None:
        parent = view.tree.parent(target)
        before = None if parent is None else view.tree.next(parent)
        items = explain_items.token(view, view.tree.node(target), before)
        return items + explain_pair.token(view, target)
    if pane is screen.tree_pane and target is not None:
        return explain_items.branch(view, target)
    items = explain_items.curve(view)
    items += explain_items.beside(view, screen.strip.beside)
    if screen.strip.away:
        items[:0] = explain_items.position(view, screen.strip.place)
    if view.rolled is not None:
        items += explain_experiments.rollouts(view, view.rolled)
    items += explain_experiments.response(view, view.responded)
    return items + explain_pair.partner(view)


@action(ActionGroup.LOOK, "T", name="theme")
def theme(screen: WorkbenchScreen) -> None:
    """Choose a theme: each is shown as it is reached."""
    from bftui.ui.screens.theme_screen import ThemeScreen

    screen.app.push_screen(ThemeScreen(screen.palette, screen.theme_file, screen.terminal_colors))
