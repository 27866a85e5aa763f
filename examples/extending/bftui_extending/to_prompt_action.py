"""A key of one's own: `Y` goes back to the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.session import commands
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionGroup, action

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

can_leave = needs.unless(
    needs.session, lambda facts: facts.at_prompt, "this is the prompt: {step} samples a token"
)


@action(ActionGroup.MOVE, "Y", name="to the prompt", needs=can_leave)
def to_prompt(screen: WorkbenchScreen) -> None:
    """Go back to the prompt; the branch stays."""
    screen.send(commands.Goto(screen.now.root))
