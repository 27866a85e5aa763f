"""What an action is: a function of the workbench's screen that a key does, declared where it is written.

    @action(ActionGroup.GENERATE, "space", name="sample", needs=can_play, short=True)
    def step(screen: WorkbenchScreen) -> None:
        \"\"\"Sample one token.\"\"\"
        screen.send(commands.Step())

The name of the function is the action's id in the config file, its docstring what help, palette and README say of it.
`action_table.py` lists all actions. Imports no Textual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bftui.workbench.keys import hint, in_force, shown

if TYPE_CHECKING:
    from bftui.ui.view import View


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """What decides whether an action can be done now.

    Attributes:
        loading, failed: the model's state.
        failure: how the process of the model ended, where that is why there is none.
        ends: it failed twice in the same way: opening it again would not help.
        busy: whether the model works or is played.
        session: whether there is a prompt.
        ended: the cursor stands on an end of text.
        stopped: the answer reached a stop string of the prompt's template at the cursor.
        at_prompt: the cursor stands on a prompt, and nothing is on its way that may leave it.
        onward: something comes after the cursor.
        playing: whether it steps by itself.
        turns: the prompt of the visible path is in a template, which writes further turns.
        marks: whether a place is marked.
        looked: candidates of this place were looked at.
        ranked: the partner's ranks of candidates of this place are known.
        measuring: an experiment runs.
        partner: there is a second model.
        pairing: it is being opened.
        mixed: the model is a mixture, which has a weight.
        replay: a trace is shown in the place of a model.
        recorded: of a replay, the actions whose results are known at this place.
        pane: the name of the pane that has the focus.
    """

    loading: bool = False
    failed: bool = False
    failure: str = ""
    ends: bool = False
    busy: bool = False
    session: bool = False
    ended: bool = False
    stopped: bool = False
    at_prompt: bool = False
    onward: bool = False
    playing: bool = False
    turns: bool = False
    marks: bool = False
    looked: bool = False
    ranked: bool = False
    measuring: bool = False
    partner: bool = False
    pairing: bool = False
    mixed: bool = False
    replay: bool = False
    recorded: frozenset[str] = frozenset()
    pane: str = "candidates"


Reason = Callable[[ActionFacts], str | None]
"""Why something cannot be done now, or None where it can; `{id}` stands for the person's key of another action."""


class ActionGroup(StrEnum):
    """The headings of the help, in their order."""

    GENERATE = "generate"
    DRAWING = "how tokens are drawn"
    MOVE = "the session"
    MEASURE = "measure"
    PAIR = "two models"
    MIXTURE = "models mixed"
    PANE = "in the pane"
    JUMP = "jump"
    LOOK = "look"
    WORK = "workbench"


@dataclass(frozen=True, slots=True)
class KeyAction:
    """One thing to do.

    Attributes:
        id: its name in the configuration.
        keys: the usual ones in Textual's spelling, the one that is shown first; `keys.in_force` has the person's.
        name: one or two words for the key line and the palette.
        description: one sentence; `{id}` in it stands for the person's key of another action, as in reasons.
        group: its heading in the help.
        reason: why it cannot be done now, or None where it can.
        do: does it; takes the workbench's screen and, where the action is numbered, the number of its key from "1".
        short: whether the key line shows it.
        asks: whether it asks for a text: what was typed together with its key is meant for that alone.
        numbered: whether its keys stand for different things.
        known: whether its results are known where the session stands, which is all that a replay can show.
    """

    id: str
    keys: tuple[str, ...]
    name: str
    description: str
    group: ActionGroup
    reason: Reason
    do: Callable[..., None]
    short: bool = False
    asks: bool = False
    numbered: bool = False
    known: Callable[[View], bool] | None = None

    def why_not(self, facts: ActionFacts) -> str | None:
        """Says why it cannot be done now, with the person's keys; None where it can."""
        found = self.reason(facts)
        return None if found is None else hint(found)

    def told(self) -> str:
        """Gives the description with the person's keys in it."""
        return hint(self.description)

    def shown(self) -> str:
        """Gives the person's keys for it."""
        return in_force().shown(self.id)

    def first(self) -> str:
        """Gives the first of them, as short as can be; "" where it has none."""
        keys = in_force().keys[self.id]
        return self.shown() if len(keys) > 2 else shown(keys[0], short=True) if keys else ""


DECLARED: list[KeyAction] = []
"""Every action whose file was imported; `action_table.ACTIONS` has all of them in order."""


def always(facts: ActionFacts) -> str | None:
    """Is the condition of what can be done at any time."""
    return None


def action(
    group: ActionGroup,
    *keys: str,
    name: str,
    needs: Reason = always,
    short: bool = False,
    asks: bool = False,
    numbered: bool = False,
    known: Callable[[View], bool] | None = None,
) -> Callable[[Callable[..., None]], KeyAction]:
    """Makes an action of a function; see `KeyAction` for the arguments.

    An underscore at the end of the function's name is not part of the id.
    """

    def declare(do: Callable[..., None]) -> KeyAction:
        its_id, description = do.__name__.rstrip("_"), (do.__doc__ or "").strip()
        made = KeyAction(
            its_id, keys, name, description, group, needs, do, short, asks, numbered, known
        )
        DECLARED.append(made)
        return made

    return declare
