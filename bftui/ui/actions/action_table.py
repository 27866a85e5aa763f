"""Everything a key can do, once: bindings, key line, help, palette and the key table of the README come from here.

Pure data; how an action is done is the workbench's business (`screens/workbench.py`, methods `do_ID`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from bftui.workbench.keys import Keymap, hint, in_force, shown, use


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether an action can be done now.

    Attributes:
        loading, failed: the model's state.
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
        replay: a trace is shown in the place of a model.
        recorded: of a replay, the actions whose results are known at this place.
        pane: the name of the pane that has the focus.
    """

    loading: bool = False
    failed: bool = False
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
    replay: bool = False
    recorded: frozenset[str] = frozenset()
    pane: str = "candidates"


Reason = Callable[[Facts], str | None]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        id: its name for the configuration.
        keys: the usual ones in Textual's spelling, the one that is shown first; `keys.in_force` has the person's.
        name: one or two words for the key line and the palette.
        description: one sentence; `{id}` in it stands for the person's key of another action, as in reasons.
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

    def why_not(self, facts: Facts) -> str | None:
        """Why it cannot be done now, with the person's keys in it; None where it can."""
        found = self.reason(facts)
        return None if found is None else hint(found)

    def told(self) -> str:
        """The description with the person's keys in it."""
        return hint(self.description)

    def shown(self) -> str:
        """The person's keys for it."""
        return in_force().shown(self.id)

    def first(self) -> str:
        """The first of them, as short as can be; "" where it has none."""
        keys = in_force().keys[self.id]
        return self.shown() if len(keys) > 2 else shown(keys[0], short=True) if keys else ""


def _always(facts: Facts) -> str | None:
    return None


REPLAY = "this is a replay: there is no model to ask"
"""The reason of what a replay can never do."""


def _gone(what: str, facts: Facts) -> str:
    """A sentence that says what can be done without a model."""
    return f"{what}: {{open}} opens another" if facts.ends else f"{what}: {{reload}} opens it again"


def _model(facts: Facts) -> str | None:
    if facts.replay:
        return REPLAY
    if facts.failed:
        return _gone("there is no model", facts)
    return None


def _session(facts: Facts) -> str | None:
    if facts.session:
        return None
    if facts.failed:
        return _gone("there is no model", facts)
    if facts.loading:
        return "the trace is still being read" if facts.replay else "the model is still loading"
    if facts.busy:
        return "the model is still reading the prompt"
    return "there is no prompt yet: {prompt} opens the editor"


def _running(facts: Facts) -> str | None:
    if (reason := _session(facts)) is not None:
        return reason
    if facts.failed:
        return _gone("the model stopped", facts)
    return "the model is still loading" if facts.loading else None


def _unless(base: Reason, hinders: Callable[[Facts], bool], sentence: str) -> Reason:
    """The reason of `base`; where it has none and the facts hinder, the sentence."""

    def reason(facts: Facts) -> str | None:
        return base(facts) or (sentence if hinders(facts) else None)

    return reason


_RECORDED = {
    "rollouts": "no rollouts were",
    "resample": "no rollouts of another text from here were",
    "response": "no response to a forced text was",
    "nudge": "no nudging was",
}
"""What a replay says of an action whose result it does not have here."""


def _recorded(action: str, base: Reason) -> Reason:
    """The reason of `base`; in a replay, whether the results of the action are known at this place."""

    def reason(facts: Facts) -> str | None:
        if not facts.replay:
            return base(facts)
        known = action in facts.recorded
        elsewhere = (
            f"{_RECORDED[action]} recorded at this place: {{next_measured}} goes to what was"
        )
        return _session(facts) or (None if known else elsewhere)

    return reason


