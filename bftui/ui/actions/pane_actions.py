"""Keys that move, select and search in the pane that has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.ui.panes.candidates_pane import CandidatesPane
    from bftui.ui.panes.text_pane import TextPane
    from bftui.ui.panes.tree_pane import TreePane
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

_SEARCHED = {
    "candidates": (
        "search the vocabulary",
        "tokens that contain this; ⏎ is a line end; empty shows all",
    ),
    "tree": (
        "search the tree",
        "rows whose text contains this; n and N go to the next and the one before",
    ),
    "text": (
        "search the text",
        "where the text contains this; n and N go to the next and the one before",
    ),
}
"""Of each pane what is asked for, and what is found."""

in_text = needs.unless(
    needs.session,
    lambda facts: facts.pane != "text",
    "this moves in the text: {next_pane} goes there",
)
along_text = needs.unless(
    needs.session,
    lambda facts: facts.pane not in ("text", "strip"),
    "this moves in the text and along the curve: {next_pane} goes there",
)
_candidates = needs.unless(
    needs.running, lambda facts: facts.ended, "the text ends here: there are no candidates"
)


def can_search(facts: ActionFacts) -> str | None:
    """Needs the focus on a pane with something to search."""
    if facts.pane == "strip":
        return "there is nothing to search in this pane: {next_pane} goes to the next"
    return _candidates(facts) if facts.pane == "candidates" else needs.session(facts)


@action(ActionGroup.PANE, "up", "k", name="up")
def up(screen: WorkbenchScreen) -> None:
    """A line up."""
    screen.pane().move(-1)


@action(ActionGroup.PANE, "down", "j", name="down")
def down(screen: WorkbenchScreen) -> None:
    """A line down."""
    screen.pane().move(1)


@action(ActionGroup.PANE, "pageup", name="page up")
def page_up(screen: WorkbenchScreen) -> None:
    """A page up."""
    screen.pane().move(-screen.pane().rows)


@action(ActionGroup.PANE, "pagedown", name="page down")
def page_down(screen: WorkbenchScreen) -> None:
    """A page down."""
    screen.pane().move(screen.pane().rows)


@action(ActionGroup.PANE, "home", name="first")
def first(screen: WorkbenchScreen) -> None:
    """To the beginning."""
    screen.pane().to_first()


@action(ActionGroup.PANE, "G", "end", name="last")
def last(screen: WorkbenchScreen) -> None:
    """To the end; the text follows the session again."""
    screen.pane().to_last()


@action(ActionGroup.PANE, "comma", name="token left", needs=along_text)
def token_left(screen: WorkbenchScreen) -> None:
    """Text and curve: one token to the left."""
    _along(screen, -1)


@action(ActionGroup.PANE, "full_stop", name="token right", needs=along_text)
def token_right(screen: WorkbenchScreen) -> None:
    """Text and curve: one token to the right."""
    _along(screen, 1)


def _along(screen: WorkbenchScreen, by: int) -> None:
    if screen.pane() is screen.strip:
        screen.strip.move(by)
    else:
        screen.text_pane.go_to(screen.text_pane.token + by)


@action(ActionGroup.PANE, "shift+left", name="select left", needs=in_text)
def select_left(screen: WorkbenchScreen) -> None:
    """Text: select to the left; {copy} copies."""
    screen.text_pane.extend(screen.text_pane.token - 1)


@action(ActionGroup.PANE, "shift+right", name="select right", needs=in_text)
def select_right(screen: WorkbenchScreen) -> None:
    """Text: select to the right."""
    screen.text_pane.extend(screen.text_pane.token + 1)


@action(ActionGroup.PANE, "shift+up", name="select up", needs=in_text)
def select_up(screen: WorkbenchScreen) -> None:
    """Text: select a line up."""
    screen.text_pane.extend_lines(-1)


@action(ActionGroup.PANE, "shift+down", name="select down", needs=in_text)
def select_down(screen: WorkbenchScreen) -> None:
    """Text: select a line down."""
    screen.text_pane.extend_lines(1)


# Searching -----------------------------------------------------------------------------------------------------


def _in_focus(screen: WorkbenchScreen) -> CandidatesPane | TreePane | TextPane | None:
    """Gives the pane in focus where it can be searched."""
    panes = screen.candidates, screen.tree_pane, screen.text_pane
    return next((pane for pane in panes if pane is screen.pane()), None)


@action(ActionGroup.PANE, "slash", name="search", needs=can_search, asks=True)
def search(screen: WorkbenchScreen) -> None:
    """Search: the whole vocabulary, the tree, or the text."""
    from bftui.ui.panes.candidates_pane import CandidatesPane

    pane = _in_focus(screen)
    if pane is None:
        return
    title, finds = _SEARCHED[pane.NAME]

    def found(text: str) -> str:
        if text != pane.wanted:
            pane.search(text)
            if not isinstance(pane, CandidatesPane):
                pane.step_match(1, stay=True)
        return finds if not text or isinstance(pane, CandidatesPane) else pane.matches()

    def searched(text: str | None) -> None:
        pane.search(text or "")
        pane.focus()

    screen.ask(title, pane.wanted, found, searched)


@action(ActionGroup.PANE, "n", name="next match", needs=can_search)
def next_match(screen: WorkbenchScreen) -> None:
    """To the next match."""
    _step_match(screen, 1)


@action(ActionGroup.PANE, "N", name="match before", needs=can_search)
def previous_match(screen: WorkbenchScreen) -> None:
    """To the match before."""
    _step_match(screen, -1)


def _step_match(screen: WorkbenchScreen, by: int) -> None:
    pane = _in_focus(screen)
    if pane is None:
        return
    if not pane.wanted:
        screen.warn(hint("nothing is searched for in this pane: {search} searches"))
    elif not pane.step_match(by):
        screen.warn("nothing matches")


def end_search(screen: WorkbenchScreen) -> bool:
    """Ends a selection, else the search of the pane in focus, else of any; False where there is none."""
    if screen.text_pane.unselect():
        return True
    others = screen.tree_pane, screen.candidates, screen.text_pane
    for pane in (_in_focus(screen), *others):
        if pane is not None and pane.wanted:
            pane.search("")
            return True
    return False
