"""`bftui record`: the session of the workbench, without a screen."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import Interruption
from bftui.cli.shared.opening import measured_noise, open_session, to_file
from bftui.cli.shared.resume_options import ResumeFrom, reopened
from bftui.core.definitions import BF_PATH
from bftui.core.errors import BftuiError, Cancelled, InputError, InvalidToken, UsageError

if TYPE_CHECKING:
    from bftui.model.prompt import Special
    from bftui.session.breakpoint_judge import Reached
    from bftui.session.commands import Command
    from bftui.session.session import Session
    from bftui.trace.reading import TraceFile


@o.unfolded
def record(
    *,
    model: o.ModelOrNone = None,
    force: Annotated[
        str | None, typer.Option(help="Text to force before the first step, literally.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=0, help="Tokens to generate [default: 64, with --actions or --like 0]."),
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Take the best token, do not sample.")
    ] = False,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Stop where this holds: entropy>2.5, bf>8, token:Sure, text:However, fork (with --partner) or "
            "regex:\\d+; may be given several times.",
        ),
    ] = None,
    ignore_eos: Annotated[
        bool, typer.Option("--ignore-eos", help="Go on after an end of generation.")
    ] = False,
    actions: Annotated[
        Path | None, typer.Option(help="JSON list of actions, carried out before the steps.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="TRACE",
            help="Do the actions of a trace, with its prompt and sampler, before the steps.",
        ),
    ] = None,
    resuming: ResumeFrom,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the trace here.")
    ] = None,
    options: o.SessionOptions,
    partner: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A second model that reads along: any MODEL form."),
    ] = None,
    second: o.PartnerOptions,
    as_json: o.Json = False,
) -> int:
    """Force, step and branch without a screen, and save the trace.

    Prints the text and its branching factor; with --json the trace.
    """
    from bftui.core.text import counted, escaped_json
    from bftui.session.breakpoints import Breakpoint
    from bftui.session.commands import Force
    from bftui.session.session_steps import steps_until

    conditions = [Breakpoint.parse(each) for each in until or ()]
    saved = resuming.saved(options.question, options.sampling)
    if saved is not None and (like is not None or ignore_eos or partner is not None):
        raise UsageError("--resume-from excludes --like, --ignore-eos and --partner")
    if partner is None and any(each.kind == "fork" for each in conditions):
        raise UsageError("--until fork needs a second model", hint="name it with --partner MODEL")
    imitated = None if like is None else _imitated(like, options, force, actions)
    start = options.settled() if imitated is None else _start_like(imitated, options)
    named = model or "practice"
    if saved is not None:
        named, opening = reopened(saved.opening, model, start.opening)
        start = replace(start, opening=opening)
    special = options.question.frame.special
    planned = [] if actions is None else read_actions(actions, special)
    usual = 64 if conditions or (actions is None and like is None) else 0
    left = usual if steps is None else steps
    with open_session(
        named,
        start,
        output=output,
        ignore_eos=ignore_eos,
        saved=saved,
        beside=_beside(partner, second, start.opening),
    ) as opened:
        session, interruption = opened.session, opened.interruption
        stopped: BftuiError | None = None
        reached: Reached | None = None
        try:
            if force:
                session.do(Force(force, special))
            if imitated is not None:
                from bftui.session.records.replicate import Replication

                for place in Replication(session, imitated).actions():
                    opened.show(None, f"action {place + 1} of {imitated.counts['actions']}")
                    interruption.check()
            for place, (command, count) in enumerate(planned):
                _carry_out(session, command, count, interruption, f"{actions}: action {place}")
            opened.show.begin()
            on, reader = session.model_tree, session.partner
            made = steps_until(on, reader, session.do, conditions, left, greedy=greedy)
            for done, found in enumerate(made, start=1):
                reached = found
                opened.show(done / left, f"step {done} of {left}")
                interruption.check()
        except BftuiError as error:
            stopped = error
        try:
            session.recompute_stale()
            if stopped is None and (as_json or output is not None):
                stopped = measured_noise(session.model, opened)
        except BftuiError as error:
            # What was made is saved also without the model.
            stopped = stopped or error
        opened.show(None, "saving")
        if to_file(output):
            session.trace().save(output)
        opened.show.end()
        if conditions and stopped is None:
            ended = "the text ended" if session.ended else f"in {counted(left, 'token')}"
            opened.show.say(
                f"no condition of --until was met: {ended}" if reached is None else reached.line()
            )
        if as_json or (output is not None and not to_file(output)):
            for chunk in session.trace().chunks():
                sys.stdout.write(escaped_json(chunk))
        else:
            print(summary(session))
    if isinstance(stopped, Cancelled):
        kept = f"kept the {len(session.tree) - 1} tokens made so far"
        raise Cancelled("interrupted", kept) from stopped
    if stopped is not None:
        raise stopped
    return 0


def _beside(
    partner: str | None, second: o.PartnerOptions, opening: o.OpeningOptions
) -> o.SecondModel | None:
    """The second model that is asked for."""
    if partner is None:
        return None
    return o.SecondModel(partner, second.opening(opening), second.partner_template)


def _imitated(
    like: Path, options: o.SessionOptions, force: str | None, actions: Path | None
) -> TraceFile:
    """The trace whose actions are done; raises UsageError for options that it brings itself, InputError."""
    if (force, actions, options.question.text()) != (None, None, None):
        raise UsageError("--like excludes --prompt, --prompt-file, --force and --actions")
    if options.sampling != o.Sampling():
        raise UsageError("--like brings the sampler of the trace along")
    from bftui.session.records.open_trace import trace_file

    return trace_file(like)


def _start_like(trace: TraceFile, options: o.SessionOptions) -> o.SessionStart:
    """The prompt and the sampler of a trace; what is named of the frame takes the place of the trace's."""
    from bftui.model.prompt import Prompt
    from bftui.session.records.replicate import prompt_of, seen_by

    usual, named = Prompt(), options.question.frame.around("")
    changed = {
        each.name: getattr(named, each.name)
        for each in fields(named)
        if getattr(named, each.name) != getattr(usual, each.name)
    }
    prompt = replace(prompt_of(trace), **changed)
    start = o.SessionStart(prompt, trace.samplers[0], options.opening)
    if changed:
        return start
    return replace(start, rendered=lambda model: seen_by(model, trace, 0))