_asks = _unless(_running, lambda facts: facts.replay, REPLAY)
_step = _unless(
    _asks,
    lambda facts: facts.ended or facts.stopped,
    "the text ends here: {back} goes back, or force a token to go on",
)
_measure = _unless(
    _asks, lambda facts: facts.ended, "the text ends here, nothing comes after it: {back} goes back"
)
_resample = _unless(
    _measure,
    lambda facts: not facts.onward,
    "no text goes on from here to compare with: {back} goes back to a place on a path",
)
_turn = _unless(
    _asks,
    lambda facts: not facts.turns,
    "this prompt is raw, without turns: {prompt} asks again, with a template",
)
_play: Reason = lambda facts: _session(facts) if facts.replay else _step(facts)  # noqa: E731
_export = _unless(_session, lambda facts: facts.replay, "this is a replay: its trace is saved")
_marks = _unless(
    _session, lambda facts: not facts.marks, "nothing is marked yet: {mark} marks this place"
)
_tree = _unless(
    _session,
    lambda facts: facts.pane != "tree",
    "this is done to a row of the tree: {next_pane} goes there",
)
_text = _unless(
    _session, lambda facts: facts.pane != "text", "this moves in the text: {next_pane} goes there"
)
_along = _unless(
    _session,
    lambda facts: facts.pane not in ("text", "strip"),
    "this moves in the text and along the curve: {next_pane} goes there",
)
_back = _unless(
    _session, lambda facts: facts.at_prompt, "this is the prompt: there is nothing before it"
)


def _order(facts: Facts) -> str | None:
    reason = _session(facts)
    if reason is not None or facts.looked or facts.ranked:
        return reason
    if facts.replay:
        return "neither look-ahead nor ranks in a partner were recorded at this place"
    if facts.partner:
        return (
            "the partner has not read up to here, and no candidate was looked at: {look_ahead} does"
        )
    return "no candidate was looked at here yet: {look_ahead} looks at the best ones"


def _forward(facts: Facts) -> str | None:
    reason = _session(facts)
    if reason is not None or facts.onward:
        return reason
    then = "does the next recorded action" if facts.replay else "samples one"
    return f"nothing comes after this token yet: {{step}} {then}"


_candidates = _unless(
    _running, lambda facts: facts.ended, "the text ends here: there are no candidates"
)


def _partner(facts: Facts) -> str | None:
    reason = _session(facts)
    if reason is not None or facts.partner:
        return reason
    if facts.replay:
        return "no partner was recorded at this place"
    return "there is no partner yet: {partner} opens a second model"


def _shift(facts: Facts) -> str | None:
    return (_session(facts) or "the partner is still loading") if facts.pairing else _partner(facts)


def _search(facts: Facts) -> str | None:
    if facts.pane == "strip":
        return "there is nothing to search in this pane: {next_pane} goes to the next"
    return _candidates(facts) if facts.pane == "candidates" else _session(facts)


def _open(facts: Facts) -> str | None:
    if facts.replay:
        return REPLAY
    return "a model is loading: {escape} stops that" if facts.loading else None


def _reload(facts: Facts) -> str | None:
    if facts.replay:
        return REPLAY
    if facts.loading:
        return "the model is still loading: {escape} stops that"
    return None if facts.failed or facts.busy or facts.measuring else "the model runs"


def _pair(facts: Facts) -> str | None:
    if facts.replay:
        return REPLAY
    return "a partner is loading: {escape} stops that" if facts.pairing else None


GENERATE, MOVE, MEASURE, PAIR, PANE, JUMP, LOOK, WORK = (
    "generate",
    "the session",
    "measure",
    "two models",
    "in the pane",
    "jump",
    "look",
    "workbench",
)

