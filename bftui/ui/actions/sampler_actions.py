"""Keys that change how tokens are drawn: the sampler's screen, and the candidate under the cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BftuiError
from bftui.core.sampler import MOST_BIAS
from bftui.core.text import counted
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionGroup, action
from bftui.workbench.keys import hint
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

_STEP = 1.0
"""What a key adds to a logit: it multiplies the odds by e."""


@action(ActionGroup.DRAWING, "t", name="sampler", needs=needs.asking)
def sampler(screen: WorkbenchScreen) -> None:
    """Temperature, truncation rules, biases, bans and penalties, seed."""
    from bftui.ui.screens.sampler_screen import SamplerScreen

    def chosen(settings: Mapping[str, Any] | None) -> None:
        if settings is not None:
            screen.workbench.sample_with(settings)
            screen.expect_work()

    workbench = screen.workbench
    screen.app.push_screen(
        SamplerScreen(screen.now, workbench.previews, workbench.effects, screen.palette), chosen
    )


@action(ActionGroup.DRAWING, "P", name="schedule", needs=needs.asking, asks=True)
def schedule(screen: WorkbenchScreen) -> None:
    """Windows of positions with other settings, as 0 8 temperature=2; 8 end 1: of a mixture a weight needs no name."""
    from bftui.core.schedule import Schedule
    from bftui.trace.schedule_file import typed_schedule
    from bftui.ui.screens.line_screen import LineScreen

    now = screen.now.sampler

    def told(text: str) -> str:
        if not text.strip():
            return "FROM TO NAME=VALUE, or a weight; ; between windows; TO may be end · a TOML file · none"
        try:
            found = typed_schedule(text)
            found.applied(now)
        except BftuiError as error:
            return error.line()
        if not found.windows:
            return "enter takes the windows away" if now.windows else "there are no windows"
        return f"{counted(len(found.windows), 'window')} of positions after the prompt, from 0"

    def taken(text: str | None) -> None:
        if text is None or not text.strip():
            return
        try:
            found = typed_schedule(text)
            found.applied(now)
        except BftuiError as error:
            screen.warn(error.line())
            return
        screen.workbench.sample_with(found.settings())
        screen.expect_work()

    offered = "; ".join(Schedule.of(now).lines())
    screen.app.push_screen(LineScreen("windows", offered, told, screen.palette), taken)


@action(ActionGroup.DRAWING, "d", name="ban", needs=needs.next_token)
def ban(screen: WorkbenchScreen) -> None:
    """Candidates: never draw this token, or draw it again."""
    _turn(screen, "banned", "pinned", "is banned: it is never drawn")


@action(ActionGroup.DRAWING, "L", name="pin", needs=needs.next_token)
def pin(screen: WorkbenchScreen) -> None:
    """Candidates: have no truncation rule remove this token, or rules remove it again."""
    _turn(screen, "pinned", "banned", "is pinned: no truncation rule removes it")


@action(ActionGroup.DRAWING, "plus", name="bias up", needs=needs.next_token)
def bias_up(screen: WorkbenchScreen) -> None:
    """Candidates: add 1 to the logit of this token."""
    _bias(screen, _STEP)


@action(ActionGroup.DRAWING, "underscore", name="bias down", needs=needs.next_token)
def bias_down(screen: WorkbenchScreen) -> None:
    """Candidates: take 1 from the logit of this token."""
    _bias(screen, -_STEP)


def _chosen(screen: WorkbenchScreen) -> int | None:
    """The token under the cursor of the candidates, or None and it says why not."""
    token_id = screen.candidates.chosen()
    if token_id is None:
        screen.warn("no candidate is selected")
    return token_id


def _turn(screen: WorkbenchScreen, setting: str, other: str, told: str) -> None:
    """Adds a token to a list, and takes it out of the other one; takes it out where it is there."""
    token_id = _chosen(screen)
    if token_id is None:
        return
    sampler = screen.now.sampler
    before, opposite = getattr(sampler, setting), getattr(sampler, other)
    taken = token_id in before
    changes: dict[str, Any] = {
        setting: tuple(each for each in before if each != token_id)
        if taken
        else (*before, token_id)
    }
    if token_id in opposite:
        changes[other] = tuple(each for each in opposite if each != token_id)
    _apply(screen, changes, token_id, f"is no longer {setting}" if taken else told)


def _bias(screen: WorkbenchScreen, by: float) -> None:
    token_id = _chosen(screen)
    if token_id is None:
        return
    before = dict(screen.now.sampler.bias)
    value = max(-MOST_BIAS, min(before.pop(token_id, 0.0) + by, MOST_BIAS))
    after = (*before.items(), *(((token_id, value),) if value else ()))
    told = f"has a bias of {value:+g}" if value else "has no bias"
    _apply(screen, {"bias": after}, token_id, told)


def _apply(screen: WorkbenchScreen, changes: dict[str, Any], token_id: int, told: str) -> None:
    screen.workbench.sample_with(changes)
    screen.expect_work()
    name = screen.now.label(token_id)
    screen.tell(Notice(f"{name} {told}; {hint('{sampler} shows all')}"))
