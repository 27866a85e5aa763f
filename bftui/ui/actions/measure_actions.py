"""Keys that measure: what they start goes on beside everything else, and moves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError
from bftui.session.commands import Goto
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.workbench import jumps
from bftui.workbench.keys import hint
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.session.commands import OpenRollout
    from bftui.ui.screens.workbench_screen import WorkbenchScreen
    from bftui.ui.view import View
    from bftui.workbench.rollout_series import Rolled
    from bftui.workbench.valid_shown import AskedSet

can_measure = needs.unless(
    needs.asking,
    lambda facts: facts.ended,
    "the text ends here, nothing comes after it: {back} goes back",
)
can_compare = needs.unless(
    can_measure,
    lambda facts: not facts.onward,
    "no text goes on from here to compare with: {back} goes back to a place on a path",
)


def can_order(facts: ActionFacts) -> str | None:
    """Needs something to order candidates by."""
    reason = needs.session(facts)
    if reason is not None or facts.looked or facts.ranked:
        return reason
    if facts.replay:
        return "neither look-ahead nor ranks in a partner were recorded at this place"
    if facts.partner:
        return (
            "the partner has not read up to here, and no candidate was looked at: {look_ahead} does"
        )
    return "no candidate was looked at here yet: {look_ahead} looks at the best ones"


# Rollouts ------------------------------------------------------------------------------------------------------


@action(
    ActionGroup.MEASURE,
    "r",
    name="rollouts",
    needs=needs.recorded("rollouts", "no rollouts were", can_measure),
    known=lambda view: view.rolled is not None and not view.rolled.resampled,
    short=True,
)
def rollouts(screen: WorkbenchScreen) -> None:
    """Draw continuations from here: BF with its interval."""
    known = screen.now.rolled
    if known is None or known.resampled or known.stopped:
        size = screen.rollout_size
        screen.workbench.roll(size.samples, size.horizon, screen.now.cursor)
    _show_rollouts(screen, resample=False)


@action(
    ActionGroup.MEASURE,
    "R",
    name="sample again",
    needs=needs.recorded("resample", "no rollouts of another text from here were", can_compare),
    known=lambda view: view.rolled is not None and view.rolled.resampled,
)
def resample(screen: WorkbenchScreen) -> None:
    """Sample again from here, against the path that goes on."""
    view = screen.now
    known = view.rolled
    if known is None or known.stopped or not _same_path(view, known):
        screen.workbench.resample(screen.rollout_size.samples, view.cursor)
    _show_rollouts(screen, resample=True)


def _same_path(view: View, known: Rolled) -> bool:
    """Whether rollouts are compared with the path that goes on from the cursor now."""
    if not known.settings.original:
        return False
    nodes, place = jumps.line(view.tree, view.cursor)
    ids = tuple(view.tree.token_id(node) for node in nodes[place + 1 :])
    return known.settings.original == ids


def _show_rollouts(screen: WorkbenchScreen, *, resample: bool) -> None:
    from bftui.ui.screens.rollouts_screen import RolloutsScreen

    def left(command: OpenRollout | None) -> None:
        if command is not None:
            screen.send(command)

    size = screen.rollout_size
    screen.app.push_screen(
        RolloutsScreen(screen.workbench, screen.now, screen.palette, size, resample=resample), left
    )


# The tree of continuations -------------------------------------------------------------------------------------


@action(
    ActionGroup.MEASURE,
    "A",
    name="grow",
    needs=needs.recorded("grow", "no tree was", can_measure),
    known=lambda view: view.grown is not None,
)
def grow(screen: WorkbenchScreen) -> None:
    """All continuations from here as a tree that grows, the most probable first, with exact bounds of its BF."""
    from bftui.ui.screens.grown_screen import GrownScreen, asked_for

    def left(command: OpenRollout | None) -> None:
        if command is not None:
            screen.send(command)

    view, size = screen.now, screen.tree_size
    # Of a tree that was recorded the numbers are there, but no tree that could grow on.
    known = view.grown is not None and bool(view.grown.rows)
    if not known and screen.workbench.source.can("measure"):
        screen.workbench.grow(view.cursor, asked_for(size))
    screen.app.push_screen(GrownScreen(screen.workbench, view, screen.palette, size), left)


# Candidates ----------------------------------------------------------------------------------------------------


@action(ActionGroup.MEASURE, "a", name="look-ahead", needs=can_measure, short=True)
def look_ahead(screen: WorkbenchScreen) -> None:
    """BF after each of the best candidates; again: of more."""
    screen.workbench.look_ahead()
    screen.expect_work()


@action(ActionGroup.MEASURE, "S", name="order", needs=can_order)
def order(screen: WorkbenchScreen) -> None:
    """Candidates: by rank, narrows most, opens most, partner's rank."""
    from bftui.ui.panes.candidates_pane import BY_AHEAD

    pane = screen.candidates
    pane.next_order()
    told = pane.order.value
    if pane.order in BY_AHEAD:
        told += ": only candidates that were looked at"
    screen.tell(Notice(f"candidates {told}"))


# Response ------------------------------------------------------------------------------------------------------