# fmt: off
ACTIONS: tuple[Action, ...] = (
    Action("step", ("space",), "sample", "Sample one token.", GENERATE, _play, True),
    Action("greedy", ("g",), "greedy", "Take the most probable token.", GENERATE, _step),
    Action("play", ("p",), "play", "Sample token after token, or pause.", GENERATE, _play, True),
    Action("slower", ("minus",), "slower", "Play fewer tokens a second.", GENERATE, _always),
    Action("faster", ("equals_sign",), "faster", "Play more tokens a second.", GENERATE, _always),
    Action("enter", ("enter",), "force", "Candidates: force the token. Tree, text, curve: go there.",
           GENERATE, _session, True),
    Action("force", ("f",), "text", "Force a text of your own, literally.", GENERATE, _asks, True),
    Action("word", tuple("123456789"), "style", "Force a word of the style palette.",
           GENERATE, _asks, True),
    Action("sampler", ("t",), "sampler", "Temperature, top-k, top-p, min-p, seed.", GENERATE, _asks),

    Action("back", ("left", "h"), "back", "Go one token back; the branch stays.", MOVE, _back, True),
    Action("forward", ("right", "l"), "on", "Go on along the branch last visited.", MOVE, _forward),
    Action("undo", ("u",), "undo", "Take back the last change; tokens never vanish.", MOVE, _session),
    Action("redo", ("U",), "redo", "Do again what was undone.", MOVE, _session),
    Action("mark", ("m",), "mark", "Name this place; the same name here takes it away.", MOVE, _session),
    Action("marks", ("apostrophe",), "marks", "Go to a mark.", MOVE, _marks),
    Action("fold", ("x",), "fold", "Tree: hide what comes after the row, or show it.", MOVE, _tree),
    Action("prune", ("X",), "prune", "Tree: hide the row and all after it; {undo} brings it back.",
           MOVE, _tree),

    Action("rollouts", ("r",), "rollouts", "Draw continuations from here: BF with its interval.",
           MEASURE, _recorded("rollouts", _measure), True),
    Action("resample", ("R",), "sample again", "Sample again from here, against the path that goes on.",
           MEASURE, _recorded("resample", _resample)),
    Action("look_ahead", ("a",), "look-ahead", "BF after each of the best candidates; again: of more.",
           MEASURE, _measure, True),
    Action("order", ("S",), "order", "Candidates: by rank, narrows most, opens most, partner's rank.",
           MEASURE, _order),
    Action("response", ("E",), "response", "What the forced text does to BF, against all kinds of controls.",
           MEASURE, _recorded("response", _running)),

    Action("partner", ("O",), "partner", "Open a second model beside this one, or take it away.", PAIR, _pair),
    Action("shift", ("s",), "shift", "The partner's answer in this model's eyes, or the path in the partner's.",
           PAIR, _shift, True),
    Action("nudge", ("b",), "nudge", "The partner writes where this model is unsure.", PAIR,
           _recorded("nudge", _session), True),

    Action("up", ("up", "k"), "up", "A line up.", PANE, _always),
    Action("down", ("down", "j"), "down", "A line down.", PANE, _always),
    Action("page_up", ("pageup",), "page up", "A page up.", PANE, _always),
    Action("page_down", ("pagedown",), "page down", "A page down.", PANE, _always),
    Action("first", ("home",), "first", "To the beginning.", PANE, _always),
    Action("last", ("G", "end"), "last", "To the end; the text follows the session again.", PANE, _always),
    Action("token_left", ("comma",), "token left", "Text and curve: one token to the left.", PANE, _along),
    Action("token_right", ("full_stop",), "token right", "Text and curve: one token to the right.", PANE,
           _along),
    Action("select_left", ("shift+left",), "select left", "Text: select to the left; {copy} copies.",
           PANE, _text),
    Action("select_right", ("shift+right",), "select right", "Text: select to the right.", PANE, _text),
    Action("select_up", ("shift+up",), "select up", "Text: select a line up.", PANE, _text),
    Action("select_down", ("shift+down",), "select down", "Text: select a line down.", PANE, _text),
    Action("search", ("slash",), "search", "Search: the whole vocabulary, the tree, or the text.",
           PANE, _search),
    Action("next_match", ("n",), "next match", "To the next match.", PANE, _search),
    Action("previous_match", ("N",), "match before", "To the match before.", PANE, _search),

    Action("previous_fork", ("left_square_bracket",), "fork before", "To the fork before.", JUMP, _session),
    Action("next_fork", ("right_square_bracket",), "next fork", "To the next fork.", JUMP, _session),
    Action("previous_peak", ("left_curly_bracket",), "uncertain before", "To the uncertain token before.",
           JUMP, _session),
    Action("next_peak", ("right_curly_bracket",), "next uncertain", "To the next uncertain token.",
           JUMP, _session),
    Action("next_forced", ("exclamation_mark",), "next forced", "To the next forced token, or the first.",
           JUMP, _session),
    Action("previous_measured", ("left_parenthesis",), "measured before",
           "To the place before where something was measured, anywhere in the tree.", JUMP, _session),
    Action("next_measured", ("right_parenthesis",), "next measured",
           "To the next place where something was measured, or the first.", JUMP, _session),

    Action("next_pane", ("tab",), "next pane", "Focus the next pane.", LOOK, _always),
    Action("previous_pane", ("shift+tab",), "pane before", "Focus the pane before.", LOOK, _always),
    Action("zoom", ("z",), "zoom", "Give the pane the whole screen, or back.", LOOK, _always),
    Action("shading", ("w",), "shading", "Text: entropy, surprisal, author, shift, nudge, none.", LOOK, _always),
    Action("curve", ("H",), "entropy/BF", "Curve: entropy or branching factor.", LOOK, _always),
    Action("compare", ("c",), "compare", "Two branches side by side: the path, and the mark or one to choose.",
           LOOK, _session),
    Action("explain", ("K",), "explain", "What the numbers of this pane mean.", LOOK, _session),
    Action("theme", ("T",), "theme", "Choose a theme: each is shown as it is reached.", LOOK, _always),

    Action("prompt", ("i",), "prompt", "Write a prompt: a new root, the old tree stays.", WORK, _model, True),
    Action("turn", ("I",), "turn", "Add a user turn to a chat.", WORK, _turn),
    Action("open", ("o",), "open", "Open another model, with the same prompt.", WORK, _open),
    Action("export", ("e",), "export", "Save the trace.", WORK, _export),
    Action("copy", ("y",), "copy", "Copy the token, the branch or the text.", WORK, _session),
    Action("reload", ("ctrl+r",), "reopen model", "Open the model again; the session stays.", WORK, _reload),
    Action("settings", ("f2",), "settings", "Theme, words, sampler to begin with: kept in config.toml.", WORK,
           _always),
    Action("help", ("question_mark",), "help", "All keys.", WORK, _always, True),
    Action("palette", ("ctrl+p",), "all", "Find an action by name.", WORK, _always, True),
    Action("escape", ("escape",), "stop", "Close what is open, stop work, stop measuring, un-zoom.", WORK, _always),
    Action("interrupt", ("ctrl+c",), "stop work", "Stop work; twice within a second: quit.", WORK, _always),
    Action("suspend", ("ctrl+z",), "suspend", "Hand the terminal back to the shell.", WORK, _always),
    Action("quit", ("q",), "quit", "Quit; with --trace the trace is written.", WORK, _always, True),
)
# fmt: on

BY_ID = {action.id: action for action in ACTIONS}

USUAL = Keymap(
    MappingProxyType({action.id: action.keys for action in ACTIONS}),
    MappingProxyType({action.id: action.name for action in ACTIONS}),
)
"""The keys of whoever did not choose others."""

use(USUAL)


def key_table() -> list[tuple[str, str, str]]:
    """Every key in force as (keys, name, description), in the order of the help."""
    return [(action.shown(), action.name, action.told()) for action in ACTIONS]


def groups() -> dict[str, list[Action]]:
    """The actions under their headings, in order."""
    found: dict[str, list[Action]] = {}
    for action in ACTIONS:
        found.setdefault(action.group, []).append(action)
    return found
