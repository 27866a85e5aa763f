"""Keys that move the session, and mark and hide places of its tree."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from bftui.core.text import safe
from bftui.session import commands
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen
    from bftui.ui.view import View

_TOKENS = 24
"""Tokens before a mark that tell where it is."""

can_go_back = needs.unless(
    needs.session, lambda facts: facts.at_prompt, "this is the prompt: there is nothing before it"
)
has_marks = needs.unless(
    needs.session, lambda facts: not facts.marks, "nothing is marked yet: {mark} marks this place"
)
in_tree = needs.unless(
    needs.session,
    lambda facts: facts.pane != "tree",
    "this is done to a row of the tree: {next_pane} goes there",
)


def can_go_on(facts: ActionFacts) -> str | None:
    """Needs a token after the cursor."""
    reason = needs.session(facts)
    if reason is not None or facts.onward:
        return reason
    then = "does the next recorded action" if facts.replay else "samples one"
    return f"nothing comes after this token yet: {{step}} {then}"


@action(ActionGroup.MOVE, "left", "h", name="back", needs=can_go_back, short=True)
def back(screen: WorkbenchScreen) -> None:
    """Go one token back; the branch stays."""
    screen.send(commands.Back())


@action(ActionGroup.MOVE, "right", "l", name="on", needs=can_go_on)
def forward(screen: WorkbenchScreen) -> None:
    """Go on along the branch last visited."""
    screen.send(commands.Forward())


@action(ActionGroup.MOVE, "u", name="undo", needs=needs.session)
def undo(screen: WorkbenchScreen) -> None:
    """Take back the last change; tokens never vanish."""
    screen.send(commands.Undo())


@action(ActionGroup.MOVE, "U", name="redo", needs=needs.session)
def redo(screen: WorkbenchScreen) -> None:
    """Do again what was undone."""
    screen.send(commands.Redo())


@action(ActionGroup.MOVE, "m", name="mark", needs=needs.session, asks=True)
def mark(screen: WorkbenchScreen) -> None:
    """Name this place; the same name here takes it away."""
    here, taken = screen.now.cursor, screen.now.session.marks
    mine = next((name for name, node in taken.items() if node == here), None)
    free = (name for name in string.ascii_lowercase if name not in taken)
    offered = mine or next(free, f"m{len(taken)}")

    def does(name: str) -> str:
        if not name:
            return "a name for the place where the session stands"
        if name not in taken:
            return f"{key('marks')} goes to {safe(name)} from anywhere"
        return "takes this mark away" if taken[name] == here else "moves this mark here"

    def marked(name: str | None) -> None:
        if name:
            screen.send(commands.Mark(name))

    screen.ask("mark this place", offered, does, marked)


@action(ActionGroup.MOVE, "apostrophe", name="marks", needs=has_marks)
def marks(screen: WorkbenchScreen) -> None:
    """Go to a mark."""
    from bftui.ui.screens.pick_screen import Pick, PickScreen

    view = screen.now
    picks = [
        Pick(name, node, _text_before(view, node), _bf(view, node))
        for name, node in sorted(view.session.marks.items())
    ]

    def picked(node: int | None) -> None:
        if node is not None:
            screen.send(commands.Goto(node))

    screen.app.push_screen(PickScreen("marks", picks, screen.palette), picked)


def _text_before(view: View, node: int) -> str:
    """Gives the end of the text at a node, in visible form."""
    parts: list[str] = []
    at: int | None = node
    while at is not None and len(parts) < _TOKENS:
        token = view.tree.token_id(at)
        parts.append("○" if token is None else view.label(token))
        at = view.tree.parent(at)
    return "".join(reversed(parts))


def _bf(view: View, node: int) -> str:
    from bftui.core.noise_floor import factor

    following = view.tree.next(node)
    return f"BF {factor(following.bf, view.noise)}" if following else "■"


@action(ActionGroup.MOVE, "x", name="fold", needs=in_tree)
def fold(screen: WorkbenchScreen) -> None:
    """Tree: hide what comes after the row, or show it."""
    target = screen.tree_pane.target()
    if target is not None and screen.now.tree.child_count(target):
        screen.send(commands.Fold(target))
    else:
        screen.warn("nothing comes after this row")


@action(ActionGroup.MOVE, "X", name="prune", needs=in_tree)
def prune(screen: WorkbenchScreen) -> None:
    """Tree: hide the row and all after it; {undo} brings it back."""
    screen.tell(Notice(hint("hidden: {undo} brings it back")))
    screen.send(commands.Prune(screen.tree_pane.head()))