def _carry_out(
    session: Session, command: Command, count: int, interruption: Interruption, name: str
) -> None:
    """Does one entry of an actions file; steps end with the text. Raises InputError for what cannot be done."""
    from bftui.session.commands import Greedy, Step

    for _ in range(count):
        interruption.check()
        if (
            isinstance(command, Step | Greedy)
            and session.ended
            and not session.model_tree.ignore_eos
        ):
            return
        try:
            session.do(command)
        except (UsageError, InvalidToken, InputError) as error:
            raise InputError(f"{name} cannot be done", error.line()) from error


def summary(session: Session) -> str:
    """The text and what was measured on it, for people; safe to print."""
    from bftui.core.constrained import told_along
    from bftui.core.text import counted, label, safe

    tree = session.tree
    made = [node for node in tree.path(session.cursor)[1:] if not tree.of_prompt(node)]
    before = [tree.parent(node) or 0 for node in made]
    known = [pair for node in before if (pair := tree.entropies(node)) is not None]
    rendered = session.rendered
    # In a chat template the control tokens are what tells who speaks; other prompts are shown as they were written.
    written = [session.model.token_bytes(i) for i in rendered.token_ids]
    if rendered.template != "chat" and rendered.token_ids[0] == session.model.info.bos_id:
        del written[0]
    prompt = b"".join(written).decode(errors="replace")
    text = "\n".join(safe(line) for line in (prompt + session.text()).split("\n"))
    note = f"\n{safe(session.model.info.note)}" if session.model.info.note else ""
    if not known:
        return f"{text}\n{note}" if note else text
    full = math.exp(sum(pair[0] for pair in known) / len(known))
    truncated = math.exp(sum(pair[1] for pair in known) / len(known))
    stop = session.stop()
    ended = "ended" if session.ended else "not ended"
    ended = ended if stop is None else f"stopped at {label(stop.encode())}"
    parts = session.thinking()
    apart = "" if parts is None else f"\n{parts.line()}"
    governed = [
        (pair[1], here)
        for node in before
        if (here := tree.constraint(node)) is not None and (pair := tree.entropies(node))
    ]
    apart += f"\n{told_along(governed)}" if governed else ""
    return (
        f"{text}\n\n"
        f"{counted(len(known), 'token')}, {ended} · {BF_PATH.name} {truncated:.2f} ({BF_PATH.formula})"
        f" · over the full vocabulary {full:.2f}{apart}{note}"
    )


def read_actions(path: Path, special: Special = "text") -> list[tuple[Command, int]]:
    """An --actions file as commands and how often each is done; raises InputError that says which entry is wrong.

    `special` says what control tokens in texts to force are read as.
    """
    try:
        entries = json.loads(o.read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON", str(error)) from error
    if not isinstance(entries, list):
        raise InputError(f"{path} is not a list of actions")
    commands: list[tuple[Command, int]] = []
    for place, entry in enumerate(entries):
        try:
            commands.append(_command(entry, special))
        except ValueError as error:
            raise InputError(f"{path}: action {place} is wrong", str(error)) from None
    return commands


def _command(entry: Any, special: Special) -> tuple[Command, int]:
    from bftui.session.commands import OPS, Force, whole

    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError('an action is an object with one field, such as {"step": 3}')
    (name, value), *_ = entry.items()
    try:
        if name in ("step", "greedy"):
            return OPS[name](), whole(value, 0)
        command = OPS[name].from_value(value)
    except (KeyError, ValueError):
        raise ValueError(
            f"{json.dumps(entry)[:60]} is not an action; see `bftui record --help`"
        ) from None
    return (replace(command, special=special) if isinstance(command, Force) else command), 1
