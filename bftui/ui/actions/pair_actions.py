"""Keys that need a second model: open it, look where the two differ, have both write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.text import counted, label, safe
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.workbench.keys import key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.screens.shift_screen import PartnerChoice
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

_TEXT = 24
"""Cells of a token in a notice."""


def can_pair(facts: ActionFacts) -> str | None:
    """Needs a model, and no partner that is being opened."""
    if facts.replay:
        return needs.REPLAY
    return "a partner is loading: {escape} stops that" if facts.pairing else None


def has_partner(facts: ActionFacts) -> str | None:
    """Needs a partner."""
    reason = needs.session(facts)
    if reason is not None or (facts.partner and not facts.pairing):
        return reason
    if facts.pairing:
        return "the partner is still loading"
    if facts.replay:
        return "no partner was recorded at this place"
    return "there is no partner yet: {partner} opens a second model"


@action(ActionGroup.PAIR, "O", name="partner", needs=can_pair, asks=True)
def partner(screen: WorkbenchScreen) -> None:
    """Open a second model beside this one, or take it away."""
    from bftui.catalog.model_summary import PlannedOpening
    from bftui.ui.screens.open_screen import OpenScreen

    wanted = screen.partner_settings
    paired = screen.workbench.now.paired

    def opened(model: str | None) -> None:
        if model:
            screen.partner_settings = replace(wanted, model=model)
            screen.workbench.open_partner(screen.partner_settings)
            screen.expect_work()
        elif model == "" and paired.ready:
            screen.workbench.part()
            screen.expect_work()

    none = f"no partner: close {safe(paired.name)}" if paired.ready else ""
    source = wanted.model or screen.workbench.now.source
    title = "open a partner beside this model"
    opening = PlannedOpening.of(wanted.options, wanted.backend, source)
    dialog = OpenScreen(source, screen.palette, title, opening=opening, none=none)
    screen.app.push_screen(dialog, opened)


@action(ActionGroup.PAIR, "s", name="shift", needs=has_partner, short=True)
def shift(screen: WorkbenchScreen) -> None:
    """The partner's answer in this model's eyes, or the path in the partner's."""
    from bftui.ui.drawing.line_builder import fit
    from bftui.ui.screens.shift_screen import ShiftScreen

    def left(chosen: PartnerChoice | None) -> None:
        if chosen is None:
            return
        if chosen.answered:
            screen.workbench.force_answer(chosen.node, chosen.index)
            text = f"“{fit(label(chosen.text), _TEXT)}” forced"
            if chosen.after:
                text += f" after {counted(chosen.after, 'token')} of the partner's answer"
            screen.tell(Notice(text))
        else:
            screen.workbench.force_partners(chosen.node)
        screen.expect_work()

    screen.app.push_screen(ShiftScreen(screen.workbench, screen.now, screen.palette), left)


@action(
    ActionGroup.PAIR,
    "b",
    name="nudge",
    needs=needs.recorded("nudge", "no nudging was", needs.session),
    known=lambda view: view.paired.nudged is not None,
    short=True,
)
def nudge(screen: WorkbenchScreen) -> None:
    """The partner writes where this model is unsure."""
    from bftui.ui.screens.nudge_screen import NudgeScreen

    def left(gamma: float | None) -> None:
        if gamma is not None:
            screen.text_pane.gamma = gamma
            screen.text_pane.redraw()

    gamma = screen.text_pane.gamma
    screen.app.push_screen(NudgeScreen(screen.workbench, screen.now, screen.palette, gamma), left)


def swap_words(screen: WorkbenchScreen) -> None:
    """Has the keys 1 to 9 force how the partner's answers begin, or the palette's own words again."""
    own = screen.words is screen.settings.words
    screen.words = screen.workbench.now.paired.words if own else screen.settings.words
    whose = "the partner's beginnings" if own else "your words"
    listed = " · ".join(label(word.encode()) for word in screen.words)
    screen.tell(Notice(f"{key('word')} force {whose}: {listed}"))
