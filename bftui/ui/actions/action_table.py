"""All actions in the order of the help: bindings, key line, help, palette and the key table of the README read them.

The files of the actions are found by their names, so that a screen may ask for keys here and an action may open it.
Imports no Textual.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from bftui.ui import actions
from bftui.ui.actions.action import DECLARED, ActionGroup, KeyAction
from bftui.workbench.keys import Keymap, use

for _file in iter_modules(actions.__path__):
    if _file.name.endswith("_actions"):
        import_module(f"{actions.__name__}.{_file.name}")

ACTIONS: tuple[KeyAction, ...] = tuple(
    sorted(DECLARED, key=lambda action: list(ActionGroup).index(action.group))
)
"""A group's in the order in which its file declares them."""

BY_ID = {action.id: action for action in ACTIONS}

USUAL = Keymap(
    MappingProxyType({action.id: action.keys for action in ACTIONS}),
    MappingProxyType({action.id: action.name for action in ACTIONS}),
)
"""The keys of a person who did not choose others."""

use(USUAL)


def key_table() -> list[tuple[str, str, str]]:
    """Gives every key in force as (keys, name, description), in the order of the help."""
    return [(action.shown(), action.name, action.told()) for action in ACTIONS]


def groups() -> dict[str, list[KeyAction]]:
    """Gives the actions under their headings, in order."""
    return {
        group.value: [action for action in ACTIONS if action.group is group]
        for group in ActionGroup
    }
