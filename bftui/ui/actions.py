"""Everything a key can do, once: bindings, key line, help, palette and the key table of the README come from here.

Pure data; how an action is done is the workbench's business (`screens/workbench.py`, methods `do_ID`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether an action can be done now.

    Attributes:
        loading, failed: the model's state.
        busy: whether the model works or is played.
        session: whether there is a prompt.
        ended: the cursor stands on an end of text.
        at_prompt: the cursor stands on a prompt.
        onward: something comes after the cursor.
        playing: whether it steps by itself.
    """

    loading: bool = False
    failed: bool = False
    busy: bool = False
    session: bool = False
    ended: bool = False
    at_prompt: bool = False
    onward: bool = False
    playing: bool = False


Reason = Callable[[Facts], str | None]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        id: its name for the configuration.
        keys: in Textual's spelling, the one that is shown first.
        name: one or two words for the key line and the palette.
        description: one sentence.
        group: its heading in the help.
        reason: why it cannot be done now, or None where it can.
        short: whether the key line shows it.
    """

    id: str
    keys: tuple[str, ...]
    name: str
    description: str
    group: str
    reason: Reason
    short: bool = False

    def shown(self) -> str:
        """Its keys as a person reads them."""
        if len(self.keys) > 2 and all(key.isdigit() for key in self.keys):
            return f"{self.keys[0]}-{self.keys[-1]}"
        return " ".join(_SHOWN.get(key, key) for key in self.keys)


_SHOWN = {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "minus": "-",
    "equals_sign": "=",
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "ctrl+p": "^p",
    "ctrl+c": "^c",
    "ctrl+z": "^z",
    "ctrl+r": "^r",
}


def _always(facts: Facts) -> str | None:
    return None


def _model(facts: Facts) -> str | None:
    if facts.failed:
        return "there is no model: ctrl+r opens it again"
    return None


def _session(facts: Facts) -> str | None:
    if facts.session:
        return None
    if facts.failed:
        return "there is no model: ctrl+r opens it again"
    if facts.loading:
        return "the model is still loading"
    if facts.busy:
        return "the model is still reading the prompt"
    return "there is no prompt yet: i opens the editor"


def _running(facts: Facts) -> str | None:
    if (reason := _session(facts)) is not None:
        return reason
    if facts.failed:
        return "the model stopped: ctrl+r opens it again"
    return "the model is still loading" if facts.loading else None


def _step(facts: Facts) -> str | None:
    reason = _running(facts)
    if reason is None and facts.ended:
        return "the text ends here: ← goes back, or force a token to go on"
    return reason


def _search(facts: Facts) -> str | None:
    reason = _running(facts)
    if reason is None and facts.ended:
        return "the text ends here: there are no candidates"
    return reason


def _back(facts: Facts) -> str | None:
    reason = _session(facts)
    if reason is None and facts.at_prompt:
        return "this is the prompt: there is nothing before it"
    return reason


def _forward(facts: Facts) -> str | None:
    reason = _session(facts)
    if reason is None and not facts.onward:
        return "nothing comes after this token yet: space samples one"
    return reason


def _reload(facts: Facts) -> str | None:
    if facts.loading:
        return "the model is still loading: esc stops that"
    return None if facts.failed or facts.busy else "the model runs"


GENERATE, MOVE, LOOK, WORK = "generate", "move", "look", "workbench"

ACTIONS: tuple[Action, ...] = (
    Action("step", ("space",), "sample", "Sample one token.", GENERATE, _step, True),
    Action("greedy", ("g",), "greedy", "Take the most probable token.", GENERATE, _step),
    Action("play", ("p",), "play", "Sample token after token, or pause.", GENERATE, _step, True),
    Action("slower", ("minus",), "slower", "Play fewer tokens a second.", GENERATE, _always),
    Action("faster", ("equals_sign",), "faster", "Play more tokens a second.", GENERATE, _always),
    Action(
        "enter",
        ("enter",),
        "force",
        "Candidates: force the selected token. Tree and text: go there.",
        GENERATE,
        _session,
        True,
    ),
    Action(
        "force", ("f",), "text", "Force a text of your own, literally.", GENERATE, _running, True
    ),
    Action(
        "word",
        tuple("123456789"),
        "style",
        "Force a word of the style palette.",
        GENERATE,
        _running,
        True,
    ),
    Action(
        "back", ("left", "h"), "back", "Go one token back; the branch stays.", MOVE, _back, True
    ),
    Action("forward", ("right", "l"), "on", "Go on along the branch last visited.", MOVE, _forward),
    Action("up", ("up", "k"), "up", "Up in the pane.", MOVE, _always),
    Action("down", ("down", "j"), "down", "Down in the pane.", MOVE, _always),
    Action("page_up", ("pageup",), "page up", "A page up in the pane.", MOVE, _always),
    Action("page_down", ("pagedown",), "page down", "A page down in the pane.", MOVE, _always),
    Action("first", ("home",), "first", "To the first line of the pane.", MOVE, _always),
    Action("last", ("G", "end"), "last", "To the last line of the pane.", MOVE, _always),
    Action(
        "undo",
        ("u",),
        "undo",
        "Take back the last move; tokens never vanish.",
        MOVE,
        _session,
        True,
    ),
    Action("redo", ("U",), "redo", "Do again what was undone.", MOVE, _session),
    Action("next_pane", ("tab",), "next pane", "Focus the next pane.", LOOK, _always),
    Action(
        "previous_pane", ("shift+tab",), "previous pane", "Focus the pane before.", LOOK, _always
    ),
    Action("zoom", ("z",), "zoom", "Give the pane the whole screen, or back.", LOOK, _always),
    Action("search", ("slash",), "search", "Search the whole vocabulary.", LOOK, _search),
    Action("curve", ("H",), "entropy/BF", "Draw entropy or branching factor.", LOOK, _always),
    Action("theme", ("T",), "theme", "Take the next theme.", LOOK, _always),
    Action(
        "prompt",
        ("i",),
        "prompt",
        "Write a prompt: a new root, the old tree stays.",
        WORK,
        _model,
        True,
    ),
    Action("export", ("e",), "export", "Save the trace.", WORK, _session),
    Action(
        "reload",
        ("ctrl+r",),
        "reopen model",
        "Open the model again; the session stays.",
        WORK,
        _reload,
    ),
    Action("help", ("question_mark",), "help", "All keys.", WORK, _always, True),
    Action("palette", ("ctrl+p",), "all", "Find an action by name.", WORK, _always, True),
    Action(
        "escape",
        ("escape",),
        "stop",
        "Close what is open, else stop work, else un-zoom.",
        WORK,
        _always,
    ),
    Action(
        "interrupt",
        ("ctrl+c",),
        "stop work",
        "Stop work; twice within a second: quit.",
        WORK,
        _always,
    ),
    Action(
        "suspend", ("ctrl+z",), "suspend", "Hand the terminal back to the shell.", WORK, _always
    ),
    Action("quit", ("q",), "quit", "Quit; with --trace the trace is written.", WORK, _always, True),
)

BY_ID = {action.id: action for action in ACTIONS}


def key_table() -> list[tuple[str, str, str]]:
    """Every key as (keys, name, description), in the order of the help."""
    return [(action.shown(), action.name, action.description) for action in ACTIONS]


def groups() -> dict[str, list[Action]]:
    """The actions under their headings, in order."""
    found: dict[str, list[Action]] = {}
    for action in ACTIONS:
        found.setdefault(action.group, []).append(action)
    return found