@action(
    ActionGroup.MEASURE,
    "E",
    name="response",
    needs=needs.recorded("response", "no response to a forced text was", needs.running),
    known=lambda view: view.responded is not None,
)
def response(screen: WorkbenchScreen) -> None:
    """What the forced text does to BF, against texts like it; goes on with what was stopped."""
    view = screen.now
    found = view.responded
    if found is not None:
        _show_response(screen, found.node, found.settings.token_ids, found.end)
        return
    forced = jumps.forced_text(view.session, view.path.nodes)
    if forced is None:
        screen.warn(
            hint(
                "no text was forced on this path: {word} and {force} force one, and {enter} a candidate"
            )
        )
        return
    start, end = forced
    if view.tree.eog(end):
        screen.warn("the forced text ends the text: nothing comes after it")
        return
    _show_response(screen, start, jumps.ids_between(view.tree, start, end), end)


@action(
    ActionGroup.MEASURE,
    "W",
    name="all words",
    needs=needs.recorded("all_words", "no responses to all words were", can_measure),
    known=lambda view: view.worded is not None,
)
def all_words(screen: WorkbenchScreen) -> None:
    """Which word of the style palette narrows most here, in the partner too."""
    from bftui.ui.screens.words_screen import WordsScreen

    def left(chosen: tuple[int, tuple[int, ...], int] | None) -> None:
        if chosen is None:
            return
        node, ids, end = chosen
        if screen.now.cursor != end:
            screen.send(Goto(end))
        # What was drawn for the table is not drawn again.
        screen.workbench.respond(node, ids, end)
        _show_response(screen, node, ids, end)

    words = tuple(screen.words)
    screen.app.push_screen(WordsScreen(screen.workbench, screen.now, screen.palette, words), left)


def _show_response(screen: WorkbenchScreen, node: int, ids: tuple[int, ...], end: int) -> None:
    from bftui.ui.screens.response_screen import ResponseScreen

    now, view = screen.workbench.now, screen.now
    # Where it waits to be asked, how much is drawn can be changed before.
    if now.automatic or (end, view.in_force) in now.measured.responses:
        screen.workbench.respond(node, ids, end)
    screen.app.push_screen(ResponseScreen(screen.workbench, view, screen.palette, node, ids, end))


def set_response(screen: WorkbenchScreen, on: bool) -> None:
    """Sets whether a forced text is measured without being asked for."""
    screen.workbench.respond_by_itself(on)
    told = "every forced text is measured" if on else hint("{response} measures a forced text")
    screen.tell(Notice(f"response {'auto' if on else 'off'}: {told}"))


# Valid answers -------------------------------------------------------------------------------------------------


def can_load(facts: ActionFacts) -> str | None:
    """Needs a model; of a replay, a set that was recorded."""
    if facts.replay:
        return needs.recorded("valid", "no valid set was", needs.session)(facts)
    if facts.loading:
        return "the model is still loading"
    return needs.running(facts) if facts.session else needs.model(facts)


@action(
    ActionGroup.MEASURE,
    "v",
    name="valid set",
    needs=can_load,
    known=lambda view: view.valid is not None,
)
def valid(screen: WorkbenchScreen) -> None:
    """Valid answers from here: validity, diversity, order, shape."""
    if screen.view is not None and screen.view.valid is not None:
        _show_valid(screen)
    else:
        _choose_valid(screen)


def _show_valid(screen: WorkbenchScreen) -> None:
    from bftui.ui.screens.valid_screen import ValidScreen

    def left(another: bool | None) -> None:
        if another:
            _choose_valid(screen)

    screen.app.push_screen(ValidScreen(screen.workbench, screen.now, screen.palette), left)


def _choose_valid(screen: WorkbenchScreen) -> None:
    from bftui.ui.screens.valid_choice_screen import ValidChoiceScreen

    view = screen.view
    known = None if view is None else view.valid
    where = (
        "There is no prompt yet: the set asks its own question."
        if view is None
        else "Answers begin at the cursor."
    )

    def chosen(asked: AskedSet | None) -> None:
        if asked is None:
            return
        if screen.view is None:
            _ask_valid(screen, asked)
            return
        if screen.now.session.ended:
            screen.warn(hint("the text ends here, no answer begins: {back} goes back"))
            return
        screen.workbench.calibrate(asked, screen.now.cursor)
        screen.expect_work()
        _show_valid(screen)

    typed = "" if known is None else known.asked.typed
    screen.app.push_screen(ValidChoiceScreen(screen.palette, typed, where), chosen)


def _ask_valid(screen: WorkbenchScreen, asked: AskedSet) -> None:
    """Asks the set's own question, and measures what comes after it."""
    from bftui.core.valid.set_questions import question_of
    from bftui.trace.valid_files import parse_valid, read_answers

    try:
        question = question_of(parse_valid(asked.name, read_answers))
    except BftuiError as error:
        screen.warn(error.line())
        return
    if question is None:
        screen.warn(hint("this set has no question of its own: {prompt} writes the prompt"))
        return
    screen.workbench.set_prompt(replace(screen.settings.frame, text=question))
    screen.workbench.calibrate(asked)
    screen.tell(Notice(hint(f"“{question}” is asked; {{valid}} shows its answers")))
    screen.expect_work()
