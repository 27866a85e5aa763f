"""Keys around the session and the program: prompts, models, files, and the end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.core.errors import Cancelled
from bftui.core.text import counted, label
from bftui.session import commands
from bftui.ui.actions import needs
from bftui.ui.actions.action import ActionFacts, ActionGroup, action
from bftui.ui.actions.pane_actions import end_search
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bftui.model.prompt import Prompt
    from bftui.session.session import Session
    from bftui.ui.screens.workbench_screen import WorkbenchScreen

LIMIT = 74_994
"""Bytes that fit into an escape sequence of 100,000 in base64: terminals drop longer ones without a word."""

_TWICE_S = 1.0
"""Within which the second interruption quits."""

in_template = needs.unless(
    needs.asking,
    lambda facts: not facts.turns,
    "this prompt is raw, without turns: {prompt} asks again, with a template",
)
can_export = needs.unless(
    needs.session, lambda facts: facts.replay, "this is a replay: its trace is saved"
)


def can_open(facts: ActionFacts) -> str | None:
    """Needs that no model is being opened."""
    if facts.replay:
        return needs.REPLAY
    return "a model is loading: {escape} stops that" if facts.loading else None


def can_reload(facts: ActionFacts) -> str | None:
    """Needs a model that ended or is at work."""
    if facts.replay:
        return needs.REPLAY
    if facts.loading:
        return "the model is still loading: {escape} stops that"
    return None if facts.failed or facts.busy or facts.measuring else "the model runs"


@action(ActionGroup.WORK, "i", name="prompt", needs=needs.model, short=True, asks=True)
def prompt(screen: WorkbenchScreen) -> None:
    """Write a prompt: a new root, the old tree stays."""
    from bftui.ui.screens.prompt_screen import PromptScreen

    workbench = screen.workbench
    before = workbench.now.refused or (
        workbench.now.session.prompt if workbench.now.session else workbench.now.prompt
    )

    def prompted(written: Prompt | None) -> None:
        if written is not None:
            workbench.set_prompt(written)
            screen.expect_work()

    editor = PromptScreen(before or screen.settings.frame, workbench, screen.palette)
    screen.app.push_screen(editor, prompted)


@action(ActionGroup.WORK, "I", name="turn", needs=in_template, asks=True)
def turn(screen: WorkbenchScreen) -> None:
    """Add a user turn to a chat."""
    from bftui.ui.screens.turn_screen import TurnScreen

    def added(text: str | None) -> None:
        if text:
            screen.send(commands.AddTurn(text))

    screen.app.push_screen(TurnScreen(screen.palette), added)


@action(ActionGroup.WORK, "o", name="open", needs=can_open, asks=True)
def open_(screen: WorkbenchScreen) -> None:
    """Open another model, with the same prompt."""
    from bftui.catalog.model_summary import PlannedOpening
    from bftui.ui.screens.open_screen import OpenScreen

    def opened(model: str | None) -> None:
        if model:
            screen.workbench.open_other(model)
            screen.frame()

    settings, source = screen.settings, screen.workbench.now.source
    opening = PlannedOpening.of(settings.options, settings.backend, source)
    screen.app.push_screen(OpenScreen(source, screen.palette, opening=opening), opened)


@action(ActionGroup.WORK, "e", name="export", needs=can_export, asks=True)
def export(screen: WorkbenchScreen) -> None:
    """Save the trace."""
    if screen.settings.trace is not None:
        screen.workbench.export(screen.settings.trace)
        screen.expect_work()
        return

    def does(text: str) -> str:
        # `os.path` where `Path` would raise: for users that do not exist and names that are too long.
        path = os.path.expanduser(text)
        if not text or os.path.isdir(path):
            return "the file to write"
        return "replaces the file that is there" if os.path.exists(path) else "a new file"

    def exported(text: str | None) -> None:
        if text:
            screen.workbench.export(Path(os.path.expanduser(text)))
            screen.expect_work()

    name = screen.workbench.now.model.info.name if screen.workbench.now.model else "bftui"
    default = "".join(c if c.isalnum() or c in "-_" else "-" for c in name) + "-trace.json"
    screen.ask("save the trace to", default, does, exported)


@action(ActionGroup.WORK, "y", name="copy", needs=needs.session)
def copy(screen: WorkbenchScreen) -> None:
    """Copy the token, the branch or the text."""
    found = _to_copy(screen, screen.now.session)
    if found is None:
        screen.warn("there is nothing to copy here")
        return
    text, what = found
    kept, told = copied(text, what, os.environ)
    screen.app.copy_to_clipboard(kept)
    screen.tell(Notice(told))


def _to_copy(screen: WorkbenchScreen, session: Session) -> tuple[str, str] | None:
    """Gives the text to copy of the pane in focus, and what it is."""
    pane, text = screen.pane(), screen.text_pane
    if pane is screen.candidates:
        token = screen.candidates.chosen()
        return None if token is None else _token_to_copy(session, token)
    if pane is text and (chosen := text.selection) is not None:
        selected = text.selected_bytes().decode(errors="replace")
        return selected, f"the {counted(len(chosen), 'token')} selected"
    if pane is text and text.away and (node := text.target()) is not None:
        token = session.tree.token_id(node)
        if token is not None:
            return _token_to_copy(session, token)
    in_tree = pane is screen.tree_pane
    node = screen.tree_pane.target() if in_tree else session.cursor
    if written := session.text(node):
        return written, "the branch" if in_tree else "the text after the prompt"
    return session.prompt.text, "the prompt"


def _token_to_copy(session: Session, token: int) -> tuple[str, str]:
    from bftui.ui.drawing.line_builder import fit

    data = session.model.token_bytes(token)
    return data.decode(errors="replace"), f"the token {fit(label(data[:80]), 20)}"


@action(ActionGroup.WORK, "ctrl+r", name="reopen model", needs=can_reload)
def reload(screen: WorkbenchScreen) -> None:
    """Open the model again; the session stays."""
    screen.workbench.reload()
    screen.frame()


@action(ActionGroup.WORK, "f2", name="settings")
def settings(screen: WorkbenchScreen) -> None:
    """Theme, words, sampler to begin with: kept in config.toml."""
    from bftui.ui.screens.settings_screen import SettingsScreen

    shading, colors = screen.text_pane.shading.value, screen.terminal_colors
    dialog = SettingsScreen(screen.palette, screen.settings, screen.workbench, shading, colors)
    screen.app.push_screen(dialog)


@action(ActionGroup.WORK, "question_mark", name="help", short=True)
def help_(screen: WorkbenchScreen) -> None:
    """All keys."""
    from bftui.ui.screens.help_screen import HelpScreen

    screen.app.push_screen(HelpScreen(screen.palette, screen.words))


@action(ActionGroup.WORK, "ctrl+p", name="all", short=True)
def palette(screen: WorkbenchScreen) -> None:
    """Find an action by name."""
    screen.app.action_command_palette()


@action(ActionGroup.WORK, "escape", name="stop")
def escape(screen: WorkbenchScreen) -> None:
    """Close what is open, stop work, stop measuring, un-zoom."""
    workbench = screen.workbench
    if screen.notice.notice is not None:
        screen.notice.tell(None)
    elif end_search(screen):
        return
    elif workbench.cancel() or workbench.stop_partner() or workbench.stop_experiments():
        screen.frame()
    elif screen.zoomed:
        screen.zoom_to(None)


@action(ActionGroup.WORK, "ctrl+c", name="stop work")
def interrupt(screen: WorkbenchScreen) -> None:
    """Stop work; twice within a second: quit."""
    now = time.monotonic()
    if now - screen.interrupted < _TWICE_S:
        screen.app.exit(return_code=Cancelled.exit_code)
        return
    screen.interrupted = now
    screen.workbench.interrupt()
    screen.frame()
    screen.tell(Notice("stopped; ctrl+c again quits"))


@action(ActionGroup.WORK, "ctrl+z", name="suspend")
def suspend(screen: WorkbenchScreen) -> None:
    """Hand the terminal back to the shell."""
    screen.app.action_suspend_process()


@action(ActionGroup.WORK, "q", name="quit", short=True)
def quit_(screen: WorkbenchScreen) -> None:
    """Quit; with --trace the trace is written."""
    screen.app.exit(return_code=0)


def copied(text: str, what: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Gives the text to hand to the terminal, and a sentence that says what that is.

    Args:
        text: everything that is meant.
        what: its name, safe to draw.
        environ: tells whether the terminal is within tmux, which passes nothing on unless it is told to.
    """
    data = text.encode(errors="replace")
    kept = data[:LIMIT].decode(errors="ignore")
    told = f"copied {what}, {counted(len(text), 'character')}"
    if len(data) > LIMIT:
        told = f"copied the first {counted(len(kept), 'character')} of {len(text):,} of {what}"
        told += ": terminals take no more"
    if "TMUX" in environ:
        told += " (tmux passes it on with set-clipboard on)"
    return kept, told
