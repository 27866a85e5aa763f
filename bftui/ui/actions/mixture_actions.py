"""Keys of models that are mixed: the weight, BF along it, and a mixture made of the model and its partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core.text import safe
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.ui.actions.pair_actions import has_partner
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.session.commands import SetSampler
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

_STEP = 0.1

mixture = needs.unless(
    needs.asking,
    lambda facts: not facts.mixed,
    "this is one model: {mix} mixes it with a partner, and {open} opens dial:BASE::ALIGNED",
)


def can_mix(facts: ActionFacts) -> str | None:
    """Needs one model and a partner."""
    if facts.mixed:
        return "this is a mixture already: {weight_down} and {weight_up} move its weight"
    return needs.asking(facts) or has_partner(facts)


@action(ActionGroup.MIXTURE, "less_than_sign", name="weight down", needs=mixture)
def weight_down(screen: WorkbenchScreen) -> None:
    """Of a mixture: the weight 0.1 down, towards the base and beyond."""
    screen.workbench.turn_dial(-_STEP)
    screen.expect_work()


@action(ActionGroup.MIXTURE, "greater_than_sign", name="weight up", needs=mixture)
def weight_up(screen: WorkbenchScreen) -> None:
    """Of a mixture: the weight 0.1 up, towards the aligned model and beyond."""
    screen.workbench.turn_dial(_STEP)
    screen.expect_work()


@action(
    ActionGroup.MIXTURE,
    "D",
    name="dial",
    needs=needs.recorded(
        "dial",
        "no dial was",
        needs.unless(
            mixture,
            lambda facts: facts.ended or facts.stopped,
            "the text ends here: {back} goes back",
        ),
    ),
    known=lambda view: view.dialled is not None,
)
def dial(screen: WorkbenchScreen) -> None:
    """Of a mixture: BF along its weight, from here."""
    from bftui.ui.screens.dial_screen import DialScreen

    def left(command: SetSampler | None) -> None:
        if command is not None:
            screen.send(command)

    if screen.now.dialled is None:
        screen.workbench.dial(screen.now.cursor)
    screen.app.push_screen(DialScreen(screen.workbench, screen.now, screen.palette), left)


@action(ActionGroup.MIXTURE, "M", name="mix", needs=can_mix, asks=True)
def mix(screen: WorkbenchScreen) -> None:
    """Open model and partner as one mixture, a dial between them; the tree stays."""
    from bftui.catalog.model_summary import cost_of
    from bftui.formats.mixture_forms import joined

    view, wanted = screen.now, screen.partner_settings
    partner = view.partner
    if partner is None:
        return
    if partner.pair.why:
        screen.warn(f"the two cannot be mixed: {partner.pair.why}")
        return
    form = joined("dial", [screen.workbench.now.source, wanted.model])
    cost = cost_of(form, screen.settings.options)

    def answered(text: str | None) -> None:
        if text is not None and text.strip().lower() in ("y", "yes"):
            screen.workbench.mix(form)
            screen.frame()
        elif text is not None:
            screen.tell(Notice("nothing was opened"))

    told = f"mix with {safe(partner.model.info.name)} ({cost}): y or n"
    screen.ask(told, "y", lambda _text: "the session goes on at weight 0, its own model", answered)
