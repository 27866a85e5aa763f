"""Actions of the registry as bindings of a screen: they follow the person's keymap, whichever screen they are on."""

from __future__ import annotations

from textual.binding import Binding

from bftui.ui.actions.action_table import ACTIONS, BY_ID


def bound(action: str, does: str, *, priority: bool = False) -> Binding:
    """The keys of an action, for what it does on one screen, in Textual's words for that."""
    its = BY_ID[action]
    return Binding(
        ",".join(its.keys), does, its.name, show=False, priority=priority, id=f"act.{action}"
    )


def moving(*, edges: bool = True) -> list[Binding]:
    """The keys that move in a list, for a screen with `action_move`, by lines, and `action_edge`, 0 the first."""
    found = [
        bound("up", "move(-1)"),
        bound("down", "move(1)"),
        bound("page_up", "move(-10)"),
        bound("page_down", "move(10)"),
        bound("step", "move(10)"),
    ]
    return [*found, bound("first", "edge(0)"), bound("last", "edge(1)")] if edges else found


def sizing() -> list[Binding]:
    """The keys that say how much is drawn, for a screen with `action_samples` and `action_horizon`, by steps."""
    return [
        bound("slower", "samples(-1)"),
        bound("faster", "samples(1)"),
        Binding("plus", "samples(1)", "Samples", show=False),
        bound("previous_fork", "horizon(-1)"),
        bound("next_fork", "horizon(1)"),
    ]


def all_bound() -> list[Binding]:
    """Every action, for a screen whose `action_act` takes an id, and of a numbered one the key's number."""
    found = []
    for action in ACTIONS:
        if action.numbered:
            found += [
                Binding(
                    key,
                    f"act('{action.id}', '{place + 1}')",
                    action.name,
                    show=False,
                    id=f"act.{action.id}.{place + 1}",
                )
                for place, key in enumerate(action.keys)
            ]
        elif action.id != "interrupt":
            # ctrl+c is the program's, whatever screen is open.
            found.append(bound(action.id, f"act('{action.id}')"))
    return found
