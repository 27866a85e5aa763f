"""Keys that make tokens: sample, take the best, play, force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError, UsageError
from bftui.core.sampler import Constraint
from bftui.core.text import counted, label, safe
from bftui.session import commands
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.workbench.keys import hint
from bftui.workbench.settings import LONGEST_S
from bftui.workbench.snapshot import Notice
from bftui.workbench.workbench_state import RECORDED

if TYPE_CHECKING:
    from bftui.ui.screens.workbench_screen import WorkbenchScreen


def can_play(facts: ActionFacts) -> str | None:
    """Needs a text that goes on, or a replay."""
    return needs.session(facts) if facts.replay else needs.next_token(facts)


@action(ActionGroup.GENERATE, "space", name="sample", needs=can_play, short=True)
def step(screen: WorkbenchScreen) -> None:
    """Sample one token."""
    screen.send(commands.Step())


@action(ActionGroup.GENERATE, "g", name="greedy", needs=needs.next_token)
def greedy(screen: WorkbenchScreen) -> None:
    """Take the most probable token."""
    screen.send(commands.Greedy())


@action(ActionGroup.GENERATE, "p", name="play", needs=can_play, short=True)
def play(screen: WorkbenchScreen) -> None:
    """Sample token after token, or pause."""
    screen.workbench.play(not screen.workbench.now.playing)
    screen.frame()


@action(ActionGroup.GENERATE, "minus", name="slower")
def slower(screen: WorkbenchScreen) -> None:
    """Play fewer tokens a second."""
    _pace(screen, -1)


@action(ActionGroup.GENERATE, "equals_sign", name="faster")
def faster(screen: WorkbenchScreen) -> None:
    """Play more tokens a second."""
    _pace(screen, 1)


@action(ActionGroup.GENERATE, "B", name="breakpoints", needs=needs.asking, asks=True)
def breakpoints(screen: WorkbenchScreen) -> None:
    """Where {play} stops by itself: uncertainty, BF, a token, a text, a fork with the partner, an expression."""
    from bftui.session.breakpoints import Breakpoint, changed_by
    from bftui.ui.screens.line_screen import LineScreen

    known = [each.written for each in screen.now.session.state.view.breakpoints]

    def told(text: str) -> str:
        now = f"now: {', '.join(known) or 'none'}"
        if not text.strip():
            forms = "entropy>2.5 bf>8 token:T text:T fork regex:R"
            return f"{now} · {'the same again takes it away' if known else forms}"
        try:
            made, word = changed_by(known, text)
        except UsageError as error:
            return error.line()
        alone = not screen.facts().partner and Breakpoint("fork").written in made
        return f"{now} · enter {word}" + (hint("; there is no partner: {partner}") if alone else "")

    def taken(text: str | None) -> None:
        if text is None or not text.strip():
            return
        try:
            made, _ = changed_by(known, text)
        except UsageError as error:
            screen.warn(error.line())
            return
        screen.send(commands.SetBreakpoints(made))
        listed = ", ".join(made)
        screen.tell(Notice(hint(f"{{play}} stops at {listed}") if made else "no breakpoints"))

    line = LineScreen("stop playing at", "", told, screen.palette)
    screen.app.push_screen(line, taken)


@action(ActionGroup.GENERATE, "C", name="constraint", needs=needs.asking, asks=True)
def constraint(screen: WorkbenchScreen) -> None:
    """What the text must be from here on: a regular expression, or a file with a JSON schema or a Lark grammar."""
    from bftui.model.constraint_file import typed_constraint
    from bftui.ui.drawing.line_builder import fit
    from bftui.ui.screens.line_screen import LineScreen, Switch

    now = screen.now
    depth, begins = now.tree.depth(now.cursor), ["here"]

    def made(text: str) -> Constraint:
        found = typed_constraint(text)
        return replace(found, start=depth) if found and begins == ["here"] else found

    def told(text: str) -> str:
        if not text.strip():
            known = now.sampler.constraint
            kept = fit(safe(known.text), 24) if known.kind == "regex" else known.called
            return f"now: {kept} · an expression for the whole text, blanks included; a file; none"
        try:
            found = made(text)
        except BftuiError as error:
            return error.line()
        if not found:
            return "enter takes it away" if now.sampler.constraint else "there is none"
        wrong = screen.workbench.constraints.ask(found)
        if wrong is None:
            return "…"
        return wrong or f"a {found.called} of {counted(len(found.text), 'character')}"

    def turn() -> None:
        begins[0] = "the prompt" if begins == ["here"] else "here"

    def taken(text: str | None) -> None:
        if text is None or not text.strip():
            return
        try:
            screen.send(commands.SetSampler(constraint=made(text)))
        except BftuiError as error:
            screen.warn(error.line())

    switch = Switch(lambda: f"from {begins[0]} on", turn)
    line = LineScreen("the text must be", "", told, screen.palette, switch=switch)
    screen.app.push_screen(line, taken)


def _pace(screen: WorkbenchScreen, by: int) -> None:
    workbench = screen.workbench
    workbench.set_rate(workbench.now.rate + by)
    rate, replays = workbench.rates[workbench.now.rate], workbench.now.played is not None
    told = "as fast as it goes" if replays else "as fast as the model goes"
    if rate == RECORDED:
        told = f"as it was recorded, pauses of at most {LONGEST_S:g} s"
    elif rate:
        told = f"{counted(int(rate), 'action' if replays else 'token')} a second"
    screen.tell(Notice(f"play: {told}"))


@action(ActionGroup.GENERATE, "enter", name="force", needs=needs.session, short=True)
def enter(screen: WorkbenchScreen) -> None:
    """Candidates: force the token. Tree, text, curve: go there."""
    pane = screen.pane()
    if pane is screen.candidates:
        _force_chosen(screen)
    elif (target := pane.target()) is not None:
        screen.send(commands.Goto(target))


def _force_chosen(screen: WorkbenchScreen) -> None:
    token, facts, taken = screen.candidates.chosen(), screen.facts(), screen.now.taken()
    if facts.replay and token in taken:
        screen.send(commands.Goto(taken[token]))
    elif (reason := force.why_not(facts)) is not None:
        screen.warn(reason)
    elif token is not None:
        screen.candidates.wanted = ""
        screen.send(commands.ForceIds((token,)))
    elif facts.ended:
        screen.warn(hint("the text ends here: {back} goes back, {force} forces a text"))


@action(ActionGroup.GENERATE, "f", name="text", needs=needs.asking, short=True, asks=True)
def force(screen: WorkbenchScreen) -> None:
    """Force a text of your own, literally."""
    from bftui.ui.screens.line_screen import LineScreen, Switch

    def tokens_of(text: str) -> str:
        if not text:
            return "literal: nothing is added or cut, so a word mostly wants a space before it"
        tokens = screen.workbench.splits.ask((text, screen.special))
        if tokens is None:
            return "…"
        shown = " ".join(label(data) for data, _ in tokens)
        control = sum(special for _, special in tokens)
        of_them = f", {control} of them control" if control else ""
        return f"{counted(len(tokens), 'token')}{of_them}: {shown}"

    def turn() -> None:
        screen.special = "tokens" if screen.special == "text" else "text"

    def forced(text: str | None) -> None:
        if text:
            screen.send(commands.Force(text, screen.special))

    switch = Switch(lambda: f"special: {screen.special}", turn)
    line = LineScreen("force text", "", tokens_of, screen.palette, lines=True, switch=switch)
    screen.app.push_screen(line, forced)


@action(
    ActionGroup.GENERATE, *"123456789", name="style", needs=needs.asking, short=True, numbered=True
)
def word(screen: WorkbenchScreen, number: str = "") -> None:
    """Force a word of the style palette."""
    words = screen.words
    if not number:
        listed = " ".join(
            f"{place} {shown_word(screen, each)}" for place, each in enumerate(words, 1)
        )
        screen.tell(Notice(f"forces a word: {listed}"))
    elif int(number) > len(words):
        screen.warn(f"the palette has {len(words)} words")
    else:
        force_words(screen, words[int(number) - 1])


def shown_word(screen: WorkbenchScreen, text: str) -> str:
    """Gives a palette word as it would be forced here: a space before it is shown."""
    session = screen.view.session if screen.view is not None else None
    return label((text if session is None else session.model_tree.spaced(text)).encode())


def force_words(screen: WorkbenchScreen, text: str) -> None:
    """Forces a text with the space before it that it needs, or says why not."""
    if (reason := force.why_not(screen.facts())) is not None:
        screen.warn(reason)
        return
    screen.workbench.force_word(text)
    screen.expect_work()
